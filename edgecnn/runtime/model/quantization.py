"""The affine map between an integer tensor's codes and real values: real = scale * (code - zero point).

Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
equation 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def quantize(values: np.ndarray, scale: float, zero_point: int, dtype: Any) -> np.ndarray:
    """The nearest codes, of an integer type; what lies outside of its range is clipped."""
    bounds = np.iinfo(dtype)
    return np.clip(np.rint(values / scale) + zero_point, bounds.min, bounds.max).astype(dtype)


def dequantize(codes: np.ndarray, scale: Any, zero_point: Any = 0, axis: int = 0) -> np.ndarray:
    """Real values, float32.

    Args:
        codes: integers.
        scale: one, or one per place along `axis`.
        zero_point: the same.
        axis: of several scales.
    """
    exact = np.float32 if codes.dtype.itemsize <= 2 else np.float64  # 32 bits don't fit into a float32's 24
    shape = [1] * codes.ndim
    if np.size(scale) > 1:
        shape[axis] = -1
    real: np.ndarray = codes.astype(exact)
    real -= np.asarray(zero_point, exact).reshape(shape)
    real *= np.asarray(scale, exact).reshape(shape)
    return real.astype(np.float32, copy=False)
