"""How long-running work tells how far it is: a callable, so that the library prints nothing by itself."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from edgecnn.runtime.model.json_text import printable

# (what is being done, how many are done, how many there are; 0 where it is not known)
Progress = Callable[[str, int, int], None]

_LINE_EVERY_S = 10.0
_REDRAW_EVERY_S = 0.1
_BAR_CELLS = 24


def silent(stage: str, done: int, total: int) -> None:
    """No progress."""


class Terminal:
    """A bar with the time left on a terminal's standard error; elsewhere a line at each stage and every 10 s."""

    def __init__(self) -> None:
        self._stage = ""
        self._started = 0.0
        self._shown = 0.0
        self._is_terminal = sys.stderr.isatty()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show one step."""
        now = time.monotonic()
        new = stage != self._stage
        if new:
            self._finish_line()
            self._stage, self._started = stage, now
        pause = _REDRAW_EVERY_S if self._is_terminal else _LINE_EVERY_S
        if new or now - self._shown >= pause or (self._is_terminal and done == total):
            self._shown = now
            self._write(done, total, now - self._started)

    def close(self) -> None:
        """End the last line."""
        self._finish_line()
        self._stage = ""

    def _write(self, done: int, total: int, elapsed: float) -> None:
        text = printable(self._stage)
        if total:
            filled = _BAR_CELLS * done // total
            left = f", {elapsed / done * (total - done):.0f} s left" if done else ""
            text += f" [{'#' * filled}{'.' * (_BAR_CELLS - filled)}] {done}/{total}{left}"
        sys.stderr.write(f"\r\033[K{text}" if self._is_terminal else f"{text}\n")
        sys.stderr.flush()

    def _finish_line(self) -> None:
        if self._stage and self._is_terminal:
            sys.stderr.write("\n")
