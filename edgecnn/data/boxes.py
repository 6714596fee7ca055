"""Boxes as a data set annotates them, for object detection: what one image has, and what is wrong with annotations."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from edgecnn.core.errors import DataError
from edgecnn.data.dataset import DataSet, FileExample
from edgecnn.data.listing import printable
from edgecnn.runtime.regular_file import check_regular
from edgecnn.runtime.run.image_header import JPEG, ImageHeader, limit_bytes, read_header

TASK = "detection"
MOST_BOXES = 10_000
"""Of one image; COCO's most are 93."""
MOST_SHARE = 1.05
"""Of a box's corner, in shares of its image: some stick out a little. Boxes in pixels are larger."""
_FIRST_BYTES = 1 << 16
_SLACK_PIXELS = 1.0  # VOC counts pixels from 1, and programs round: so far a box may stick out without a word
_TINY_PIXELS = 2.0
_SHOWN = 3


@dataclass(frozen=True)
class Box:
    """One object.

    Attributes:
        label: its class, as the data set calls it.
        corners: left, top, right, bottom in pixels of the image; y runs down.
        crowd: it stands for a group of objects (COCO): neither an object nor background.
        difficult: hard to recognize (Pascal VOC): finding it is neither right nor wrong.
    """

    label: str
    corners: tuple[float, float, float, float]
    crowd: bool = False
    difficult: bool = False

    @property
    def ignored(self) -> bool:
        """Whether it is left out of the loss and of the metric."""
        return self.crowd or self.difficult


@dataclass(frozen=True)
class Boxes:
    """The objects of one image; none of them is fine: background is learned from such images.

    Attributes:
        width: columns of the image that the corners are of.
        height: its rows.
        boxes: the objects.
    """

    width: float
    height: float
    boxes: tuple[Box, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """The class of each object that counts."""
        return tuple(box.label for box in self.boxes if not box.ignored)

    def sizes(self) -> list[tuple[float, float]]:
        """Height and width of each object that counts, as shares of the image."""
        corners = [box.corners for box in self.boxes if not box.ignored]
        return [((bottom - top) / self.height, (right - left) / self.width) for left, top, right, bottom in corners]


def box_sizes(data: DataSet) -> np.ndarray:
    """Height and width of each object that counts, as shares of its image, (n, 2).

    Raises:
        DataError: there is none.
    """
    boxes = [example.annotation for example in data.examples if isinstance(example.annotation, Boxes)]
    sizes = [size for each in boxes for size in each.sizes()]
    if not sizes:
        raise DataError(
            f"{data.name} has no boxes to fit anchors to; expected COCO, Pascal VOC, YOLO or a table of boxes."
        )
    return np.array(sizes)


@dataclass
class Findings:
    """What was found wrong with the boxes of a data set: examples by sentence."""

    found: dict[str, list[str]] = field(default_factory=dict)

    def add(self, what: str, name: str) -> None:
        """One box or image of which `what` is true."""
        self.found.setdefault(what, []).append(name)

    def notes(self, name: str) -> tuple[str, ...]:
        """A sentence for each kind of problem, with the first images that have it."""
        return tuple(f"{name}: {len(names):,} {what}: {_listed(names)}." for what, names in sorted(self.found.items()))

    def cleaned(self, boxes: Sequence[Box], width: float, height: float, name: str) -> Boxes:
        """The boxes of an image that can be used: clipped to it, without those that hold nothing.

        Args:
            boxes: as they are annotated.
            width: of the image in pixels.
            height: the same.
            name: of the image.

        Raises:
            DataError: there are more than `MOST_BOXES`, or the image has no size.
        """
        if len(boxes) > MOST_BOXES:
            raise DataError(f"{name} has {len(boxes):,} boxes; expected at most {MOST_BOXES:,}.")
        if not (0 < width < math.inf and 0 < height < math.inf):
            raise DataError(f"{name} has the size {width} x {height} in its annotations; expected positive numbers.")
        kept: dict[Box, None] = {}
        for box in boxes:
            clean = self._cleaned(box, width, height, name)
            if clean in kept:
                self.add("duplicate boxes are left out", name)
            elif clean:
                kept[clean] = None
        return Boxes(width, height, tuple(kept))

    def _cleaned(self, box: Box, width: float, height: float, name: str) -> Box | None:
        left, top, right, bottom = box.corners
        problem = _problem(box.corners, width, height)
        if problem:
            self.add(f"{problem} boxes are left out", name)
            return None
        inside = (max(left, 0.0), max(top, 0.0), min(right, width), min(bottom, height))
        if any(abs(old - new) > _SLACK_PIXELS for old, new in zip(box.corners, inside)):
            self.add("boxes reach beyond their image and are clipped", name)
        if min(inside[2] - inside[0], inside[3] - inside[1]) < _TINY_PIXELS:
            self.add(f"boxes have a side of less than {_TINY_PIXELS:.0f} pixels", name)
        return Box(box.label, inside, box.crowd, box.difficult)


def _problem(corners: tuple[float, float, float, float], width: float, height: float) -> str:
    """Why a box can't be used, as an adjective; empty where it can."""
    left, top, right, bottom = corners
    if not all(map(math.isfinite, corners)):
        return "infinite"
    if right < left or bottom < top:
        return "inverted"
    if right == left or bottom == top:
        return "empty"
    if right <= 0 or bottom <= 0 or left >= width or top >= height:
        return "outside"
    return ""


def _listed(names: Sequence[str]) -> str:
    shown = list(dict.fromkeys(names))
    return ", ".join(shown[:_SHOWN]) + (f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else "")


def image_header(path: Path) -> ImageHeader | None:
    """What an image file says of itself; None where that can't be read.

    A JPEG says it at its beginning. Others are read whole: PNG, TIFF and WebP may say at their end how to turn them.
    """
    try:
        check_regular(path, limit_bytes())
        with path.open("rb") as stream:
            data = stream.read(_FIRST_BYTES)
            found = read_header(data)
            return found if found and found.kind == JPEG else read_header(data + stream.read(limit_bytes()))
    except OSError:
        return None


def image_size(path: Path) -> tuple[int, int] | None:
    """Width and height of an image as it is seen, from its header; None where that can't be read."""
    header = image_header(path)
    return None if header is None else header.seen


def box_data(
    name: str,
    examples: Iterable[FileExample],
    classes: Iterable[str],
    notes: Iterable[str] = (),
    splits: dict[str, DataSet] | None = None,
) -> DataSet:
    """A data set for detection.

    Args:
        name: what the user called it.
        examples: with `Boxes` as annotation.
        classes: all that its annotations declare.
        notes: what a person should know.
        splits: that it has by itself.

    Raises:
        DataError: it has no images, no boxes, or boxes that are shares where pixels are expected.
    """
    found = sorted(examples, key=lambda example: example.name)
    notes = list(notes)
    if not found:
        raise DataError(f"{name} has annotations, but none of their images is there. {' '.join(notes)}".strip())
    used = {label for example in found for label in example.annotation.labels}
    if not used:
        raise DataError(f"{name} has no boxes in the annotations of its {len(found)} images. {' '.join(notes)}".strip())
    if not any(max(box.corners) > MOST_SHARE for example in found for box in example.annotation.boxes):
        count = sum(len(example.annotation.boxes) for example in found)
        raise DataError(
            f"{name}: no corner of its {count} boxes is beyond {MOST_SHARE} pixels; they seem to be shares of the "
            "image. Multiply them by its width and height."
        )
    unused = sorted(set(classes) - used)
    if unused:
        notes.append(f"{name}: no boxes of the classes {_listed(unused)}.")
    background = sum(not example.annotation.boxes for example in found)
    if background:
        notes.append(f"{name}: {background} of {len(found)} images have no boxes; they are background.")
    return DataSet(name, tuple(found), tuple(sorted({*classes, *used})), TASK, tuple(notes), splits=splits or {})


def box_data_of_splits(name: str, splits: dict[str, DataSet]) -> DataSet:
    """All images of all splits; the splits are kept beside them."""
    examples = [each for data in splits.values() for each in data.examples if isinstance(each, FileExample)]
    classes = {label for data in splits.values() for label in data.classes}
    notes = dict.fromkeys(note for data in splits.values() for note in data.notes)
    examples.sort(key=lambda example: example.name)
    return DataSet(name, tuple(examples), tuple(sorted(classes)), TASK, tuple(notes), splits=splits)


def box_example(
    path: Path, root: Path, boxes: Sequence[Box], size: tuple[float, float], findings: Findings
) -> FileExample:
    """An image with its boxes.

    Args:
        path: of the image.
        root: of the data set; names are relative to it.
        boxes: as they are annotated.
        size: width and height that they are of.
        findings: gets what is wrong with them.
    """
    name = example_name(path, root)
    return FileExample(path, name, annotation=findings.cleaned(boxes, *size, name))


def example_name(path: Path, root: Path) -> str:
    """What an image is called: its path below the data set's root."""
    return printable(path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name)
