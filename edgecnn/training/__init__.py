"""Training: strategies (one file each) over one fitting loop."""

from __future__ import annotations

from edgecnn.training.fit import fit
from edgecnn.training.history import Epoch, History
from edgecnn.training.learner import Teacher
from edgecnn.training.pipeline import Trained, TrainOptions, remove_checkpoints, train
from edgecnn.training.reading import open_rows
from edgecnn.training.rows import TrainingRows
from edgecnn.training.settings import FitSettings

__all__ = [
    "Epoch",
    "FitSettings",
    "History",
    "Teacher",
    "TrainOptions",
    "Trained",
    "TrainingRows",
    "fit",
    "open_rows",
    "remove_checkpoints",
    "train",
]
