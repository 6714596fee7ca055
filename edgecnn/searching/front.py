"""Pareto fronts of (latency, accuracy), and which candidates are worth more training.

Promotion is successive halving for two objectives (Schmucker et al., arXiv:2106.12639): by what a candidate adds to the
hypervolume, layer of the front by layer. Latencies count by their logarithm: twice as fast is worth the same anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple


class Point(NamedTuple):
    """A candidate's latency in milliseconds and accuracy in percent."""

    latency_ms: float
    accuracy: float


def front(points: Sequence[Point]) -> list[int]:
    """Positions of those that no other beats in one objective without losing in the other; the fastest first."""
    order = sorted(range(len(points)), key=lambda row: (points[row].latency_ms, -points[row].accuracy, row))
    found: list[int] = []
    for row in order:
        if not found or points[row].accuracy > points[found[-1]].accuracy:
            found.append(row)
    return found


def hypervolume(points: Sequence[Point], reference: Point) -> float:
    """Area that the points dominate, in log-milliseconds times percent, up to the reference point.

    Args:
        points: any; those beyond the reference add nothing.
        reference: the longest latency and the lowest accuracy that count.
    """
    area, best = 0.0, reference.accuracy
    kept = [point for point in points if point.latency_ms < reference.latency_ms and point.accuracy > best]
    for row in front(kept):
        width = math.log(reference.latency_ms) - math.log(kept[row].latency_ms)
        area += width * (kept[row].accuracy - best)
        best = kept[row].accuracy
    return area


def promoted(points: Sequence[Point], count: int, bound_ms: float | None, guessing: float = 0.0) -> list[int]:
    """Positions of the candidates that are worth more training, the most valuable first.

    Args:
        points: of the candidates.
        count: how many to take.
        bound_ms: longest latency that is allowed: half of the places then go to the most accurate that are likely to
            keep it; points beyond it are those that may.
        guessing: accuracy in percent without a model, above which accuracy counts.
    """
    limit = math.inf if bound_ms is None else bound_ms

    def rank(row: int) -> tuple[float, ...]:
        return points[row].latency_ms > limit, -points[row].accuracy, points[row].latency_ms, row

    chosen = sorted(range(len(points)), key=rank)[: min(count, 1 if bound_ms is None else math.ceil(count / 2))]
    left = [row for row in range(len(points)) if row not in chosen]
    layer: list[int] = []
    while left and len(chosen) < count:
        if not layer:
            layer = [left[position] for position in front([points[row] for row in left])]
        best = max(layer, key=lambda row: (_gain(points, chosen, row, guessing), -row))
        chosen.append(best)
        layer.remove(best)
        left.remove(best)
    return chosen


def _gain(points: Sequence[Point], chosen: Sequence[int], row: int, guessing: float) -> float:
    """What a point adds to the hypervolume of the chosen ones.

    Were the lowest accuracy of the points the reference, the fastest one, which has it as a rule, would add nothing.
    """
    reference = Point(2 * max(point.latency_ms for point in points), guessing)
    before = [points[each] for each in chosen]
    return hypervolume([*before, points[row]], reference) - hypervolume(before, reference)
