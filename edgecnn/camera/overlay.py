"""The answer drawn into the picture, for the window and the recording."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgecnn.camera.recognize import NOT_SURE, Answer
from edgecnn.runtime.run.preprocess import opencv

_WHITE, _GRAY, _ACCENT = (255, 255, 255), (190, 190, 190), (210, 160, 40)  # blue, green, red


def draw(answer: Answer, figures: str = "") -> np.ndarray:
    """A copy of the picture, uint8 (height, width, 3) in blue-green-red, with the best classes and `figures` on it."""
    cv2 = opencv()
    picture = answer.frame.picture
    canvas = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR) if answer.frame.order == "rgb" else picture.copy()
    unit = max(10, round(min(canvas.shape[:2]) / 24))
    bottom = canvas.shape[0] - unit * (2 * len(answer.classes) + 3)
    _shade(canvas, max(0, bottom))
    title = ascii_text(answer.classes[0]["label"] if answer.sure else NOT_SURE)
    _text(canvas, title, (unit, bottom + 2 * unit), unit * 1.4, _WHITE)
    for row, best in enumerate(answer.classes):
        _bar(canvas, best, (unit, bottom + (2 * row + 3) * unit), unit)
    if figures:
        _shade(canvas, 0, 2 * unit)
        _text(canvas, figures, (unit, round(1.4 * unit)), unit * 0.8, _WHITE)
    result: np.ndarray = canvas
    return result


def ascii_text(text: str) -> str:
    """OpenCV's fonts know ASCII only."""
    return text.encode("ascii", "replace").decode()


def _shade(canvas: Any, top: int, bottom: Any = None) -> None:
    canvas[top:bottom] = (canvas[top:bottom] * 0.35).astype(np.uint8)


def _bar(canvas: Any, best: dict[str, Any], place: tuple[int, int], unit: int) -> None:
    cv2 = opencv()
    width = round((canvas.shape[1] - 2 * unit) * best["probability"])
    cv2.rectangle(canvas, (place[0], place[1] + unit), (place[0] + width, place[1] + unit + unit // 3), _ACCENT, -1)
    label = f"{best['probability']:4.0%}  {ascii_text(best['label'])}"
    _text(canvas, label, (place[0], place[1] + round(0.8 * unit)), unit * 0.8, _GRAY)


def _text(canvas: Any, text: str, place: tuple[int, int], height: float, color: tuple[int, int, int]) -> None:
    cv2 = opencv()
    scale = height / 28  # Hershey's capitals are about 22 pixels high at scale 1
    cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, color, max(1, round(scale * 2)), cv2.LINE_AA)
