"""Training: strategies (one file each) over one fitting loop, `edgecnn.training.fit`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.lazy import exports
from edgecnn.training.settings import FitSettings, TrainOptions

if TYPE_CHECKING:
    from edgecnn.training.epoch import Epoch
    from edgecnn.training.history import History
    from edgecnn.training.learner import Teacher
    from edgecnn.training.pipeline import Trained, remove_checkpoints, train
    from edgecnn.training.reading import open_rows
    from edgecnn.training.rows import TrainingRows

__all__ = [
    "Epoch",
    "FitSettings",
    "History",
    "Teacher",
    "TrainOptions",
    "Trained",
    "TrainingRows",
    "open_rows",
    "remove_checkpoints",
    "train",
]
__getattr__ = exports(
    __name__,
    epoch="Epoch",
    history="History",
    learner="Teacher",
    pipeline="Trained remove_checkpoints train",
    reading="open_rows",
    rows="TrainingRows",
)
