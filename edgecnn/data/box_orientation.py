"""Boxes of an image as it is stored, turned to the image as it is seen.

Cameras store pictures lying, and say in EXIF how to turn them. Programs that label images show them turned, or as
stored, and write the size that they saw; edgecnn sees them turned, as OpenCV and browsers do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from edgecnn.data.boxes import Box, Findings, box_example, example_name, image_header
from edgecnn.data.dataset import FileExample
from edgecnn.runtime.run.image_header import JPEG, PNG, TIFF, WEBP

_BY_EXIF = (JPEG, PNG, TIFF, WEBP)  # other kinds say in themselves how they are turned, and all programs do it
_SAME_SHAPE = 0.02
_ROUNDED_PIXELS = 2
_SLOPPY = 0.05  # so far a box drawn by hand may reach beyond the image that it was drawn on
_TURNED = "images are annotated as they are stored, not turned as their EXIF says; their boxes are turned"
_OTHER_SIZE = "images have another size than their annotations say; boxes are taken as pixels of the image"
_OTHER_SHAPE = "images have other proportions than their annotations say; boxes are taken as shares of the image"

# Place in the stored image -> place in the image that is seen, both as shares. JEITA CP-3451, "Orientation".
_PLACES: dict[int, Callable[[float, float], tuple[float, float]]] = {
    5: lambda x, y: (y, x),
    6: lambda x, y: (1 - y, x),
    7: lambda x, y: (1 - y, 1 - x),
    8: lambda x, y: (y, 1 - x),
}


def annotated_example(
    path: Path, root: Path, boxes: Sequence[Box], size: tuple[float, float], findings: Findings
) -> FileExample:
    """An image with boxes whose annotations say the image's size; arguments and errors as of `box_example`.

    A size that is the stored image's, and not that of the image as it is seen, says how the boxes have to be turned.
    Where boxes reach beyond the size that is said, but not beyond the image, that size is wrong and they are in pixels.
    """
    header = image_header(path)
    if header is not None and boxes:
        name, stored = example_name(path, root), (header.width, header.height)
        lies = header.kind in _BY_EXIF and header.orientation in _PLACES
        holds = _holds(size, boxes, _SLOPPY)
        if holds and _same_shape(size, header.seen):
            pass
        elif holds and lies and _same_shape(size, stored):
            boxes, size = [_turned(box, size, header.orientation) for box in boxes], (size[1], size[0])
            findings.add(_TURNED, name)
        elif _holds(header.seen, boxes):
            size = header.seen
            findings.add(_OTHER_SIZE, name)
        elif not _same_shape(size, header.seen):
            findings.add(_OTHER_SHAPE, name)
    return box_example(path, root, boxes, size, findings)


def _holds(size: tuple[float, float], boxes: Sequence[Box], slack: float = 0.0) -> bool:
    """Whether no box reaches beyond the right and lower edge, but for rounding and a share of the size."""
    return all(
        side <= most * (1 + slack) + _ROUNDED_PIXELS for box in boxes for side, most in zip(box.corners[2:], size)
    )


def _same_shape(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Whether the ratios of width and height are the same, but for what rounding to pixels does."""
    if min(*one, *other) <= 0:
        return True  # `box_example` says what is wrong with the size
    ratio = (one[0] / one[1]) / (other[0] / other[1])
    return abs(ratio - 1) <= _SAME_SHAPE + _ROUNDED_PIXELS / min(*one, *other)


def _turned(box: Box, size: tuple[float, float], orientation: int) -> Box:
    width, height = size
    left, top, right, bottom = box.corners
    place = _PLACES[orientation]
    x0, y0 = place(left / width, top / height)
    x1, y1 = place(right / width, bottom / height)
    corners = (min(x0, x1) * height, min(y0, y1) * width, max(x0, x1) * height, max(y0, y1) * width)
    return replace(box, corners=corners)
