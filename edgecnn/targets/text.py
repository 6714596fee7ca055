"""A target's report for people: rows of equal fate are counted together."""

from __future__ import annotations

from edgecnn.targets import TargetReport, Verdict

DROP_FIRST = ("first layer", "status")
"""Columns that a narrow terminal does without, the least important first."""


def table(report: TargetReport) -> tuple[list[str], list[list[str]]]:
    """Columns and rows, in the order in which the model reaches them."""
    groups: dict[tuple[str, str, str], list[Verdict]] = {}
    for row in report.operators:
        groups.setdefault((row.type, row.status, row.reason), []).append(row)
    rows = [
        [kind, str(sum(row.count for row in members)), status, members[0].layer, reason]
        for (kind, status, reason), members in groups.items()
    ]
    return ["operator", "count", "status", "first layer", "why"], rows
