"""What this process uses of the machine."""

from __future__ import annotations

import time
from typing import Any

from ..portable import usage


class Usage:
    """What the process uses of the machine between entry and exit."""

    def __enter__(self) -> Usage:
        self._before, self._start = self._look(), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self._wall_s, self._after = time.perf_counter() - self._start, self._look()
        self._peak_bytes = usage.peak_rss_bytes()

    def figures(self, threads: int) -> dict[str, Any]:
        """Fields of a `Measurement`; `threads` is how many the model could use."""
        (cpu_s, preempted), (cpu_s_after, preempted_after) = self._before, self._after
        return {
            "peak_rss_bytes": self._peak_bytes,
            "cpu_share": round((cpu_s_after - cpu_s) / self._wall_s / threads, 3),
            "preemptions": None if preempted is None or preempted_after is None else preempted_after - preempted,
        }

    @staticmethod
    def _look() -> tuple[float, int | None]:
        return usage.processor_s(), usage.preemptions()
