"""Latency and energy of models on boards that are not at hand, estimated from measurements of other models.

A law (`edgecnn.estimation.law`) prices the work that a graph has to do (`edgecnn.estimation.work`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.lazy import exports

if TYPE_CHECKING:
    from edgecnn.estimation.estimating import estimate
    from edgecnn.estimation.record import Estimate

__all__ = ["Estimate", "estimate"]
__getattr__ = exports(__name__, estimating="estimate", record="Estimate")
