"""Accuracy-bounded quantization: configurations in order of cost, until one meets the bounds on held-out images."""

from __future__ import annotations

from edgecnn.ladder.climb import blame, check, climb
from edgecnn.ladder.configurations import CONFIGURATIONS, Configuration
from edgecnn.ladder.values import Bounds, Climb, ClimbRecord, Training
from edgecnn.runtime.model.provenance import Skipped, Tried

__all__ = [
    "CONFIGURATIONS",
    "Bounds",
    "Climb",
    "ClimbRecord",
    "Configuration",
    "Skipped",
    "Training",
    "Tried",
    "blame",
    "check",
    "climb",
]
