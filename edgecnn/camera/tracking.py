"""Follows objects from frame to frame: the association of ByteTrack (arXiv:2110.06864), by overlap, in NumPy.

Boxes that the detector is sure of are matched first; then the tracks that are left may be continued by boxes of low
scores, which would be thrown away otherwise, so that an object that is half hidden keeps its number. ByteTrack's Kalman
filter is a constant velocity here, its assignment is greedy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgecnn.runtime.model.box_decoding import overlaps

_LOW = 0.1  # least score of a box that continues a track
_OVERLAP, _LOW_OVERLAP = 0.3, 0.5  # that make a sure box, or another, the next one of a track
_LOST_S = 1.0  # for so long an object may be out of sight
_CONFIRMED = 2  # frames after which an object gets its number; a false alarm rarely lasts so long
_ADAPTS = 0.5  # share of the newest movement in a track's velocity
_CLASS, _SCORE = 4, 5


@dataclass
class _Track:
    """One object, in plain numbers: for a few objects NumPy takes longer to be called than to compute."""

    row: list[float]  # a detection
    at: float
    velocity: tuple[float, float] = (0.0, 0.0)  # of the center, y and x, a second
    frames: int = 1
    number: int = 0

    def predicted(self, at: float) -> list[float]:
        """The box at a time, y0, x0, y1, x1, if the object moves on as it did."""
        (y0, x0, y1, x1), passed = self.row[:4], at - self.at
        down, right = self.velocity[0] * passed, self.velocity[1] * passed
        return [y0 + down, x0 + right, y1 + down, x1 + right]

    def continue_with(self, row: list[float], at: float) -> None:
        passed = at - self.at
        if passed > 0:
            share = 1.0 if self.frames == 1 else _ADAPTS
            old, (down, right) = self.row, self.velocity
            newest_down = (row[0] + row[2] - old[0] - old[2]) / (2 * passed)
            newest_right = (row[1] + row[3] - old[1] - old[3]) / (2 * passed)
            self.velocity = (down + share * (newest_down - down), right + share * (newest_right - right))
        self.row, self.at, self.frames = row, at, self.frames + 1


class Tracker:
    """Numbers objects; one number, from 1 on, stays with an object as long as it is in sight.

    Args:
        least: score of a box that may begin a track, and that is sure.

    Attributes:
        seen: how many objects got a number so far, by class index.
    """

    def __init__(self, least: float = 0.3) -> None:
        self.seen: dict[int, int] = {}
        self._least = least
        self._tracks: list[_Track] = []
        self._count = 0

    def __call__(self, rows: np.ndarray, at: float) -> tuple[np.ndarray, list[int]]:
        """The objects that are in sight.

        Args:
            rows: detections, float32 (n, 6): y0, x0, y1, x1, class, score; see `box_decoding`.
            at: when, in seconds; a time before the last one is that of a video that started again.

        Returns:
            Their rows, the surest first, and a number for each; 0 for one that is seen for the first time.
        """
        if self._tracks and at < max(track.at for track in self._tracks):
            self._tracks = []
        self._tracks = [track for track in self._tracks if at - track.at <= _LOST_S]
        left = self._continued(self._tracks, rows[rows[:, _SCORE] >= self._least], _OVERLAP, at)
        unseen = [track for track in self._tracks if track.at < at]
        low = (rows[:, _SCORE] >= _LOW) & (rows[:, _SCORE] < self._least)
        self._continued(unseen, rows[low], _LOW_OVERLAP, at)
        self._tracks = [track for track in self._tracks if track.number or track.at >= at]
        self._tracks += [_Track(row, at) for row in left.tolist()]
        shown = sorted((track for track in self._tracks if track.at >= at), key=lambda track: -track.row[_SCORE])
        found = np.array([track.row for track in shown], np.float32).reshape(-1, rows.shape[1])
        return found, [self._number(track) for track in shown]

    def _continued(self, tracks: list[_Track], rows: np.ndarray, least: float, at: float) -> np.ndarray:
        """Give each track its next row, the pairs that overlap most first; returns the rows that are left."""
        if not tracks or not len(rows):
            return rows
        boxes = np.array([track.predicted(at) for track in tracks], np.float32)
        classes = np.array([track.row[_CLASS] for track in tracks], np.float32)
        overlap = overlaps(boxes, rows[:, :4]) * (classes[:, np.newaxis] == rows[np.newaxis, :, _CLASS])
        first, second = np.nonzero(overlap >= least)
        order = np.argsort(-overlap[first, second], kind="stable")
        free = np.ones(len(rows), bool)
        taken: set[int] = set()
        for track, row in zip(first[order].tolist(), second[order].tolist()):
            if free[row] and track not in taken:
                free[row] = False
                taken.add(track)
                tracks[track].continue_with(rows[row].tolist(), at)
        return rows[free]

    def _number(self, track: _Track) -> int:
        if not track.number and track.frames >= _CONFIRMED:
            self._count += 1
            track.number = self._count
            index = int(track.row[_CLASS])
            self.seen[index] = self.seen.get(index, 0) + 1
        return track.number
