"""Per-operator times for people: the table on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from edgecnn.profiling.per_op import OperatorTime, PerOperator
from edgecnn.profiling.text import digits

COLUMNS = ["#", "layer", "type", "kernel", "output", "MMAC", "kB", "ms", "share", "GMAC/s", "GB/s", "limit", "reached"]
DROP_FIRST = ("kB", "GB/s", "MMAC", "limit", "GMAC/s", "kernel", "reached", "output", "#")
"""Columns that a narrow terminal does without, the least important first."""


def table(result: PerOperator) -> tuple[list[str], list[list[str]]]:
    """Columns and rows, in execution order; what is computed once at loading is left out."""
    return list(COLUMNS), [_cells(row) for row in result.operators if row.kernel != "constant"]


def _cells(row: OperatorTime) -> list[str]:
    bound = row.bound
    return [
        str(row.index),
        row.layer,
        row.type.replace("_2D", ""),
        row.kernel,
        " ".join("x".join(str(size) for size in shape[1:] or shape) for shape in row.output_shapes),
        f"{row.cost.macs / 1e6:.2f}",
        f"{row.cost.bytes_moved / 1e3:.0f}",
        "" if row.latency_ms is None else f"{row.latency_ms:.4f}",
        f"{row.share:.1%}",
        digits(bound.gmacs) if bound else "",
        digits(bound.gb_s) if bound else "",
        bound.limit if bound else "",
        f"{bound.efficiency:.0%}" if bound else "",
    ]


def by_type(operators: Sequence[OperatorTime]) -> tuple[list[str], list[list[str]]]:
    """Columns and rows: one row per type of operator, the most expensive first.

    Args:
        operators: of a `PerOperator`.
    """
    groups: dict[str, list[OperatorTime]] = {}
    for row in operators:
        groups.setdefault(row.type, []).append(row)
    ordered = sorted(groups.items(), key=lambda item: -sum(row.share for row in item[1]))
    rows = [
        [
            name,
            str(len(members)),
            f"{sum(row.cost.macs for row in members) / 1e6:.1f}",
            f"{sum(row.latency_ms or 0.0 for row in members):.3f}",
            f"{sum(row.share for row in members):.1%}",
        ]
        for name, members in ordered
    ]
    return ["type", "count", "MMAC", "ms", "share"], rows
