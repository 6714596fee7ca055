"""The roofline: what limits an operator on a board, and how near to that limit it runs.

Williams, Waterman, Patterson, "Roofline: an insightful visual performance model", CACM 2009. An operator needs at
least macs / peak to compute and bytes / bandwidth to move; the larger of the two is its bound. Bytes are those that
must be read or written at least once; where they stay in a cache an operator can be faster than its bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgecnn.boards import Board, match
from edgecnn.graph.cost import Cost
from edgecnn.runtime.model.validation import Record

# Without dot products, 8-bit kernels do 16 products in two multiply instructions that add up in 16 bits (SMULL, SMLAL),
# against 4 in one float32 FMLA: at best twice the float32 rate.
INT8_OVER_FLOAT32 = 2.0


@dataclass(frozen=True)
class Peaks(Record):
    """The limits that a measurement is held against.

    Attributes:
        source: where they come from: a board's data file, or a probe on the machine itself.
        gmacs: 10^9 multiply-accumulates a second with the measurement's threads, by number format.
        gb_s: 10^9 bytes a second from and to memory.
        notes: what a reader should know, in sentences.
    """

    source: str
    gmacs: dict[str, float]
    gb_s: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bound(Record):
    """How near to its limit something ran.

    Attributes:
        limit: "compute" or "memory", whichever takes longer at the peak.
        bound_ms: the time at the peak.
        efficiency: bound / measured; above 1 where data stayed in the cache.
        gmacs: achieved 10^9 multiply-accumulates a second.
        gb_s: achieved 10^9 bytes a second.
    """

    limit: str
    bound_ms: float
    efficiency: float
    gmacs: float
    gb_s: float


def peaks(system: Mapping[str, Any], probe: Mapping[str, float], threads: int) -> Peaks | None:
    """The limits of the machine that `system.describe()` describes; None for an emulated one, whose times mean nothing.

    Args:
        system: of the machine that was measured.
        probe: what `runtime.per_op` measured there: "float32_gmacs" and "int8_gmacs" with all threads, "copy_gb_s".
        threads: of the measurement.
    """
    if system.get("emulated"):
        return None
    board = match(system)
    return _of_board(board, min(threads, board.cores)) if board else _probed(probe)


def bound(cost: Cost, number_format: str, ms: float, limits: Peaks) -> Bound:
    """Hold one operator, or a whole model, against the limits.

    Args:
        cost: of the operator.
        number_format: "float32" or "int8".
        ms: its measured time.
        limits: of the machine.
    """
    compute_ms = cost.macs / limits.gmacs[number_format] / 1e6
    memory_ms = cost.bytes_moved / limits.gb_s / 1e6
    bound_ms = max(compute_ms, memory_ms)
    return Bound(
        limit="compute" if compute_ms >= memory_ms else "memory",
        bound_ms=round(bound_ms, 6),
        efficiency=round(bound_ms / ms, 4) if ms else 0.0,
        gmacs=round(cost.macs / ms / 1e6, 3) if ms else 0.0,
        gb_s=round(cost.bytes_moved / ms / 1e6, 3) if ms else 0.0,
    )


def _of_board(board: Board, threads: int) -> Peaks:
    int8 = board.int8_gmacs or board.float32_gmacs * INT8_OVER_FLOAT32
    notes = (
        ["The memory limit is the read bandwidth of one core; several cores may reach slightly more."]
        if threads > 1
        else []
    )
    if not board.has_dot_product:
        notes.append(
            f"{board.cpu} has no 8-bit dot product, so the int8 limit is estimated as twice the float32 limit: "
            "where computation is the limit, int8 is at most about twice as fast."
        )
    limits = {"float32": round(threads * board.float32_gmacs, 2), "int8": round(threads * int8, 2)}
    return Peaks(f"published data of the {board.name}, {threads} cores", limits, board.read_gb_s, tuple(notes))


def _probed(probe: Mapping[str, float]) -> Peaks:
    note = (
        "edgecnn has no data for this board, so the limits were measured: by a large 1x1 convolution and a large copy."
    )
    limits = {"float32": probe["float32_gmacs"], "int8": probe["int8_gmacs"]}
    return Peaks("a measurement on the device", limits, probe["copy_gb_s"], (note,))
