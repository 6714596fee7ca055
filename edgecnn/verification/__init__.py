"""Float against artifact: accuracy, agreement, the pictures that flipped, golden vectors."""

from __future__ import annotations

from edgecnn.verification.pipeline import Verification, check_bounds, verify

__all__ = ["Verification", "check_bounds", "verify"]
