"""The section on where the time goes: bars per operator, and a table per type."""

from __future__ import annotations

from edgecnn.html import charts
from edgecnn.html.page import chart, paragraph, side_by_side, table
from edgecnn.profiling.per_op import OperatorTime, PerOperator
from edgecnn.profiling.per_op_text import by_type

MOST = 24


def operators(measured: PerOperator) -> str:
    """Bars of the most expensive operators in execution order, the sums by type, and what limits them."""
    rows = measured.operators
    chosen = sorted(sorted(rows, key=lambda row: -row.share)[:MOST], key=lambda row: row.index)
    items = [(row.layer, row.latency_ms or 0.0, _text(row)) for row in chosen]
    rest = sum(row.share for row in rows) - sum(row.share for row in chosen)
    summary = f"Milliseconds of the {len(chosen)} most expensive of {len(rows)} operators"
    parts = [table(("type", "count", "million MAC", "ms", "share"), by_type(rows)[1])]
    if rest > 0.0005:
        parts.insert(0, paragraph(f"The other {len(rows) - len(chosen)} operators take {rest:.1%} together.", "note"))
    parts += [paragraph(sentence, "note") for sentence in measured.remarks]
    drawing = charts.bars(items, "ms per inference", summary=summary)
    return side_by_side(chart(drawing), f"<div>{''.join(parts)}</div>")


def _text(row: OperatorTime) -> str:
    return f"{row.latency_ms or 0.0:.3f} ms, {row.share:.1%}"
