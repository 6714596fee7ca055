"""OpenCV, imported when it is first needed, and what is drawn with it; images are uint8 (height, width, 3)."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

from .errors import RuntimeMissingError

MAX_PIXELS = 1 << 28
WHITE, GRAY, BLACK, ACCENT = (255, 255, 255), (190, 190, 190), (0, 0, 0), (210, 160, 40)  # blue, green, red
CLASS_COLORS = (ACCENT, (0, 159, 230), (115, 158, 0), (167, 121, 204), (66, 228, 240), (0, 94, 213), (178, 114, 0))
"""Of classes in turn, blue, green, red: told apart by the color-blind too (Okabe and Ito, 2008)."""
REGION = (60, 200, 255)
_LETTERS = str.maketrans({"ß": "ss", "æ": "ae", "ø": "o", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th"})
_LUMA, _MIDDLE = (0.114, 0.587, 0.299), 100  # ITU-R BT.601; so bright a ground needs dark text


def opencv() -> Any:
    """The module `cv2`.

    Raises:
        RuntimeMissingError: OpenCV is not installed.
    """
    os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MAX_PIXELS))
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    try:
        import cv2
    except ImportError as error:
        raise RuntimeMissingError(
            f"Decoding images needs OpenCV ({error}). Install it with: pip install opencv-python-headless"
        ) from error
    return cv2


def unit_of(canvas: np.ndarray) -> int:
    """A length in pixels that suits the image: of margins and of lines of text."""
    return max(10, round(min(canvas.shape[:2]) / 24))


def shade(canvas: np.ndarray, top: int, bottom: int | None = None) -> None:
    """Darken the rows from `top` to `bottom`, so that text is legible on them."""
    canvas[top:bottom] = (canvas[top:bottom] * 0.35).astype(np.uint8)


def write_text(
    canvas: np.ndarray, text: str, place: tuple[int, int], height: float, color: tuple[int, int, int] = WHITE
) -> None:
    """Write text whose baseline begins at `place`, (column, row), with lines `height` pixels apart."""
    scale, thickness = _font(height)
    cv2 = opencv()
    cv2.putText(canvas, ascii_text(text), place, cv2.FONT_HERSHEY_SIMPLEX, scale, color, thickness, cv2.LINE_AA)


def draw_box(canvas: np.ndarray, corners: Sequence[int], text: str, color: tuple[int, int, int]) -> None:
    """A box, and text on a ground of its color above it, or in it at the image's upper edge.

    Args:
        canvas: is drawn on.
        corners: left, top, right, bottom in pixels.
        text: of one line.
        color: blue, green, red.
    """
    cv2, unit, (left, top, right, bottom) = opencv(), unit_of(canvas), corners
    cv2.rectangle(canvas, (left, top), (right, bottom), color, max(1, unit // 6))
    (width, height), below = cv2.getTextSize(ascii_text(text), cv2.FONT_HERSHEY_SIMPLEX, *_font(0.8 * unit))
    place = max(0, min(left, canvas.shape[1] - width)), max(top - below, height + below)
    cv2.rectangle(canvas, (place[0], place[1] - height - below // 2), (place[0] + width, place[1] + below), color, -1)
    write_text(canvas, text, place, 0.8 * unit, BLACK if np.dot(color, _LUMA) > _MIDDLE else WHITE)


def _font(height: float) -> tuple[float, int]:
    """Scale and thickness of strokes for lines of that height."""
    scale = height / 28  # Hershey's capitals are about 22 pixels high at scale 1
    return scale, max(1, round(scale * 2))


def ascii_text(text: str) -> str:
    """OpenCV's fonts know ASCII only: letters lose their accents, and what is still none becomes "?"."""
    plain = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    return "".join(each for each in plain if not unicodedata.combining(each)).encode("ascii", "replace").decode()
