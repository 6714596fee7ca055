"""What each feature map of a detector looks for, and where it finds something."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from edgecnn.html import images
from edgecnn.runtime.errors import ModelFileError
from edgecnn.runtime.model.anchors import DetectorRecord
from edgecnn.runtime.opencv import opencv
from edgecnn.visualization.base import Subject
from edgecnn.visualization.panel import Drawing, Panel

NAME, TITLE = "levels", "Levels: what each feature map looks for"
_LEAST = 320  # pixels of the drawn image's longer side: anchors of small inputs need room
_ANCHOR, _CENTER = (255, 255, 255), (255, 80, 80)  # RGB


def panel(subject: Subject, fitted: np.ndarray) -> Panel:
    """For each level the best score of every cell, and the anchors of the surest one; none of a classifier."""
    try:
        record = DetectorRecord.read(subject.contract)
    except ModelFileError as error:
        return Panel(NAME, TITLE, missing=str(error))
    scores = subject.anchor_outputs(fitted)[1].max(axis=1)
    picture = _enlarged(subject.shown(fitted))
    drawings, values, start = [], [], 0
    for number, (rows, columns, sizes) in enumerate(record.levels):
        count = rows * columns * len(sizes)
        best = scores[start : start + count].reshape(rows, columns, len(sizes)).max(axis=2)
        start += count
        drawings.append(_drawing(number, picture, best, sizes, fitted.shape))
        values.append(_values(rows, columns, sizes, best, fitted.shape))
    note = (
        "Bright cells are sure that something is there (SSD, arXiv:1512.02325). The boxes are the anchors of the "
        "surest cell: what the map takes for an object's size before it corrects it. Fine maps look for small things, "
        "coarse maps for large ones."
    )
    legend = images.scale_bar("score 0", "1")
    return Panel(NAME, TITLE, drawings, note, legend, {"levels": values}, "17rem")


def _enlarged(picture: np.ndarray) -> np.ndarray:
    factor = math.ceil(_LEAST / max(picture.shape[:2]))
    return images.scaled(picture, picture.shape[0] * factor, picture.shape[1] * factor, smooth=True)


def _drawing(number: int, picture: np.ndarray, best: np.ndarray, sizes: Any, shape: tuple[int, ...]) -> Drawing:
    """The heat of one level over the image, with the anchors of its surest cell."""
    height, width = picture.shape[:2]
    canvas = np.ascontiguousarray(images.over(picture, best))
    row, column = np.unravel_index(int(best.argmax()), best.shape)
    y, x = (row + 0.5) / best.shape[0], (column + 0.5) / best.shape[1]
    for tall, wide in sizes:
        corners = ((x - wide / 2) * width, (y - tall / 2) * height, (x + wide / 2) * width, (y + tall / 2) * height)
        left, top, right, bottom = map(round, corners)
        opencv().rectangle(canvas, (left, top), (right, bottom), _ANCHOR, 1)
    opencv().circle(canvas, (round(x * width), round(y * height)), 3, _CENTER, -1)
    sides = _sides(sizes, shape)
    detail = f"{len(sizes)} anchors a cell, {sides[0]:.0f} to {sides[-1]:.0f} px; surest cell {best.max():.0%}"
    return Drawing(f"level_{number}", canvas, f"{best.shape[0]} x {best.shape[1]} cells", detail)


def _sides(sizes: Any, shape: tuple[int, ...]) -> list[float]:
    """Sides of squares as large as the anchors, in pixels of the input, the smallest first."""
    return sorted(math.sqrt(tall * shape[0] * wide * shape[1]) for tall, wide in sizes)


def _values(rows: int, columns: int, sizes: Any, best: np.ndarray, shape: tuple[int, ...]) -> dict[str, Any]:
    sides = [round(side, 1) for side in _sides(sizes, shape)]
    return {"cells": [rows, columns], "anchor_sides_px": sides, "best_score": round(float(best.max()), 4)}
