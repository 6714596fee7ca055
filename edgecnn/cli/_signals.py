"""Ctrl-C, `kill` and a closed terminal end a command as an error would, so that temporary files are removed."""

from __future__ import annotations

import signal
import sys
from typing import Any, NoReturn

from edgecnn.runtime.portable import signals

_received: list[int] = []


def catch() -> None:
    """Let Ctrl-C, `kill` and a closed terminal raise in the main thread; where one is ignored (`nohup`) it stays so.

    A second `kill` ends the process at once.
    """
    reminder = signals.Reminder(end)

    def again(ignored: Any) -> None:
        """What a signal raised while Python cleaned an object up was dropped; raise it once more, a moment later."""
        if _received and issubclass(ignored.exc_type, (KeyboardInterrupt, SystemExit)):
            reminder.remind(0.02)
        else:
            sys.__unraisablehook__(ignored)

    def receive(number: int, frame: Any) -> None:
        if not reminder.is_due():
            _received.append(number)
            if number != signal.SIGINT:
                signal.signal(number, signal.SIG_DFL)
        end()

    sys.unraisablehook = again
    for number in signals.ENDING:
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, receive)


def received() -> bool:
    """Whether such a signal came. Libraries may turn what it raised into another error, or drop it."""
    return bool(_received)


def end() -> NoReturn:
    """Raise what belongs to the signal that came.

    Raises:
        KeyboardInterrupt: it was SIGINT.
        SystemExit: it was another; its status is that of a shell.
    """
    if _received[-1] == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + _received[-1])
