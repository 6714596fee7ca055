"""A measurement held against the estimate for the same device: one of them is wrong where they disagree."""

from __future__ import annotations

from collections.abc import Iterator

from edgecnn.boards import BoardFile, match
from edgecnn.core.registry import BOARDS
from edgecnn.core.text import counted
from edgecnn.estimation import graphs, known
from edgecnn.estimation.estimating import of_totals
from edgecnn.estimation.law import Laws
from edgecnn.estimation.record import Estimate
from edgecnn.profiling import Profile, Row
from edgecnn.profiling.text import digits
from edgecnn.runtime.model.model_file import AnyFile


def remarks(profile: Profile, file: AnyFile, target: str) -> Iterator[str]:
    """A sentence for each measured row that lies outside the interval of its estimate; none for noisy ones.

    Args:
        profile: what was measured.
        file: the model.
        target: the device's name, under which it may have been calibrated; a board's published laws serve otherwise.
    """
    if profile.emulated:
        return
    for row in profile.rows:
        laws = None if row.noise.too_noisy else _laws(profile, row, target)
        if laws is not None:
            yield from _remark(of_totals(file.name, "", graphs.of_file(file), laws), row)


def _laws(profile: Profile, row: Row, target: str) -> Laws | None:
    at_hand = [*known.of_device(target), *_of_board(profile)]
    wanted = (profile.delegate, row.measurement.threads)
    return next((each for each in at_hand if (each.delegate, each.threads) == wanted), None)


def _of_board(profile: Profile) -> tuple[Laws, ...]:
    board = match(profile.system)
    names = [name for name in BOARDS.names() if BOARDS.plugin(name, BoardFile).BOARD is board]
    return known.of_board(names[0]) if names else ()


def _remark(estimate: Estimate, row: Row) -> Iterator[str]:
    median = row.measurement.latency_ms.median
    if estimate.latency_ms is None or estimate.interval_ms is None:
        return
    low, high = estimate.interval_ms
    if not low <= median <= high:
        basis = estimate.basis
        yield (
            f"Measured {digits(median)} ms with {counted(basis.threads, 'thread')}, estimated "
            f"{digits(estimate.latency_ms)} ms ({digits(low)} to {digits(high)} ms) for {estimate.device} from "
            f"{basis.runtime} ({basis.source}): outside the interval of the estimate. Trust the measurement."
        )
