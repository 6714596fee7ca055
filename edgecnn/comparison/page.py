"""The leaderboard as a page."""

from __future__ import annotations

from collections.abc import Sequence

from edgecnn.comparison import text
from edgecnn.comparison.leaderboard import Leaderboard
from edgecnn.core.text import counted
from edgecnn.html import charts
from edgecnn.html.page import Section, chart, page, paragraph, table


def leaderboard_page(board: Leaderboard) -> str:
    """The whole page."""
    count = len(board.rows)
    lead = f"{count} model{'s' * (count != 1)}, the best first; brackets hold 95 % intervals, of estimates 90 %."
    notes = "".join(paragraph(sentence, "note") for sentence in text.sentences(board))
    sections = [Section("Models", table(*text.table(board)) + notes)]
    return page("Comparison", lead, [*sections, *_bars(board)])


def _bars(board: Leaderboard) -> Sequence[Section]:
    """Latencies by device, threads and kind: only those of one place can be compared, and no estimate with them."""
    groups: dict[str, list[tuple[str, float, str]]] = {}
    for row in board.rows:
        for latency in row.latencies:
            title = f"Latency on {latency.device}, {counted(latency.threads, 'thread')}, {latency.kind}"
            groups.setdefault(title, []).append((row.model, latency.latency_ms, text.milliseconds(latency)))
    return [
        Section(title, chart(charts.bars(items, "milliseconds", summary=f"{title}, of each model")))
        for title, items in groups.items()
        if len(items) > 1
    ]
