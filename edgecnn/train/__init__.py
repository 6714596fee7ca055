"""Training: strategies (one file each) over one fitting loop."""

from __future__ import annotations

from edgecnn.train._fit import fit
from edgecnn.train._history import Epoch, History
from edgecnn.train._learner import Teacher
from edgecnn.train._settings import FitSettings
from edgecnn.train._source import Source, source
from edgecnn.train._sources import open_sources
from edgecnn.train._train import Trained, TrainOptions, remove_checkpoints, train

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
