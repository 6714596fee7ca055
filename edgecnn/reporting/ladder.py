"""What the ladder of `edgecnn quantize --max-drop` tried before it took this artifact."""

from __future__ import annotations

from typing import Any

from edgecnn.html.page import paragraph, table
from edgecnn.runtime.model.model_file import ModelFile

_COLUMNS = ("rung", "what it is", "verdict", "agreement", "drop, points", "MB", "ms on the host")


def ladder(file: ModelFile) -> str:
    """The account in the contract; empty without one."""
    account = file.contract.provenance.get("ladder")
    if not account:
        return ""
    sentence = (
        "Rungs from cheap to dear, judged on pictures that were neither calibrated nor trained on, with 95 % "
        "confidence intervals. The times compare the rungs; they say nothing of a board."
    )
    return table(_COLUMNS, [_row(entry) for entry in account], numbers=False) + paragraph(sentence)


def _row(entry: dict[str, Any]) -> tuple[str, ...]:
    start = entry["rung"], entry["what"]
    if entry["verdict"] == "skipped":
        return *start, f"skipped: {entry['reason'].rstrip('.')}", "", "", "", ""
    drop = _interval(entry["drop"], "") if entry["drop"] else ""
    figures = f"{entry['size_bytes'] / 1e6:.2f}", f"{entry['latency_ms']:.2f}"
    return *start, entry["verdict"], _interval(entry["agreement"], " %"), drop, *figures


def _interval(share: dict[str, float], unit: str) -> str:
    return f"{share['percent']:.1f}{unit} [{share['low_percent']:.1f}, {share['high_percent']:.1f}]"
