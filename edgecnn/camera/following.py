"""From a detector's boxes to objects: followed from frame to frame, counted, placed in the camera's image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgecnn.camera.frames import Frame
from edgecnn.camera.regions import Counter, Counts, Point, Region, Scene
from edgecnn.camera.tracking import Tracker
from edgecnn.runtime.model.contract import Contract
from edgecnn.runtime.tasks import DeviceTask

_INSIDE = 1 - 1e-6


class Follower:
    """Gives the objects of each frame.

    Args:
        task: one that is `located`.
        contract: of the model.
        least: score of a box that is shown.
        regions: lines and zones.

    Attributes:
        counter: counts; its regions may be replaced.
    """

    def __init__(self, task: DeviceTask, contract: Contract, least: float, regions: Sequence[Region] = ()) -> None:
        self.counter = Counter(regions)
        self._task, self._contract = task, contract
        self._tracker = Tracker(least)

    def __call__(self, values: np.ndarray, frame: Frame) -> tuple[list[dict[str, Any]], Scene]:
        """The objects, the surest first, and what is counted.

        Each is an answer of the task with `pixels`, see `DeviceTask.located`, and `track`: its number, None in the
        first frame.
        """
        rows, numbers = self._tracker(values, frame.time_s)
        height, width = frame.picture.shape[:2]
        answers = self._task.located(rows, self._contract, height, width)
        objects = [
            (number, str(answer["label"]), _place(answer["pixels"], height, width))
            for number, answer in zip(numbers, answers)
        ]
        scene = self.counter(objects, self._seen(), frame.time_s)
        return [{**answer, "track": number or None} for number, answer in zip(numbers, answers)], scene

    def _seen(self) -> Counts:
        seen: Counts = {}
        for index, count in self._tracker.seen.items():
            label = self._contract.label(index)
            seen[label] = seen.get(label, 0) + count
        return seen


def _place(pixels: Sequence[int], height: int, width: int) -> Point:
    """Where an object stands: the middle of its box's lower edge, as shares of the image; inside of it, so that a zone
    up to the image's border holds what stands there.
    """
    left, _, right, bottom = pixels
    return min((left + right) / 2 / width, _INSIDE), min(bottom / height, _INSIDE)
