"""A real pseudo-terminal of a given width, for what only a terminal shows."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import struct
import sys
import termios
import threading
from collections.abc import Callable, Iterator

import pytest


class Screen:
    """What was written to a pseudo-terminal so far."""

    def __init__(self, columns: int) -> None:
        self._reader, self.writer = pty.openpty()
        fcntl.ioctl(self.writer, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        self._parts: list[bytes] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # Linux: the last writer has closed its end
            while part := os.read(self._reader, 1 << 16):
                self._parts.append(part)

    def text(self) -> str:
        """All of it, once the writer has closed."""
        self._thread.join(10)
        os.close(self._reader)
        return b"".join(self._parts).decode().replace("\r\n", "\n")


@contextlib.contextmanager
def terminal(columns: int, patch: pytest.MonkeyPatch) -> Iterator[Screen]:
    """Standard output and standard error of this process are a terminal meanwhile."""
    screen = Screen(columns)
    with patch.context() as changed, open(screen.writer, "w", encoding="utf-8") as stream:
        changed.delenv("COLUMNS", raising=False)
        changed.setattr(sys, "stdout", stream)
        changed.setattr(sys, "stderr", stream)
        yield screen
        stream.flush()


def shown(columns: int, show: Callable[[], object], patch: pytest.MonkeyPatch) -> str:
    """What a function shows on a terminal of that width."""
    with terminal(columns, patch) as screen:
        show()
    return screen.text()
