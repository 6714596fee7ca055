"""The fastest artifact within a bound: rungs from cheap to dear, until one holds on pictures that none has seen."""

from __future__ import annotations

from edgecnn.ladder.climb import blame, check, climb
from edgecnn.ladder.configurations import RUNGS, Rung
from edgecnn.ladder.values import Bounds, Climb, Skipped, Step, Training

__all__ = ["RUNGS", "Bounds", "Climb", "Rung", "Skipped", "Step", "Training", "blame", "check", "climb"]
