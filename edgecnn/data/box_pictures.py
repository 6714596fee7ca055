"""Images with the boxes of their annotations drawn in, so that a person sees whether they fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgecnn.core.errors import PictureError, UsageError
from edgecnn.data import open_data
from edgecnn.data.boxes import TASK, Boxes
from edgecnn.runtime.opencv import CLASS_COLORS, GRAY, draw_box
from edgecnn.runtime.run.boxes import write_drawn


def draw_boxes(spec: str, folder: str | Path, most: int = 24) -> tuple[str, ...]:
    """Write copies of some images, PNG, with each box in its class's color; crowds and difficult objects are gray.

    Args:
        spec: a data set with boxes.
        folder: is made where it doesn't exist; what is in it stays, but for files of the same names.
        most: how many images; which ones depends on their names only.

    Returns:
        Paths of the files. An image that can't be read has none.

    Raises:
        UsageError: the data has no boxes, or the folder is inside of it.
        DataError: there is no such data.
        PictureError: a file can't be written.
    """
    if Path(spec).is_dir() and Path(folder).resolve().is_relative_to(Path(spec).resolve()):
        raise UsageError(
            f"{folder} is inside the data set {spec}, of which the copies would be images. Give a folder elsewhere."
        )
    data = open_data(spec)
    if data.task != TASK:
        raise UsageError(f"{spec} has no boxes to draw; expected COCO, Pascal VOC, YOLO or a table of boxes.")
    drawn = []
    for number, example in enumerate(data.sample(most).examples):
        try:
            canvas = example.read().copy()
        except PictureError:
            continue
        _draw(canvas, example.annotation, data.classes)
        drawn.append(write_drawn(canvas, folder, number, example.name))
    return tuple(drawn)


def _draw(canvas: np.ndarray, boxes: Boxes, classes: tuple[str, ...]) -> None:
    height, width = canvas.shape[:2]
    across, down = width / boxes.width, height / boxes.height
    for box in boxes.boxes:
        left, right = (round(edge * across) for edge in box.corners[::2])
        top, bottom = (round(edge * down) for edge in box.corners[1::2])
        color = GRAY if box.ignored else CLASS_COLORS[classes.index(box.label) % len(CLASS_COLORS)]
        draw_box(canvas, (left, top, right, bottom), box.label, color)
