"""How long-running work tells how far it is: a callable, so that the library prints nothing by itself."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from edgecnn.core.layout import cells, terminal_width
from edgecnn.runtime.model.json_text import printable

# (what is being done, how many are done, how many there are; 0 where it is not known)
Progress = Callable[[str, int, int], None]

_LINE_EVERY_S = 10.0
_REDRAW_EVERY_S = 0.1
_BAR_CELLS = 24
_FEWEST_CELLS = 6
_TELLING_S = 2.0  # before that, the time left is a guess: what comes first is often faster or slower
_MINUTES_S = 90


def silent(stage: str, done: int, total: int) -> None:
    """No progress."""


class Terminal:
    """A bar with the time left on a terminal's standard error; elsewhere a line at each stage and every 10 s."""

    def __init__(self) -> None:
        self._stage = ""
        self._started = 0.0
        self._shown = 0.0
        self._drawn = False
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

    def between(self, note: Callable[[str], None]) -> Callable[[str], None]:
        """The same way to tell a person something, on lines of their own: the bar leaves, and comes back below."""

        def tell(text: str) -> None:
            if self._stage and self._is_terminal:
                sys.stderr.write("\r\033[K")
                sys.stderr.flush()
                self._drawn = False
            note(text)

        return tell

    def close(self) -> None:
        """End the last line."""
        self._finish_line()
        self._stage = ""

    def _write(self, done: int, total: int, elapsed_s: float) -> None:
        text = line(printable(self._stage), done, total, elapsed_s, terminal_width(sys.stderr))
        sys.stderr.write(f"\r\033[K{text}" if self._is_terminal else f"{text}\n")
        sys.stderr.flush()
        self._drawn = True

    def _finish_line(self) -> None:
        if self._drawn and self._is_terminal:
            sys.stderr.write("\n")
        self._drawn = False


def line(stage: str, done: int, total: int, elapsed_s: float, width: int | None = None) -> str:
    """One line of progress.

    Args:
        stage: what is being done.
        done: how many steps.
        total: of how many; 0 where it isn't known.
        elapsed_s: since the stage began.
        width: in columns of a terminal; the bar shrinks first, then the stage's name is cut, then the bar leaves.
    """
    count = f" {done}/{total}{_left(done, total, elapsed_s)}" if total else ""
    room = None if width is None else width - 1 - cells(count)  # a full last column would start a new line
    if not total or (room is not None and room < 3 * _FEWEST_CELLS):
        return _cut(_cut(stage, room) + count, None if width is None else width - 1)
    bar = _BAR_CELLS if room is None else min(_BAR_CELLS, max(_FEWEST_CELLS, room - cells(stage) - 3))
    filled = bar * min(done, total) // total
    return f"{_cut(stage, None if room is None else room - bar - 3)} [{'#' * filled}{'.' * (bar - filled)}]{count}"


def _left(done: int, total: int, elapsed_s: float) -> str:
    """The time left, once it can be told."""
    if not done or done >= total or elapsed_s < _TELLING_S:
        return ""
    left_s = max(1.0, elapsed_s / done * (total - done))
    return f", {left_s:.0f} s left" if left_s < _MINUTES_S else f", {left_s / 60:.0f} min left"


def _cut(text: str, room: int | None) -> str:
    if room is None or cells(text) <= room:
        return text
    while text and cells(text) >= room:
        text = text[:-1]
    return f"{text}…"
