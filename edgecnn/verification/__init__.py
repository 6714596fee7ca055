"""Float against artifact: accuracy, agreement, the pictures that flipped, golden vectors."""

from __future__ import annotations

from edgecnn.verification.pipeline import check_bounds, verify
from edgecnn.verification.record import Verification

__all__ = ["Verification", "check_bounds", "verify"]
