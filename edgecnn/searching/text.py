"""The result for people: rows of short texts."""

from __future__ import annotations

from collections.abc import Iterator

from edgecnn.core.text import counted
from edgecnn.profiling.text import digits
from edgecnn.searching.record import Row, SearchResult

COLUMNS = ("model", "", "accuracy", "of the", "latency", "kind", "fps", "size", "energy")
DROP_FIRST = ("energy", "of the", "size")
DISCARDED = ("model", "latency", "why")


def rows(found: SearchResult) -> list[list[str]]:
    """A line per finalist, the best first, then the front; see `COLUMNS`."""
    return [_line(row) for row in found.rows if row.accuracy_kind == "artifact" and row.state != "discarded"]


def tried(found: SearchResult) -> list[list[str]]:
    """A line per candidate that had a trial only."""
    return [_line(row) for row in found.rows if row.state == "trial"]


def discarded(found: SearchResult) -> list[list[str]]:
    """A line per candidate that was discarded, and why; see `DISCARDED`."""
    return [[row.candidate.name, latency(row), row.reason] for row in found.rows if row.state == "discarded"]


def _line(row: Row) -> list[str]:
    accuracy = "-" if row.accuracy is None else str(row.accuracy)
    fps = digits(1000 / row.latency_ms) if row.latency_ms else "-"
    energy = "-" if row.energy_mj is None else f"{digits(row.energy_mj)} mJ (estimated)"
    state = {"best": "best", "front": "front"}.get(row.state, "")
    state = f"{state}, misses" if row.reason and state else "misses" if row.reason else state
    size = f"{row.size_bytes / 1e6:.2f} MB"
    return [row.candidate.name, state, accuracy, row.accuracy_kind, latency(row), row.latency_kind, fps, size, energy]


def latency(row: Row) -> str:
    """With its interval."""
    if row.latency_ms is None or row.interval_ms is None:
        return "-"
    return f"{digits(row.latency_ms)} ms [{digits(row.interval_ms[0])}, {digits(row.interval_ms[1])}]"


def sentences(found: SearchResult) -> Iterator[str]:
    """What was done, and what a reader should know."""
    counts = {state: sum(row.state == state for row in found.rows) for state in ("discarded", "not tried")}
    done = sum(bool(row.accuracy_kind) for row in found.rows)
    yield (
        f"{counted(len(found.rows), 'candidate')}: {counts['discarded']} discarded, {counts['not tried']} not tried, "
        f"{done} trained, {found.board_runs} measured; {found.trained_images} images trained on in "
        f"{found.seconds / 60:.1f} minutes."
    )
    basis = found.basis
    yield f"Estimates: {basis.runtime} on {basis.processor}, {counted(basis.threads, 'thread')} ({basis.source})."
    yield from found.notes
