"""The fastest artifact within a bound: rungs from cheap to dear, until one holds on pictures that none has seen."""

from __future__ import annotations

from edgecnn.quantize.ladder._climb import blame, check, climb
from edgecnn.quantize.ladder._rungs import RUNGS, Rung
from edgecnn.quantize.ladder._values import Bounds, Climb, Skipped, Step, Training

__all__ = ["RUNGS", "Bounds", "Climb", "Rung", "Skipped", "Step", "Training", "blame", "check", "climb"]
