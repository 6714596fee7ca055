"""Processes: whether they can fork, which are alive, their sessions, and pipes to them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
from typing import Any

FORKS = hasattr(os, "fork")
FORKS_AT_ANY_TIME = FORKS and sys.platform != "darwin"
"""On macOS only a process that has used no library of Apple's (threads, matrix products) may fork and go on."""
OWN_SESSION: dict[str, Any]
if sys.platform == "win32":
    OWN_SESSION = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
else:
    OWN_SESSION = {"start_new_session": True}
"""Words for `subprocess.Popen`: a Ctrl-C at the terminal reaches us, not the child."""
_USER = getattr(os, "geteuid", lambda: 0)


def user() -> int:
    """The number of the user; 0 on Windows."""
    return int(_USER())


def readable(handles: list[int], seconds: float | None) -> list[int]:
    """Which pipes have something to read, or have ended, within so many seconds.

    Windows can't wait for a pipe: all are named, and reading from one waits as long as it takes.
    """
    return handles if sys.platform == "win32" else select.select(handles, [], [], seconds)[0]


def is_alive(process: int) -> bool:
    """Whether there is a process of that number, of any user."""
    if sys.platform == "win32":
        return _is_alive_on_windows(process)
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        pass
    return True


def _is_alive_on_windows(process: int) -> bool:
    """`os.kill` with 0 would send it a Ctrl-C there."""
    if sys.platform != "win32":
        return False
    kernel = ctypes.WinDLL("kernel32")
    kernel.OpenProcess.restype = ctypes.c_void_p
    synchronize, signaled = 0x00100000, 0
    handle = kernel.OpenProcess(synchronize, False, process)
    if not handle:
        return False
    try:
        return int(kernel.WaitForSingleObject(ctypes.c_void_p(handle), 0)) != signaled
    finally:
        kernel.CloseHandle(ctypes.c_void_p(handle))


def why(status: int) -> str:
    """What ended a child; `status` as of `subprocess`: negative is a signal's number."""
    if status < 0:
        with contextlib.suppress(ValueError):
            return f"signal {signal.Signals(-status).name}"
        return f"signal {-status}"
    return f"exit status {status}" if status < 1 << 16 else f"exit status 0x{status:08X}"
