"""Weights of any shapes and images, made from a seed by NumPy: the same for the recorder and for the tests."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np

SEED = 16
Shape = tuple[int, ...]


def weights(shapes: Mapping[str, Shape], seed: int, norms: Mapping[str, float] | None = None) -> dict[str, np.ndarray]:
    """PyTorch's key -> float32 values; each key has its own stream.

    Statistics of batch norms are random too, so that one at the wrong place shows. What comes into a batch norm is of
    any size, so the recorder measures it, once a norm: the statistics are in that unit, and all layers matter.

    Args:
        shapes: of the keys.
        seed: of the streams.
        norms: name of a batch norm -> unit of its statistics.
    """
    found = {key: _values(key, tuple(shape), seed) for key, shape in shapes.items()}
    for name, unit in (norms or {}).items():
        found[f"{name}.running_mean"] *= np.float32(unit)
        found[f"{name}.running_var"] *= np.float32(unit * unit)
    return found


def _values(key: str, shape: Shape, seed: int) -> np.ndarray:
    generator = np.random.default_rng([seed, *hashlib.sha256(key.encode()).digest()[:8]])
    if key.endswith("running_var"):
        return generator.uniform(0.7, 1.4, shape).astype(np.float32)
    if len(shape) <= 1 or key.endswith("layer_scale"):
        low, high = (0.6, 1.2) if key.endswith(("weight", "gamma", "scale")) else (-0.3, 0.3)
        return generator.uniform(low, high, shape).astype(np.float32)
    fan_in = int(np.prod(shape[1:]))
    return generator.standard_normal(shape, np.float32) * np.float32((2 / fan_in) ** 0.5)


def images(size: int, seed: int) -> np.ndarray:
    """Two normalized images, float32 (2, height, width, 3): large and small patches."""
    generator = np.random.default_rng([seed, size])
    found = np.zeros((2, size, size, 3), np.float32)
    for patch in (size // 4, size // 8, 1):
        cells = -(-size // patch)
        coarse = generator.standard_normal((2, cells, cells, 3), np.float32)
        found += coarse.repeat(patch, 1).repeat(patch, 2)[:, :size, :size]
    return found


def digest(values: Mapping[str, np.ndarray]) -> str:
    """Of all weights, to say that another NumPy makes other ones."""
    found = hashlib.sha256()
    for key in sorted(values):
        found.update(key.encode() + values[key].tobytes())
    return found.hexdigest()
