"""Fronts and hypervolumes against brute force."""

from __future__ import annotations

import math
import random

import pytest

from edgecnn.searching.front import Point, front, hypervolume, promoted

REFERENCE = Point(100.0, 0.0)


def some_points(seed: int, count: int = 30) -> list[Point]:
    draw = random.Random(seed)
    return [Point(math.exp(draw.uniform(0, 4)), draw.randint(10, 99)) for _ in range(count)]


@pytest.mark.parametrize("seed", range(5))
def test_front_by_comparing_all_pairs(seed: int) -> None:
    points = some_points(seed)

    def is_beaten(one: Point) -> bool:
        return any(
            other.latency_ms <= one.latency_ms and other.accuracy >= one.accuracy and other != one for other in points
        )

    assert {points[row] for row in front(points)} == {point for point in points if not is_beaten(point)}
    assert [points[row].latency_ms for row in front(points)] == sorted(points[row].latency_ms for row in front(points))


def test_hypervolume_by_hand_and_by_counting_cells() -> None:
    e = math.e
    assert hypervolume([Point(e, 50)], Point(e**3, 10)) == pytest.approx(2 * 40)
    assert hypervolume([Point(e, 20), Point(e**2, 50)], Point(e**3, 0)) == pytest.approx(1 * 20 + 1 * 50)
    assert hypervolume([Point(e**4, 90), Point(e, 5)], Point(e**3, 10)) == 0
    points, cells = some_points(7), 200
    longest = math.log(REFERENCE.latency_ms)
    inside = sum(
        any(math.log(point.latency_ms) <= (x + 0.5) / cells * longest and point.accuracy >= y + 0.5 for point in points)
        for x in range(cells)
        for y in range(100)
    )
    assert hypervolume(points, REFERENCE) == pytest.approx(inside * longest / cells, rel=0.01)


@pytest.mark.parametrize("seed", range(5))
def test_promotion_keeps_the_most_accurate_and_most_of_the_hypervolume(seed: int) -> None:
    points = some_points(seed)
    chosen = promoted(points, 6, None)
    assert (
        len(set(chosen)) == 6 and max(points, key=lambda point: point.accuracy).accuracy == points[chosen[0]].accuracy
    )
    kept = hypervolume([points[row] for row in chosen], REFERENCE)
    assert kept >= 0.9 * hypervolume(points, REFERENCE)
    assert promoted(points, 99, None) and len(promoted(points, 99, None)) == len(points)


def test_under_a_bound_half_of_the_places_are_for_accuracy() -> None:
    points = [Point(1.0, 20.0), Point(50.0, 90.0), Point(51.0, 89.0), Point(52.0, 88.0), Point(2.0, 30.0)]
    assert promoted(points, 4, 60.0)[:2] == [1, 2]
    assert promoted(points, 4, 50.5)[:2] == [1, 4], "what is likely to be too slow comes later"
    assert 2 not in promoted(points, 3, None)


def test_the_fastest_is_worth_its_speed() -> None:
    """It is the least accurate as a rule; what counts is how much better than guessing it is."""
    points = [Point(1.0, 50.0), Point(4.0, 60.0), Point(5.0, 63.0), Point(6.0, 64.0)]
    assert promoted(points, 2, None, guessing=10.0) == [3, 0]
    assert promoted(points, 2, None, guessing=50.0) == [3, 1]
