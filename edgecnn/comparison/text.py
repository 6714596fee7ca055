"""The leaderboard for people: rows of short texts."""

from __future__ import annotations

from collections.abc import Iterator

from edgecnn.comparison.leaderboard import Latency, Leaderboard, Standing
from edgecnn.profiling.text import digits

_COLUMNS = ("model", "accuracy", "behind", "latency", "kind", "fps", "size", "device", "threads", "energy")
_NOTHING = ("", "-")
DROP_FIRST = ("energy", "threads", "device", "fps", "size", "kind")


def table(board: Leaderboard) -> tuple[list[str], list[list[str]]]:
    """Columns and rows; a column in which no model has anything is left out."""
    filled = list(_rows(board))
    kept = [place for place, name in enumerate(_COLUMNS) if any(row[place] not in _NOTHING for row in filled)]
    return [_COLUMNS[place] for place in kept], [[row[place] for place in kept] for row in filled]


def _rows(board: Leaderboard) -> Iterator[list[str]]:
    """A line per model, and more for further latencies of it."""
    for row in board.rows:
        first, *others = row.latencies or (None,)
        yield [row.model, accuracy(row), behind(row), *_latency(first, f"{row.size_bytes / 1e6:.2f} MB")]
        for latency in others:
            yield ["", "", "", *_latency(latency, "")]


def accuracy(row: Standing) -> str:
    """With its interval."""
    return "-" if row.accuracy is None else f"{row.metric} {row.accuracy}"


def behind(row: Standing) -> str:
    """Points less than the first row's on the same images, and whether that is more than chance."""
    if row.behind is None:
        return "-"
    low, high = row.behind.low_percent, row.behind.high_percent
    shown = "no difference shown" if low <= 0 <= high else "points"
    return f"{row.behind.percent:.1f} [{low:.1f}, {high:.1f}] {shown}"


def _latency(latency: Latency | None, size: str) -> list[str]:
    if latency is None:
        return ["-", "-", "-", size, "-", "-", "-"]
    energy = "-" if latency.energy_mj is None else f"{digits(latency.energy_mj)} mJ"
    return [
        milliseconds(latency), latency.kind, digits(latency.fps), size, latency.device, str(latency.threads), energy
    ]  # fmt: skip


def milliseconds(latency: Latency) -> str:
    """With its interval."""
    low, high = latency.interval_ms
    return f"{digits(latency.latency_ms)} ms [{digits(low)}, {digits(high)}]"


def sentences(board: Leaderboard) -> Iterator[str]:
    """Ratios, what was left out, and what a reader should know."""
    yield from (ratio.sentence() for ratio in board.ratios)
    if board.left_out:
        yield f"Left out by the bounds: {', '.join(board.left_out)}."
    yield from board.notes
