"""How much of the machine other programs use while something is timed, and the clock that they don't stretch."""

from __future__ import annotations

import time

from ..portable import usage
from ..run.program import Program
from .latency import Plan
from .system import stat_seconds

_SHORTEST_S = 0.5  # the kernel counts in steps of 10 ms
_BUSY = (0, 1, 2, 5, 6)  # user, nice, system, interrupts, soft interrupts
_STOLEN = 7


class Others:
    """Watches the machine from its making on."""

    def __init__(self) -> None:
        self._before = self._look()

    def figures(self) -> dict[str, float | None]:
        """others and stolen: processors that other programs, and a hypervisor, used on average since then.

        None is what the machine doesn't tell, or what was too short to tell.
        """
        (start, own, seen), (end, own_after, seen_after) = self._before, self._look()
        if not seen or not seen_after or end - start < _SHORTEST_S:
            return {"others": None, "stolen": None}
        spent = [after - before for before, after in zip(seen, seen_after)]
        others = sum(spent[index] for index in _BUSY) - (own_after - own)
        return {
            "others": round(max(0.0, others / (end - start)), 3),
            "stolen": round(max(0.0, spent[_STOLEN] / (end - start)), 3),
        }

    @staticmethod
    def _look() -> tuple[float, float, list[float]]:
        return time.monotonic(), usage.processor_s(), stat_seconds()


def has_processor_clock(program: Program, plan: Plan) -> bool:
    """Whether all work is done by the calling thread: an accelerator, or more threads, work beside it."""
    return program.threads == 1 and plan.delegate == "cpu"


def preemptions() -> int:
    """How often the system has taken the processor away from this process; 0 where it doesn't count."""
    return usage.preemptions() or 0
