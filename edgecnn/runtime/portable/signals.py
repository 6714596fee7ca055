"""The signals that this system has."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

if sys.platform == "win32":
    import _thread

    ENDING: tuple[int, ...] = (signal.SIGINT, signal.SIGTERM, signal.SIGBREAK)
    LATE: tuple[int, ...] = (signal.SIGINT,)
else:
    ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    LATE = (signal.SIGINT, signal.SIGALRM)
"""ENDING: Ctrl-C, `kill`, and a closed terminal (on Windows also Ctrl-Break) ask a program to end. LATE: may come while
Python ends.
"""


class Reminder:
    """Calls a function in the main thread a moment after `remind`, which may be called where nothing can be raised."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self._is_due = False
        if sys.platform != "win32":
            signal.signal(signal.SIGALRM, lambda number, frame: function())

    def remind(self, seconds: float) -> None:
        """Call the function after so many seconds."""
        if sys.platform == "win32":
            self._is_due = True
            threading.Timer(seconds, _thread.interrupt_main).start()
        else:
            signal.setitimer(signal.ITIMER_REAL, seconds)

    def is_due(self) -> bool:
        """Whether a SIGINT was the reminder; Windows has no other signal for it. Asked once, it is no more."""
        due, self._is_due = self._is_due, False
        return due


def by_default() -> None:
    """Let `kill` end a child at once; what there is to remove is its parent's."""
    for number in ENDING[1:]:
        signal.signal(number, signal.SIG_DFL)
