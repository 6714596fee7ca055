"""Mosaics: a window on four images that lie side by side (YOLOv4, arXiv:2004.10934, section 3.3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from edgecnn.runtime.opencv import opencv

_CORNERS = ((0, 0), (0, 1), (1, 0), (1, 1))  # y and x of each image, in images


def shown(images: Sequence[np.ndarray] | np.ndarray, window: np.ndarray) -> np.ndarray:
    """What the window shows, of the size of one image.

    Args:
        images: four, uint8 (height, width, channels): top left, top right, bottom left, bottom right.
        window: (4,) y, x, height and width in images, inside of 0 to 2.
    """
    found = np.zeros_like(images[0])
    size = np.array(found.shape[:2])
    for image, corner in zip(images, _CORNERS):
        low, high = (np.clip(edge - corner, 0, 1) for edge in (window[:2], window[:2] + window[2:]))
        (top, left), (bottom, right) = (np.rint(edge * size).astype(int) for edge in (low, high))
        start, stop = (np.rint((edge + corner - window[:2]) / window[2:] * size).astype(int) for edge in (low, high))
        if bottom > top and right > left and (stop > start).all():
            part = opencv().resize(image[top:bottom, left:right], tuple(map(int, (stop - start)[::-1])))
            found[start[0] : stop[0], start[1] : stop[1]] = part.reshape(*(stop - start), -1)
    return found


def places(boxes: Sequence[np.ndarray], window: np.ndarray) -> Iterator[np.ndarray]:
    """Boxes of each of the four images as they lie in the window: y0, x0, y1, x1 as shares of it, (n, 4)."""
    for own, corner in zip(boxes, _CORNERS):
        yield (own + np.tile(corner - window[:2], 2)) / np.tile(window[2:], 2)
