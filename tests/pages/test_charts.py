"""Drawings: what they show stands where its value is, they are the same each time, and names from outside are text."""

from __future__ import annotations

import re
import sys
from xml.etree import ElementTree

import numpy as np
import pytest

from edgecnn.html import charts
from edgecnn.html.page import chart, styled

VALUES = [float(value) for value in np.random.default_rng(0).gamma(2, 1, 500)]
DRAWINGS = {
    "histogram": lambda: charts.histogram(VALUES, "ms", marks=[(12.0, "code 255: 12")]),
    "bars": lambda: charts.bars([("a", 1.0, "1 ms"), ("b", 0.0, "0 ms")], "ms", summary="two"),
    "lines": lambda: charts.lines([1, 2], [("a", [1, 2]), ("b", [2, float("nan")])], "epoch", "loss"),
    "boxes": lambda: charts.boxes([((1, 1, 5, 5), "5 px"), ((0, 0, 9, 9), "9 px")], (9, 16), "pixels"),
}


@pytest.fixture
def library() -> None:
    pytest.importorskip("matplotlib")


def texts(drawing: str, anchor: str = "") -> dict[str, float]:
    """Where each text's anchor stands from left to right; of the texts anchored so."""
    found = {}
    for element in ElementTree.fromstring(drawing).iter("text"):
        place = re.search(r"translate\(([-\d.]+)", element.get("transform", ""))
        if anchor in element.get("style", ""):
            found[element.text or ""] = float(element.get("x") or (place.group(1) if place else "nan"))
    return found


def marks(drawing: str) -> list[float]:
    return [float(x) for x in re.findall(r'<g class="mark"><path d="M ([\d.]+)', drawing)]


@pytest.mark.parametrize("name", DRAWINGS)
def test_equal_input_gives_equal_self_contained_drawings(library: None, name: str) -> None:
    drawing = DRAWINGS[name]()
    assert drawing == DRAWINGS[name]()
    ElementTree.fromstring(drawing)
    assert not re.search(r"\bid=|url\(|href|<script|<style|metadata|20\d\d-|\bon\w+=", drawing)
    assert not re.search(r"#[0-9a-f]{6}", drawing), "a color that doesn't follow light and dark"


@pytest.mark.parametrize("value", [12.0, 3.0, 40.0, -7.0])
def test_a_mark_stands_where_its_value_is(library: None, value: float) -> None:
    """Held against the ticks of the axis; beyond all values too."""
    drawing = charts.histogram(VALUES, "activation", marks=[(value, "code")])
    ticks = {float(text.replace("\N{MINUS SIGN}", "-")): x for text, x in texts(drawing, "middle").items()}
    (low, first), *_, (high, last) = sorted(ticks.items())
    expected = first + (value - low) / (high - low) * (last - first)
    assert marks(drawing) == [pytest.approx(expected, abs=0.5)]


@pytest.mark.parametrize(
    "values", [[1.0], [2.0, 2.0, 2.0], [1.0, 1.1, 1.2, 50.0], list(range(500)), [float("nan"), 1.0], []]
)
def test_a_histogram_counts_every_finite_value(library: None, values: list[float]) -> None:
    drawing = charts.histogram(values, "ms", marks=[(1.0, "median")])
    ElementTree.fromstring(drawing)
    assert drawing.count('class="bar"') == 1
    assert f"Histogram of {sum(value == value for value in values)} values of ms" in drawing


def test_names_from_outside_are_text(library: None, recwarn: pytest.WarningsRecorder) -> None:
    evil = "<b>$\\frac{1}{0}$ & --> 猫"
    drawing = charts.bars([(evil, 1.0, "1")], "ms", summary=evil)
    assert [text for text in texts(drawing) if "frac" in text] == [evil]
    assert not recwarn.list


def test_a_user_s_own_style_changes_nothing(library: None) -> None:
    import matplotlib

    before = DRAWINGS["lines"]()
    with matplotlib.rc_context({"lines.linewidth": 9, "axes.facecolor": "#ff0000", "font.size": 30}):
        assert DRAWINGS["lines"]() == before


@pytest.mark.parametrize("name", DRAWINGS)
def test_without_the_library_a_note_says_how_to_get_charts(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    note = chart(DRAWINGS[name](), "Caption")
    assert "<svg" not in note and "pip install &quot;edgecnn[host]&quot;" in note


def test_a_notebook_s_own_elements_keep_their_style() -> None:
    style = re.search("<style>(.*)</style>", styled(""), re.DOTALL).group(1)
    selectors = re.findall(r"(?:^|[{}])\s*([^@{}]+?)\s*\{", style)
    assert selectors and all(selector.startswith((".edgecnn", ".chart")) for selector in selectors)


def test_series_differ_in_shape_too() -> None:
    """Markers are drawn in place: what refers to definitions would show nothing once ids are gone."""
    point = ((1.0, 0.9, 1.1), (50.0, 40.0, 60.0))
    svg = charts.scatter([("measured", [point, point]), ("estimated", [point])], "ms", "percent")
    assert "<use" not in svg and "<defs" not in svg and "id=" not in svg
    shapes = re.findall(r'<path d="([^"]+)" transform="translate', svg)
    assert len(shapes) == 5 and len(set(shapes)) == 2  # one of each series in the legend
    assert svg.count("fill-opacity: 0;") == 2  # the second series is hollow
