"""What this process uses of the machine."""

from __future__ import annotations

import resource
import time
from typing import Any


class Usage:
    """What the process uses of the machine between entry and exit."""

    def __enter__(self) -> Usage:
        self._before, self._start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self._wall_s, self._after = time.perf_counter() - self._start, resource.getrusage(resource.RUSAGE_SELF)

    def figures(self, threads: int) -> dict[str, Any]:
        """Fields of a `Measurement`; `threads` is how many the model could use."""
        before, after = self._before, self._after
        cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return {
            "peak_rss_bytes": after.ru_maxrss * 1024,
            "cpu_share": round(cpu_s / self._wall_s / threads, 3),
            "preemptions": after.ru_nivcsw - before.ru_nivcsw,
        }


def rss_bytes() -> int:
    """Resident memory now; 0 where the system has no /proc."""
    try:
        with open("/proc/self/statm") as stream:
            return int(stream.read().split()[1]) * resource.getpagesize()
    except OSError:
        return 0
