"""The answer drawn into the image, for the window and the recording."""

from __future__ import annotations

import numpy as np

from edgecnn.camera.recognize import Answer
from edgecnn.camera.regions import ZONE, Scene
from edgecnn.runtime.opencv import REGION, ascii_text, opencv, shade, unit_of, write_text

__all__ = ["ascii_text", "draw", "draw_regions"]


def draw(answer: Answer, figures: str = "") -> np.ndarray:
    """A copy of the image, uint8 (height, width, 3) in blue-green-red, with the answers and `figures` on it."""
    picture = answer.frame.picture
    rgb = answer.frame.order == "rgb"
    canvas: np.ndarray = opencv().cvtColor(picture, opencv().COLOR_RGB2BGR) if rgb else picture.copy()
    answer.task.draw(canvas, answer.classes, answer.text, answer.contract)
    if answer.scene:
        draw_regions(canvas, answer.scene)
    if figures:
        unit = unit_of(canvas)
        shade(canvas, 0, 2 * unit)
        write_text(canvas, figures, (unit, round(1.4 * unit)), unit * 0.8)
    return canvas


def draw_regions(canvas: np.ndarray, scene: Scene) -> None:
    """Draw lines and zones with their counts into an image, uint8 (height, width, 3); changed in place."""
    unit, size = unit_of(canvas), np.array([canvas.shape[1], canvas.shape[0]])
    for region in scene.regions:
        points = np.round(np.array(region.points) * size).astype(np.int32)
        opencv().polylines(canvas, [points], region.kind == ZONE, REGION, max(1, unit // 6), opencv().LINE_AA)
        left, top = points[points[:, 1].argmin()] if region.kind == ZONE else points[0]
        write_text(canvas, scene.caption(region), (int(left), int(max(top - unit // 3, unit))), unit * 0.8, REGION)
