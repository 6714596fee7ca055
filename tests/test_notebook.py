"""What a notebook shows: records as tables, training as curves, long work as a bar."""

from __future__ import annotations

import sys
import types
from html.parser import HTMLParser

import pytest

from edgecnn.api import notebook
from edgecnn.core.progress import silent
from edgecnn.core.statistics import Share
from edgecnn.runtime.model.html_table import html_table
from edgecnn.training.epoch import Epoch
from edgecnn.training.history import History


class Tags(HTMLParser):
    """Counts what is opened, and holds it against what is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_a_record_is_a_table_with_its_values() -> None:
    text = Share(99.0, 97.7, 99.6, 495, 500)._repr_html_()
    tags = Tags(text)
    assert not tags.open and tags.seen.count("tr") == 5
    assert "<th>percent</th><td>99.0</td>" in text and "<td>495</td>" in text


def test_hostile_and_endless_values_are_text_and_short() -> None:
    text = html_table({"<script>": ["<b>"] * 50, "long": "x" * 500, "deep": {"a": {"b": {"c": {"d": 1}}}}})
    assert "<script>" not in text and "&lt;b&gt;" in text and "and 38 more" in text
    assert not Tags(text).open and len(text) < 1000


def test_a_history_is_drawn() -> None:
    epochs = [
        Epoch(number, 1.0 / number, 50.0 + number, 1.1 / number, 40.0 + number, 1e-3, 1.0) for number in (1, 2, 3)
    ]
    text = History(tuple(epochs), 3)._repr_html_()
    assert text.count("<svg") == 2 and "validation" in text and "epoch" in text


def test_progress_is_silent_outside_of_a_notebook_and_a_bar_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    assert notebook.progress_or(None) is silent

    def own(stage: str, done: int, total: int) -> None: ...

    assert notebook.progress_or(own) is own
    shell = type("ZMQInteractiveShell", (), {})()
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    assert isinstance(notebook.progress_or(None), notebook.Bar)
    assert notebook.bar_html("<Training>", 3, 10) == (
        '<div>&lt;Training&gt; <progress value="3" max="10"></progress> 3/10</div>'
    )
