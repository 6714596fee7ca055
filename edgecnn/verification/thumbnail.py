"""Small copies of images, for records."""

from __future__ import annotations

import base64

import numpy as np

from edgecnn.runtime.opencv import opencv

_SIDE = 160
_SIDE_DRAWN = 320  # with boxes and their labels


def small(picture: np.ndarray, color: str, drawn: bool = False) -> np.ndarray:
    """A fitted image as a small one, blue-green-red.

    Args:
        picture: uint8 (height, width, channels) of the contract's color.
        color: that color.
        drawn: whether something will be drawn on it.
    """
    cv2 = opencv()
    scale = min(1.0, (_SIDE_DRAWN if drawn else _SIDE) / max(picture.shape[:2]))
    resized: np.ndarray = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(resized, cv2.COLOR_RGB2BGR) if color == "rgb" else resized


def encoded(picture: np.ndarray) -> str:
    """A JPEG in base64."""
    cv2 = opencv()
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 80])
    return base64.b64encode(data.tobytes()).decode()
