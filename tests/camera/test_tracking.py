"""The tracker: one number for an object while it is in sight, on scenes whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from edgecnn.camera.tracking import Tracker


def rows(*objects: tuple[float, float, float, int, float]) -> np.ndarray:
    """(center y, center x, side, class, score) each -> detections, (n, 6)."""
    found = [
        (y - side / 2, x - side / 2, y + side / 2, x + side / 2, kind, score) for y, x, side, kind, score in objects
    ]
    return np.array(found, np.float32).reshape(-1, 6)


def numbers(tracker: Tracker, *frames: np.ndarray, fps: float = 10.0) -> list[list[int]]:
    return [tracker(frame, number / fps)[1] for number, frame in enumerate(frames)]


def test_objects_that_pass_each_other_keep_their_numbers() -> None:
    """Two of one class on crossing ways: the velocity tells them apart where their boxes overlap."""
    tracker, ways = Tracker(), {}
    for frame in range(40):
        share = frame / 39
        boxes = rows((0.45, 0.1 + 0.8 * share, 0.2, 0, 0.9), (0.55, 0.9 - 0.8 * share, 0.2, 0, 0.8))
        found, ids = tracker(boxes, frame / 30)
        for row, number in zip(found, ids):
            ways.setdefault(number, []).append(round(float(row[0]), 3))
    assert set(ways) == {0, 1, 2} and tracker.seen == {0: 2}
    assert set(ways[1]) == {0.35} and set(ways[2]) == {0.45}  # one stays above, the other below


def test_a_number_is_given_in_the_second_frame() -> None:
    still = rows((0.5, 0.5, 0.2, 1, 0.9))
    assert numbers(Tracker(), still, still, still) == [[0], [1], [1]]
    flash = Tracker()
    assert numbers(flash, still, rows(), still, rows()) == [[0], [], [0], []] and flash.seen == {}


def test_low_scores_continue_a_track_but_begin_none() -> None:
    sure, low = rows((0.5, 0.5, 0.2, 0, 0.9)), rows((0.5, 0.51, 0.2, 0, 0.15))
    assert numbers(Tracker(), sure, sure, low, low, sure) == [[0], [1], [1], [1], [1]]
    assert numbers(Tracker(), low, low, low) == [[], [], []]


@pytest.mark.parametrize(("gap", "number"), [(5, 1), (30, 2)])
def test_out_of_sight(gap: int, number: int) -> None:
    """Half a second behind a tree the object keeps its number, also while it moves; three seconds later it doesn't."""
    seen = [rows((0.5, 0.1 + 0.01 * frame, 0.2, 0, 0.9)) for frame in range(60)]
    hidden = [*seen[:10], *[rows()] * gap, *seen[10 + gap : 20 + gap]]
    assert numbers(Tracker(), *hidden)[-1] == [number]


def test_classes_are_apart_and_the_surest_is_first() -> None:
    tracker = Tracker()
    both = rows((0.5, 0.5, 0.2, 0, 0.6), (0.5, 0.5, 0.2, 1, 0.9))
    tracker(both, 0.0)
    found, ids = tracker(both, 0.1)
    assert found[:, 4].tolist() == [1, 0] and sorted(ids) == [1, 2] and tracker.seen == {0: 1, 1: 1}


def test_a_video_that_starts_again() -> None:
    still, tracker = rows((0.5, 0.5, 0.2, 0, 0.9)), Tracker()
    assert [tracker(still, at)[1] for at in (5.0, 5.1, 0.0, 0.1)] == [[0], [1], [0], [2]]
