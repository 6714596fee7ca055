"""What a demo does to its process while it runs: signals, and the turns of threads."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

from edgecnn.runtime.portable.signals import ENDING

# Python lets a thread run 5 ms before another gets its turn; a page's threads would delay answers by that much.
_SWITCH_INTERVAL_S = 0.0005


@contextlib.contextmanager
def ending_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Ctrl-C, `kill` and a closed terminal end the demo in good order; a second Ctrl-C ends it at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: Any) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        stop()

    before = {number: signal.signal(number, end) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def short_turns() -> Iterator[None]:
    """Let threads take turns often."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
