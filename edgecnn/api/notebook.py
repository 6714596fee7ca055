"""Progress in a notebook: one line that is redrawn under the cell."""

from __future__ import annotations

import sys
import time
from html import escape
from typing import Any

from edgecnn.core.progress import Progress, silent

_REDRAW_EVERY_S = 0.2


def progress_or(given: Progress | None) -> Progress:
    """The progress that was asked for; without one a bar in a notebook, and silence elsewhere."""
    if given is not None:
        return given
    return Bar() if in_notebook() else silent


def in_notebook() -> bool:
    """Whether this runs in a Jupyter kernel; IPython is not imported to find out."""
    ipython = sys.modules.get("IPython")
    shell: Any = ipython.get_ipython() if ipython else None
    return type(shell).__name__ == "ZMQInteractiveShell"


class Bar:
    """A progress element that is replaced as the work goes on."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._stage = ""
        self._shown = 0.0

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show one step."""
        now = time.monotonic()
        if stage == self._stage and done != total and now - self._shown < _REDRAW_EVERY_S:
            return
        self._stage, self._shown = stage, now
        from IPython.display import HTML, display

        shown = HTML(bar_html(stage, done, total))
        if self._handle is None:
            self._handle = display(shown, display_id=True)
        else:
            self._handle.update(shown)


def bar_html(stage: str, done: int, total: int) -> str:
    """The element; without a total only what is being done."""
    bar = f' <progress value="{done}" max="{total}"></progress> {done}/{total}' if total else ""
    return f"<div>{escape(stage)}{bar}</div>"
