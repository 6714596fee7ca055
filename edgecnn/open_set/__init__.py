"""Open-set recognition: when a classifier's answer is "none of these", set on held-out images to a false-alarm rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.lazy import exports
from edgecnn.open_set.settings import OpenSetSettings

if TYPE_CHECKING:
    from edgecnn.open_set.pipeline import set_rejection
    from edgecnn.open_set.record import OpenSet

__all__ = ["OpenSet", "OpenSetSettings", "set_rejection"]
__getattr__ = exports(__name__, pipeline="set_rejection", record="OpenSet")
