"""The answer drawn into the image, for the window and the recording."""

from __future__ import annotations

import numpy as np

from edgecnn.camera.recognize import Answer
from edgecnn.runtime.opencv import ascii_text, opencv, shade, unit_of, write_text

__all__ = ["ascii_text", "draw"]


def draw(answer: Answer, figures: str = "") -> np.ndarray:
    """A copy of the image, uint8 (height, width, 3) in blue-green-red, with the answers and `figures` on it."""
    picture = answer.frame.picture
    rgb = answer.frame.order == "rgb"
    canvas: np.ndarray = opencv().cvtColor(picture, opencv().COLOR_RGB2BGR) if rgb else picture.copy()
    answer.task.draw(canvas, answer.classes, answer.text, answer.contract)
    if figures:
        unit = unit_of(canvas)
        shade(canvas, 0, 2 * unit)
        write_text(canvas, figures, (unit, round(1.4 * unit)), unit * 0.8)
    return canvas
