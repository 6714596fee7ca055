"""The fastest artifact within a bound: rungs from cheap to dear, until one holds on pictures that none has seen.

`edgecnn.ladder.climb.climb` does it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.lazy import exports
from edgecnn.ladder.settings import Bounds, Training

if TYPE_CHECKING:
    from edgecnn.ladder.climb import blame, check
    from edgecnn.ladder.configurations import RUNGS, Rung
    from edgecnn.ladder.values import Climb, Skipped, Step

__all__ = ["RUNGS", "Bounds", "Climb", "Rung", "Skipped", "Step", "Training", "blame", "check"]
__getattr__ = exports(__name__, climb="blame check", configurations="RUNGS Rung", values="Climb Skipped Step")
