"""Accuracy-bounded quantization: configurations in order of cost, until one meets the bounds on held-out images.

`edgecnn.ladder.climb.climb` does it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.lazy import exports
from edgecnn.ladder.settings import Bounds, Training

if TYPE_CHECKING:
    from edgecnn.ladder.climb import blame, check
    from edgecnn.ladder.configurations import CONFIGURATIONS, Configuration
    from edgecnn.ladder.values import Climb, ClimbRecord
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
]
__getattr__ = exports(
    __name__,
    climb="blame check Skipped Tried",
    configurations="CONFIGURATIONS Configuration",
    values="Climb ClimbRecord",
)
