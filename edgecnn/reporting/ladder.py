"""What the ladder of `edgecnn quantize --max-drop` tried before it took this artifact."""

from __future__ import annotations

from edgecnn.html.page import paragraph, table
from edgecnn.profiling.text import digits
from edgecnn.runtime.model.model_file import ModelFile
from edgecnn.runtime.model.provenance import Skipped, Tried
from edgecnn.runtime.model.records import Share

_COLUMNS = (
    "configuration",
    "description",
    "verdict",
    "agreement",
    "drop, points",
    "MB",
    "ms on the host",
    "fps on the host",
)


def ladder(file: ModelFile) -> str:
    """The configurations that the contract lists; empty without any."""
    entries = file.contract.provenance.ladder
    if not entries:
        return ""
    sentence = (
        "Configurations in order of cost, evaluated on held-out images that were used neither for calibration "
        "nor for training, with 95 % confidence intervals. Use the latencies to compare configurations; they are "
        "not those of a board."
    )
    return table(_COLUMNS, [_row(entry) for entry in entries], numbers=False) + paragraph(sentence)


def _row(entry: Tried | Skipped) -> tuple[str, ...]:
    start = entry.configuration, entry.what
    if isinstance(entry, Skipped):
        return *start, f"skipped: {entry.reason.rstrip('.')}", *("",) * 5
    drop = _interval(entry.drop, "") if entry.drop else ""
    speed = digits(entry.latency_ms), digits(1000 / entry.latency_ms) if entry.latency_ms else ""
    figures = digits(entry.size_bytes / 1e6), *speed
    return *start, entry.verdict, _interval(entry.agreement, " %"), drop, *figures


def _interval(share: Share, unit: str) -> str:
    return f"{share.percent:.1f}{unit} [{share.low_percent:.1f}, {share.high_percent:.1f}]"
