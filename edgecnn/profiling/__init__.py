"""How fast a model is on a machine, and how far that figure can be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.lazy import exports

if TYPE_CHECKING:
    from edgecnn.profiling.latency import ModelFacts, Profile, Row, facts, profile, thread_counts

__all__ = ["ModelFacts", "Profile", "Row", "facts", "profile", "thread_counts"]
__getattr__ = exports(__name__, latency=" ".join(__all__))
