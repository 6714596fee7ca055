"""What this process uses of memory and of the processors, as the system counts it."""

from __future__ import annotations

import ctypes
import os
import sys

if sys.platform == "win32":
    from ctypes import wintypes

    class _Counters(ctypes.Structure):
        """PROCESS_MEMORY_COUNTERS of psapi.h."""

        _fields_ = (
            ("size", wintypes.DWORD),
            ("page_faults", wintypes.DWORD),
            *((name, ctypes.c_size_t) for name in ("peak_working_set", "working_set")),
            *((f"other_{number}", ctypes.c_size_t) for number in range(6)),
        )

    def _memory() -> tuple[int, int]:
        """Peak and present working set in bytes."""
        counters = _Counters(size=ctypes.sizeof(_Counters))
        kernel = ctypes.WinDLL("kernel32")
        kernel.GetCurrentProcess.restype = wintypes.HANDLE
        found = kernel.K32GetProcessMemoryInfo(
            wintypes.HANDLE(kernel.GetCurrentProcess()), ctypes.byref(counters), counters.size
        )
        return (counters.peak_working_set, counters.working_set) if found else (0, 0)
else:
    import resource

_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024  # getrusage(2): bytes on macOS, kilobytes elsewhere


def peak_rss_bytes() -> int:
    """The largest resident memory so far."""
    if sys.platform == "win32":
        return _memory()[0]
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_UNIT


def rss_bytes() -> int:
    """Resident memory now; 0 where the system doesn't tell."""
    if sys.platform == "win32":
        return _memory()[1]
    if sys.platform == "darwin":
        return _rss_of_macos()
    try:
        with open("/proc/self/statm", encoding="ascii") as stream:
            return int(stream.read().split()[1]) * resource.getpagesize()
    except OSError:
        return 0


def _rss_of_macos() -> int:
    """`ri_resident_size` of struct rusage_info_v0 (sys/resource.h): 16 bytes, then 64-bit numbers, of which the 7th."""
    numbers = (ctypes.c_uint64 * 64)()  # more than any version of the struct has
    try:
        failed = ctypes.CDLL(None).proc_pid_rusage(os.getpid(), 0, numbers)
    except AttributeError:
        return 0
    return 0 if failed else int(numbers[2 + 6])


def preemptions() -> int | None:
    """How often the system has taken the processor away from this process; None where it doesn't count (Windows)."""
    if sys.platform == "win32":
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def processor_s() -> float:
    """Seconds of processor time of all threads so far."""
    spent = os.times()
    return spent.user + spent.system


def limit_processor(seconds: int) -> None:
    """Let the kernel end this process after so much processor time; a user's own limit, which may be lower, stays.

    Windows has no such limit.
    """
    if sys.platform == "win32":
        return
    present = resource.getrlimit(resource.RLIMIT_CPU)[1]
    limit = seconds if present == resource.RLIM_INFINITY else min(seconds, present)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))


def address_space_bytes() -> int | None:
    """The limit of this process's address space (`ulimit -v`); None without one."""
    if sys.platform == "win32":
        return None
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else limit


def processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def load_1min() -> float | None:
    """Programs that want a processor, on average over a minute; None on Windows, which doesn't count them."""
    return None if sys.platform == "win32" else round(os.getloadavg()[0], 2)


def memory_bytes() -> int | None:
    """The machine's memory; None on Windows."""
    return None if sys.platform == "win32" else os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def ticks_per_s() -> int:
    """The unit of the times in Linux's /proc."""
    return 100 if sys.platform == "win32" else os.sysconf("SC_CLK_TCK")
