"""What a layer's inputs look like: windows at sampled positions, and their mean and second moments."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edgecnn.graph.float_graph import WeightedLayer
from edgecnn.graph.network import same_padding
from edgecnn.graph.replay import Values

Positions = tuple[np.ndarray, np.ndarray, np.ndarray]


def positions(
    layer: WeightedLayer, shape: tuple[int, ...], output: tuple[int, ...], most: int, seed: int = 0
) -> Positions:
    """Output positions (image, row, column) of a layer, at most `most`, chosen by a seed.

    Args:
        layer: the layer.
        shape: of its input over all images, (images, ...).
        output: shape of its output for one image.
        most: how many positions.
    """
    rows, columns = output[1:3] if len(output) == 4 else (1, 1)
    total = shape[0] * rows * columns
    if layer.kind == "FULLY_CONNECTED":  # of one vector, or (transformers) of every token's
        rows, columns, total = 1, 1, math.prod(shape) // layer.depth
    chosen = np.arange(total)
    if total > most:
        chosen = np.sort(np.random.default_rng(seed).choice(total, most, replace=False, shuffle=False))
    picture, place = np.divmod(chosen, rows * columns)
    return (picture, *np.divmod(place, columns))


def windows(layer: WeightedLayer, values: Values, at: Positions) -> np.ndarray:
    """The inputs that these outputs see, float32 (groups, positions, columns); zero outside of the image."""
    array = values.array
    if layer.kind == "FULLY_CONNECTED":
        return values.real(array.reshape(-1, layer.depth)[at[0]])[None]
    picture, row, column = at
    top, left = _padding(layer, array.shape)
    taps = []
    for i in range(layer.kernel[0]):
        for j in range(layer.kernel[1]):
            y = row * layer.stride[0] + i * layer.dilation[0] - top
            x = column * layer.stride[1] + j * layer.dilation[1] - left
            inside = (y >= 0) & (y < array.shape[1]) & (x >= 0) & (x < array.shape[2])
            tap = values.real(array[picture, y.clip(0, array.shape[1] - 1), x.clip(0, array.shape[2] - 1)])
            taps.append(tap if inside.all() else tap * inside[:, None])
    stacked = np.stack(taps, axis=1)  # (positions, taps, channels)
    count, size, channels = stacked.shape
    grouped = stacked.reshape(count, size, layer.groups, channels // layer.groups)
    return np.ascontiguousarray(grouped.transpose(2, 0, 1, 3)).reshape(layer.groups, count, -1)


def _padding(layer: WeightedLayer, shape: tuple[int, ...]) -> tuple[int, int]:
    """Rows above and columns to the left of the image."""
    if not layer.same_padding:
        return 0, 0
    above, left = (
        same_padding(size, -(-size // stride), stride, (kernel - 1) * dilation + 1)[0]
        for size, stride, kernel, dilation in zip(shape[1:3], layer.stride, layer.kernel, layer.dilation)
    )
    return above, left


@dataclass(frozen=True)
class Moments:
    """Mean (groups, columns), float64, and covariance (groups, columns, columns), float32, of a layer's inputs.

    The mean is left to the bias, which is exact to 32 bits: only the covariance asks for good rounding.
    """

    mean: np.ndarray
    covariance: np.ndarray


def moments(inputs: np.ndarray) -> Moments:
    """From windows (groups, positions, columns)."""
    mean = inputs.mean(axis=1, dtype=np.float64)
    centered = inputs - mean[:, None].astype(np.float32)
    if len(centered) == 1:  # a plain matrix: its product with itself costs half
        return Moments(mean, (centered[0].T @ centered[0])[None] / np.float32(inputs.shape[1]))
    return Moments(mean, centered.transpose(0, 2, 1) @ centered / np.float32(inputs.shape[1]))
