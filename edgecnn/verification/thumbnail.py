"""Small copies of images, for records."""

from __future__ import annotations

import base64

import numpy as np

from edgecnn.runtime.opencv import opencv

PIXELS = 160


def small(picture: np.ndarray, color: str) -> np.ndarray:
    """A fitted image, uint8 (height, width, channels) of a contract's color, at most `PIXELS` large, blue-green-red."""
    cv2 = opencv()
    scale = min(1.0, PIXELS / max(picture.shape[:2]))
    resized: np.ndarray = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(resized, cv2.COLOR_RGB2BGR) if color == "rgb" else resized


def encoded(picture: np.ndarray) -> str:
    """A JPEG in base64."""
    cv2 = opencv()
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 80])
    return base64.b64encode(data.tobytes()).decode()
