"""What happens to each image of a batch, drawn in NumPy: the same numbers on every machine and after a restart."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgecnn.data.augmentation import Augmentation

_STRETCH = math.log(4 / 3)  # of a crop, as in arXiv:1409.4842, section 6
_WHOLE = 1 / 3


@dataclass(frozen=True)
class Draw:
    """Random choices for one batch.

    Attributes:
        transforms: float32 (batch, 8), output to input pixel coordinates, as tf.raw_ops.ImageProjectiveTransformV3
            takes them.
        colors: float32 (batch, 3): what is added to the brightness (0..255), factor of contrast, of saturation.
        partners: int64 (batch,), which image of the batch is mixed in.
        kept: float32 (batch,), share of the picture's own label.
        boxes: float32 (batch, 4), top, left, bottom, right in pixels of what the partner covers (CutMix); empty for
            mixup.
        tiles: int64 (batch, 4), of a mosaic the images at top left, top right, bottom left and bottom right: places in
            the batch; for an `Encoder` rows of its truths.
        windows: float32 (batch, 4), what a mosaic shows of them: y, x, height and width, in images; zeros where the
            image is no mosaic.
    """

    transforms: np.ndarray
    colors: np.ndarray
    partners: np.ndarray
    kept: np.ndarray
    boxes: np.ndarray
    tiles: np.ndarray
    windows: np.ndarray

    def rows(self, start: int, stop: int) -> Draw:
        """The part of the batch that one worker computes."""
        return Draw(*(getattr(self, each.name)[start:stop] for each in dataclasses.fields(self)))


def draw(
    augmentation: Augmentation,
    batch: int,
    height: int,
    width: int,
    random: np.random.Generator,
    points: Sequence[np.ndarray] | None = None,
) -> Draw:
    """Draw for a whole batch; how many numbers are consumed doesn't depend on the outcome.

    Args:
        augmentation: how far images may be changed.
        batch: how many there are.
        height: of the images in pixels.
        width: the same.
        random: where the numbers come from.
        points: for each image places, (n, 2), y and x as shares of it; a crop keeps one of them. None for anywhere.
    """
    partners = random.permutation(batch)
    kept, boxes = _mixing(augmentation, batch, height, width, random)
    transforms = _transforms(augmentation, batch, height, width, random)
    colors = _colors(augmentation, batch, random)
    tiles, shown = _mosaics(augmentation, batch, random)
    if augmentation.crop:
        windows = _windows(augmentation, batch, random, points)
        windows[shown.any(axis=1)] = 0, 0, 1, 1
        transforms = _cropped(transforms, windows, height, width)
    return Draw(transforms, colors, partners, kept, boxes, tiles, shown)


def _mosaics(augmentation: Augmentation, batch: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Four images for each mosaic, the image itself at any place among them, and a window on them.

    The window is as large as one image to as large as all, so that objects keep half of their size or more.
    """
    tiles, windows = np.zeros((batch, 4), np.int64), np.zeros((batch, 4), np.float32)
    if augmentation.mosaic:
        chosen, tiles = random.random(batch) < augmentation.mosaic, random.integers(0, batch, (batch, 4))
        tiles[np.arange(batch), random.integers(0, 4, batch)] = np.arange(batch)
        side, place = random.uniform(1, 2, (batch, 1)), random.random((batch, 2))
        windows[chosen] = np.concatenate(((2 - side) * place, side, side), axis=1)[chosen]
    return tiles, windows


def _windows(
    augmentation: Augmentation, batch: int, random: np.random.Generator, points: Sequence[np.ndarray] | None
) -> np.ndarray:
    """Windows to cut out, (batch, 4): y0, x0, height, width as shares of the image.

    Every third image stays whole, or gets a margin where the preset has one.
    """
    area, ratio = random.uniform(augmentation.crop, 1, batch), np.exp(random.uniform(-_STRETCH, _STRETCH, batch))
    whole, pick, place = random.random(batch) < _WHOLE, random.random(batch), random.random((batch, 2))
    sides = np.minimum(np.sqrt(np.stack((area / ratio, area * ratio), axis=1)), 1)
    low, high = np.zeros((batch, 2)), 1 - sides
    for row, own in enumerate(points or ()):
        if len(own):
            point = np.clip(own[int(pick[row] * len(own))], 0, 1)
            low[row] = np.clip(point - sides[row], 0, high[row])
            high[row] = np.clip(point, low[row], high[row])
    windows = np.concatenate((low + place * (high - low), sides), axis=1)
    larger = 1 + (augmentation.expand - 1) * pick[whole, np.newaxis]
    windows[whole] = np.concatenate(((1 - larger) * place[whole], np.repeat(larger, 2, axis=1)), axis=1)
    return windows


def _cropped(transforms: np.ndarray, windows: np.ndarray, height: int, width: int) -> np.ndarray:
    """Transforms that cut the windows out first, and then do what they did."""
    y0, x0, rows, columns = windows.T
    result = transforms.astype(np.float64)
    result[:, 0:3] *= columns[:, np.newaxis]
    result[:, 3:6] *= rows[:, np.newaxis]
    result[:, 2] += x0 * width + 0.5 * columns - 0.5
    result[:, 5] += y0 * height + 0.5 * rows - 0.5
    return result.astype(np.float32)


def _uniform(random: np.random.Generator, batch: int, largest: float) -> np.ndarray:
    return (random.random(batch) * 2 - 1) * largest


def _transforms(
    augmentation: Augmentation, batch: int, height: int, width: int, random: np.random.Generator
) -> np.ndarray:
    """Mirror, turn and scale about the center, then shift."""
    mirror = np.where(random.random(batch) < augmentation.mirror, -1.0, 1.0)
    scale = np.exp(_uniform(random, batch, math.log1p(augmentation.zoom)))
    angle = _uniform(random, batch, math.radians(augmentation.rotation_degrees))
    down, right = (_uniform(random, batch, augmentation.shift * side) for side in (height, width))
    cosine, sine = np.cos(angle) * scale, np.sin(angle) * scale
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    a0, a1, b0, b1 = mirror * cosine, -sine, mirror * sine, cosine
    if augmentation.upside_down:
        flip = np.where(random.random(batch) < augmentation.upside_down, -1.0, 1.0)
        b0, b1 = b0 * flip, b1 * flip
    a2 = middle_x - a0 * middle_x - a1 * middle_y + right
    b2 = middle_y - b0 * middle_x - b1 * middle_y + down
    zeros = np.zeros(batch)
    return np.stack((a0, a1, a2, b0, b1, b2, zeros, zeros), axis=1).astype(np.float32)


def _colors(augmentation: Augmentation, batch: int, random: np.random.Generator) -> np.ndarray:
    brightness = _uniform(random, batch, augmentation.brightness * 255)
    contrast = 1 + _uniform(random, batch, augmentation.contrast)
    saturation = 1 + _uniform(random, batch, augmentation.saturation)
    return np.stack((brightness, contrast, saturation), axis=1).astype(np.float32)


def _mixing(
    augmentation: Augmentation, batch: int, height: int, width: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Shares of the own label, and CutMix's boxes; one ratio for the whole batch, as in both papers' code."""
    cut = bool(augmentation.cutmix) and (not augmentation.mixup or random.random() < 0.5)
    alpha = augmentation.cutmix if cut else augmentation.mixup
    kept = random.beta(alpha, alpha) if alpha else 1.0
    boxes = np.zeros((batch, 4), np.float32)
    if cut:
        rows, columns = height * math.sqrt(1 - kept), width * math.sqrt(1 - kept)
        middle_y, middle_x = random.random(2) * (height, width)
        top, bottom = np.clip(np.rint([middle_y - rows / 2, middle_y + rows / 2]), 0, height)
        left, right = np.clip(np.rint([middle_x - columns / 2, middle_x + columns / 2]), 0, width)
        boxes[:] = top, left, bottom, right
        kept = 1 - float((bottom - top) * (right - left)) / (height * width)
    return np.full(batch, kept, np.float32), boxes
