"""The result as a page."""

from __future__ import annotations

from collections.abc import Sequence

from edgecnn.html import charts
from edgecnn.html.page import Section, chart, page, paragraph, table
from edgecnn.searching import text
from edgecnn.searching.front import Point, front
from edgecnn.searching.outcome import sentence
from edgecnn.searching.record import Row, SearchResult

_LATENCY = "latency in milliseconds"


def search_page(found: SearchResult) -> str:
    """The whole page."""
    bounds = ", ".join(f"--{name.replace('_', '-')} {value}" for name, value in found.constraints.items())
    best = next((row for row in found.rows if row.state == "best"), None)
    lead = sentence(best, found.metric) if best else f"No finalist meets the constraints ({bounds})."
    notes = "".join(paragraph(line, "note") for line in text.sentences(found))
    where = f"on {found.device}, measured" if found.device else "estimated"
    sections = [
        Section("Accuracy and latency", _plot(found) + notes),
        Section(f"Finalists ({where}{'; ' * bool(bounds)}{bounds})", _table(text.COLUMNS, text.rows(found))),
        Section("Trials", _table(text.COLUMNS, text.tried(found))),
        Section("Discarded", _table(text.DISCARDED, text.discarded(found))),
    ]
    return page(f"Search on {found.data}", lead, sections)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return table(columns, rows) if rows else ""


def _plot(found: SearchResult) -> str:
    rows = [row for row in found.rows if row.accuracy is not None and row.latency_ms and row.state != "discarded"]
    finalists = [row for row in rows if row.accuracy_kind == "artifact"]
    measured = [row for row in finalists if row.latency_kind != "estimated"]
    estimated = [row for row in finalists if row.latency_kind == "estimated"]
    series = [
        ("artifact, latency measured", [_marks(row) for row in measured]),
        ("artifact, latency estimated", [_marks(row) for row in estimated]),
        ("short trial, latency estimated", [_marks(row) for row in rows if row.accuracy_kind == "trial"]),
    ]
    if not rows:
        return ""
    points = [_point(row) for row in finalists]
    line = [points[place] for place in front(points)]
    title = f"{found.metric} accuracy in percent"
    caption = "Intervals: 95 % of accuracies and measured latencies, 90 % of estimates."
    return chart(charts.scatter(series, _LATENCY, title, front=line), caption)


def _point(row: Row) -> Point:
    return Point(row.latency_ms or 0.0, row.accuracy.percent if row.accuracy else 0.0)


def _marks(row: Row) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    assert row.latency_ms and row.interval_ms and row.accuracy
    accuracy = (row.accuracy.percent, row.accuracy.low_percent, row.accuracy.high_percent)
    return (row.latency_ms, *row.interval_ms), accuracy
