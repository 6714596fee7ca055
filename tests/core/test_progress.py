"""The bar of long-running work, on a terminal and elsewhere."""

from __future__ import annotations

import io
import sys

import pytest
from terminal import shown, terminal

from edgecnn.core import progress
from edgecnn.core.layout import cells
from edgecnn.core.progress import Terminal, line


def test_a_bar_never_begins_with_a_time_left() -> None:
    assert line("Training", 0, 10, 0.0) == "Training [........................] 0/10"
    assert "left" not in line("Training", 1, 10, 0.01)
    assert line("Training", 5, 10, 20.0).endswith("5/10, 20 s left")
    assert line("Training", 999, 1000, 20.0).endswith("999/1000, 1 s left"), "never 0 while something is left"
    assert line("Training", 10, 1000, 20.0).endswith("10/1000, 33 min left")
    assert "left" not in line("Training", 10, 10, 20.0)


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120])
@pytest.mark.parametrize(
    "stage", ["short", "Measuring a_model_with_quite_a_long_name.tflite, 4 threads", "測定中" * 20]
)
def test_a_bar_fits_the_width(stage: str, width: int) -> None:
    for done, total, elapsed_s in ((0, 0, 0.0), (3, 10, 0.0), (3, 1000, 50.0), (10, 10, 99.0)):
        text = line(stage, done, total, elapsed_s, width)
        assert cells(text) < width, text
        assert not total or f"{done}/{total}" in text


def test_a_bar_on_a_terminal_stays_on_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def work() -> None:
        bar = Terminal()
        for done in range(4):
            bar("A stage with a name that is longer than the terminal is wide", done, 3)
        bar.between(lambda text: print(text, file=sys.stderr))("A note.")
        bar.close()

    monkeypatch.setattr(progress, "_REDRAW_EVERY_S", 0.0)
    text = shown(40, work, monkeypatch)
    drawn = text.split("\r\x1b[K")
    assert all(cells(part.rstrip("\n")) < 40 for part in drawn) and len(drawn) == 6
    assert drawn[-1] == "A note.\n" and "3/3" in drawn[-2]


def test_the_width_is_that_of_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(50, monkeypatch) as screen:
        monkeypatch.setattr(sys, "stdout", io.StringIO())
        bar = Terminal()
        bar("x" * 100, 1, 2)
        bar.close()
    drawn = screen.text().replace("\x1b[K", "").strip("\r\n")
    assert 40 < cells(drawn) < 50


def test_a_file_gets_a_line_per_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    bar = Terminal()
    for done in range(3):
        bar("One", done, 3)
    bar("Two", 0, 0)
    bar.between(stream.write)("A note.\n")
    bar.close()
    assert stream.getvalue() == f"One [{'.' * 24}] 0/3\nTwo\nA note.\n"
