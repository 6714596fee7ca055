"""The int8 grids that TensorFlow's quantizer will use."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgecnn.runtime.model.quantization import dequantize, quantize

WEIGHT_STEPS = 127  # weights lie in -127..127, without -128


@dataclass(frozen=True)
class Grid:
    """256 evenly spaced values that include zero, coded 0..255.

    Attributes:
        scale: distance of two values.
        zero_point: the code of zero.
    """

    scale: float
    zero_point: int

    @classmethod
    def of(cls, low: float, high: float) -> Grid:
        """The grid of a range, which is widened to include zero (Jacob et al. 2018, 2.1)."""
        low, high = min(low, 0.0), max(high, 0.0)
        scale = (high - low) / 255 or 1.0
        return cls(scale, int(np.clip(np.rint(-low / scale), 0, 255)))

    @property
    def low(self) -> float:
        """The value of code 0."""
        return -self.zero_point * self.scale

    @property
    def high(self) -> float:
        """The value of code 255."""
        return self.low + 255 * self.scale

    def nearest(self, values: np.ndarray) -> np.ndarray:
        """The nearest of the grid's values; those outside of the range are clipped."""
        codes = quantize(values, self.scale, self.zero_point, np.uint8).astype(values.dtype)
        result: np.ndarray = (codes - self.zero_point) * self.scale  # as precise as the values are
        return result

    def encode(self, values: np.ndarray) -> np.ndarray:
        """The nearest codes, uint8; values outside of the range are clipped."""
        codes = np.multiply(values, np.float32(1 / self.scale), dtype=np.float32)
        codes += self.zero_point + 0.5  # truncation of what was made positive rounds
        return np.clip(codes, 0, 255, out=codes).astype(np.uint8)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Real values, float32."""
        return dequantize(codes, self.scale, self.zero_point)


def weight_scales(weights: np.ndarray, *, per_channel: bool) -> np.ndarray:
    """The converter's scales: largest magnitude / 127 of each output channel, or of the tensor.

    Args:
        weights: (groups, output channels, columns).
        per_channel: whether every output channel has a scale.

    Returns:
        (groups, output channels, 1); 1 where all weights are zero.
    """
    largest = np.abs(weights).max(axis=2, keepdims=True)
    if not per_channel:
        largest = np.full_like(largest, largest.max())
    scales: np.ndarray = np.where(largest > 0, largest / WEIGHT_STEPS, 1.0)
    return scales
