"""Training: strategies (one file each) over one fitting loop."""

from __future__ import annotations

from edgecnn.training.fit import fit
from edgecnn.training.history import Epoch, History
from edgecnn.training.learner import Teacher
from edgecnn.training.pipeline import Trained, TrainOptions, remove_checkpoints, train
from edgecnn.training.rows import Source, source
from edgecnn.training.settings import FitSettings
from edgecnn.training.sources import open_sources

__all__ = [
    "Epoch",
    "FitSettings",
    "History",
    "Source",
    "Teacher",
    "TrainOptions",
    "Trained",
    "fit",
    "open_sources",
    "remove_checkpoints",
    "source",
    "train",
]
