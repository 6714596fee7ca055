"""Training: strategies (one file each) over one fitting loop, `edgecnn.training.fit`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.lazy import exports
from edgecnn.training.settings import FitSettings, TrainOptions

if TYPE_CHECKING:
    from edgecnn.training.history import Epoch, History
    from edgecnn.training.learner import Teacher
    from edgecnn.training.pipeline import Trained, remove_checkpoints, train
    from edgecnn.training.rows import Source, source
    from edgecnn.training.sources import open_sources

__all__ = [
    "Epoch",
    "FitSettings",
    "History",
    "Source",
    "Teacher",
    "TrainOptions",
    "Trained",
    "open_sources",
    "remove_checkpoints",
    "source",
    "train",
]
__getattr__ = exports(
    __name__,
    history="Epoch History",
    learner="Teacher",
    pipeline="Trained remove_checkpoints train",
    rows="Source source",
    sources="open_sources",
)
