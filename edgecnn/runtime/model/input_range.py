"""Which pixel values a model takes, from what its own arithmetic makes of them before the first weights."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass

from .contract import Preprocessing

_IDENTITY = 0.02
_OFF_CENTER = 3.0
"""What a center beside zero costs against a width other than 2: ranges are told apart by their centers first."""


@dataclass(frozen=True)
class InputRange:
    """How an image's pixels, 0 to 255, are scaled for a model's input: (pixel - mean) / std.

    Attributes:
        name: what the values are called.
        mean: one value, or one per channel.
        std: one value, or one per channel.
        color: the channel order that belongs to it.
    """

    name: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    color: str = "rgb"

    @property
    def low(self) -> float:
        """Of a black pixel."""
        return self._scaled(0)

    @property
    def high(self) -> float:
        """Of a white pixel."""
        return self._scaled(255)

    def _scaled(self, pixel: int) -> float:
        return (pixel - sum(self.mean) / len(self.mean)) / (sum(self.std) / len(self.std))

    def applied(self, preprocessing: Preprocessing) -> Preprocessing:
        """The preprocessing with this scaling; values per channel become their mean for a gray image."""
        if preprocessing.channels == 1:
            mean, std = (sum(values) / len(values) for values in (self.mean, self.std))
            return dataclasses.replace(preprocessing, mean=(mean,), std=(std,))
        return dataclasses.replace(preprocessing, mean=self.mean, std=self.std, color=self.color)

    def __str__(self) -> str:
        return self.name


PIXELS = InputRange("0..255", (0.0,), (1.0,))
UNIT = InputRange("0..1", (0.0,), (255.0,))
SIGNED = InputRange("-1..1", (127.5,), (127.5,))
IMAGENET = InputRange(
    "normalized by ImageNet's mean and standard deviation", (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
)  # fmt: skip
IMAGENET_MEAN = InputRange(
    "0..255 minus ImageNet's mean, channel order BGR", (103.939, 116.779, 123.68), (1.0,), "bgr"
)  # fmt: skip
CENTERED = InputRange("-0.5..0.5", (127.5,), (255.0,))
_BY_ARITHMETIC = (PIXELS, UNIT, SIGNED)
_LARGE = 16.0  # above it, values are pixel values


def expected_range(response: Callable[[float], float]) -> InputRange | None:
    """The range for which a model's arithmetic gives its first weights values around zero, about -1 to 1.

    Args:
        response: what reaches the first weights for an image of one value, averaged over the channels.

    Returns:
        None if the image reaches them as it is: the arithmetic tells nothing then.
    """
    if all(abs(response(value) - value) <= _IDENTITY * max(1.0, abs(value)) for value in (-1.0, 0.0, 0.5, 1.0, 255.0)):
        return None
    costs = {each: _cost(response(each.low), response(each.high)) for each in _BY_ARITHMETIC}
    best = min(_BY_ARITHMETIC, key=costs.__getitem__)
    return best if math.isfinite(costs[best]) else None


def _cost(low: float, high: float) -> float:
    """How far an interval is from -1 to 1."""
    half, center = abs(high - low) / 2, (low + high) / 2
    if not (math.isfinite(center) and half > 0):
        return math.inf
    return abs(math.log(half)) + _OFF_CENTER * abs(center) / half


def calibrated_range(low: float, high: float) -> InputRange | None:
    """The usual range that images of which the values were calibrated to `low` to `high` have; None if it is none."""
    largest, tolerance = max(-low, high), _IDENTITY * (high - low)
    if low >= -tolerance:
        return PIXELS if high > _LARGE else UNIT if high <= 1 + tolerance else None
    if largest > _LARGE:
        return IMAGENET_MEAN if -low > _LARGE and largest < 160 else None
    if largest <= 0.5 + tolerance:
        return CENTERED
    if largest <= 1 + tolerance:
        return SIGNED
    return IMAGENET if largest < 3 else None
