"""Float against artifact: accuracy, agreement, the images that flipped, golden vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.lazy import exports

if TYPE_CHECKING:
    from edgecnn.verification.pipeline import check_bounds, verify
    from edgecnn.verification.record import Verification

__all__ = ["Verification", "check_bounds", "verify"]
__getattr__ = exports(__name__, pipeline="check_bounds verify", record="Verification")
