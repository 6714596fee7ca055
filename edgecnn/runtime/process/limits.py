"""How long a job may take, for both sides: who runs it, and who waits for it."""

from __future__ import annotations

HANG_S = 600.0
"""For loading a model and all that isn't measured."""


def measuring_s(budget_s: float) -> float:
    """Seconds after which one measurement with such a budget hangs."""
    return budget_s * 2 + HANG_S
