"""The values of a kernel's clusters: even grids, as fine as the loss needs and the entropy budget allows."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecnn.float_model.kernels import alive, channel_maxima


@dataclass(frozen=True)
class Codebook:
    """Values of the clusters, ascending, float32 (clusters,), and what lies between them, (clusters - 1,)."""

    values: np.ndarray
    boundaries: np.ndarray

    @classmethod
    def even(cls, levels: int) -> Codebook:
        """An even grid over -1..1, with 0 and so many positive values."""
        values = np.linspace(-1, 1, 2 * levels + 1, dtype=np.float32)
        return cls(values, (values[1:] + values[:-1]) / 2)

    def members(self, weights: np.ndarray) -> np.ndarray:
        """The cluster of each weight."""
        return np.searchsorted(self.boundaries, weights)


def entropy_bits(members: np.ndarray) -> float:
    """Shannon's, for each symbol."""
    shares = np.bincount(members.reshape(-1)) / members.size
    shares = shares[shares > 0]
    return float(-(shares * np.log2(shares)).sum())


def codebooks(
    kernels: Mapping[str, Any], curvatures: Mapping[str, np.ndarray], most_values: int, most_bits: float
) -> dict[str, Codebook]:
    """The even grids that raise the loss least for about `most_bits` in the mean.

    An even step's error is step^2 / 12 for each weight, and a kernel's entropy falls by a bit when its step doubles.
    So the sum of curvature * error is least when the product is the same in all kernels (the Lagrangian's condition).

    Args:
        kernels: layer name -> variable.
        curvatures: the same -> see `_importance.curvature`.
        most_values: of each grid.
        most_bits: entropy of a weight's value, in the mean over all weights; it may be more where even grids of three
            values need more.
    """
    most = (most_values - 1) // 2
    arrays = {name: kernel.numpy() for name, kernel in kernels.items()}
    weights = {name: relative(array) for name, array in arrays.items()}
    slopes = {
        name: float((curvatures[name] * channel_maxima(array) ** 2)[alive(array)].mean())
        for name, array in arrays.items()
    }
    total = sum(values.size for values in weights.values())

    @functools.cache
    def bits(name: str, levels: int) -> float:
        return entropy_bits(Codebook.even(levels).members(weights[name])) * weights[name].size / total

    def chosen(allowed: float) -> dict[str, int]:
        return {name: int(np.clip(np.ceil(np.sqrt(slope / allowed)), 1, most)) for name, slope in slopes.items()}

    low, high = -40.0, 20.0  # powers of ten of what each weight may add to the loss
    for _ in range(60):
        middle = (low + high) / 2
        needed = sum(bits(name, levels) for name, levels in chosen(10**middle).items())
        low, high = (middle, high) if needed > most_bits else (low, middle)
    return {name: Codebook.even(levels) for name, levels in chosen(10**high).items()}


def relative(weights: np.ndarray) -> np.ndarray:
    """Weights that are not pruned, as shares of their channel's largest, float64 (weights,)."""
    shares: np.ndarray = (weights / channel_maxima(weights)).astype(np.float64)
    return shares[alive(weights)]
