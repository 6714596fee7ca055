"""Weights rounded so that a layer's *output* changes least, not each weight by itself.

Frantar and Alistarh, "Optimal Brain Compression", 2022, and Frantar et al., "GPTQ", 2023: columns are rounded one after
another, and each one's error is made up for by those still to come, as far as the inputs' second moments allow.
"""

from __future__ import annotations

import numpy as np

from edgecnn.quantize.improve._grid import WEIGHT_STEPS, weight_scales

SUMMARY = "weights rounded for the least error of a layer's output (GPTQ)"

_DAMPING = 0.01  # share of the mean variance that is added to every input's: keeps singular moments invertible
_BLOCK = 64  # columns whose corrections of the rest are gathered into one matrix product


def rounded(weights: np.ndarray, covariance: np.ndarray, *, per_channel: bool = True) -> np.ndarray:
    """Weights on the converter's grid with a small output error.

    Args:
        weights: (groups, output channels, columns).
        covariance: (groups, columns, columns), of the layer's inputs; their mean is the bias's business.
        per_channel: whether every output channel has a scale of its own.

    Returns:
        The same shape; the largest magnitude of a channel (or of the tensor) is 127 steps, so that the converter finds
        the same grid.
    """
    scales = weight_scales(weights, per_channel=per_channel)
    order = np.argsort(-np.diagonal(covariance, axis1=1, axis2=2), axis=1, kind="stable")
    target = np.take_along_axis(weights / scales, order[:, None, :], axis=2)
    moments = np.take_along_axis(np.take_along_axis(damped(covariance), order[:, :, None], 1), order[:, None, :], 2)
    codes = _in_one_pass(target, _decorrelation(moments), _largest(target, per_channel=per_channel))
    back = np.argsort(order, axis=1)
    result: np.ndarray = np.take_along_axis(codes, back[:, None, :], axis=2) * scales
    return result


def damped(covariance: np.ndarray, share: float = _DAMPING) -> np.ndarray:
    """A covariance that can be inverted: this share of the mean variance is added to every variance.

    Inputs that are always the same count as independent of all others: their weights don't matter.
    """
    size = covariance.shape[1]
    power = np.trace(covariance, axis1=1, axis2=2)[:, None, None] / size
    identity = np.eye(size)[None]
    return np.where(power > 0, covariance + identity * share * power, identity)


def _decorrelation(moments: np.ndarray) -> np.ndarray:
    """Upper triangular U with inverse(moments) = U' U (GPTQ, equation 5), by one factorization from the far end."""
    # The damping bounds the condition number, so that 32 bits are enough; they are twice as fast.
    far_end = np.linalg.cholesky(moments[:, ::-1, ::-1].astype(np.float32))
    return np.ascontiguousarray(_inverse_of_lower(far_end)[:, ::-1, ::-1])


def _inverse_of_lower(matrix: np.ndarray) -> np.ndarray:
    """Inverse of lower triangular matrices, by halves: a third of the work that a general inverse takes."""
    size = matrix.shape[1]
    if size <= _BLOCK:
        small: np.ndarray = np.linalg.inv(matrix)
        return small
    half = size // 2
    result = np.zeros_like(matrix)
    result[:, :half, :half] = first = _inverse_of_lower(matrix[:, :half, :half])
    result[:, half:, half:] = second = _inverse_of_lower(matrix[:, half:, half:])
    result[:, half:, :half] = -second @ (matrix[:, half:, :half] @ first)
    return result


def _largest(target: np.ndarray, *, per_channel: bool) -> np.ndarray:
    """Where the weight lies that sets each scale: it stays at 127 steps, or the converter would choose another grid."""
    magnitude = np.abs(target)
    if not per_channel:
        return (magnitude == magnitude.max()) & (magnitude > 0)
    places: np.ndarray = np.arange(target.shape[2]) == magnitude.argmax(axis=2)[:, :, None]
    return places & (magnitude > 0)


def _in_one_pass(target: np.ndarray, factors: np.ndarray, pinned: np.ndarray) -> np.ndarray:
    left = target.astype(np.float32)
    codes = np.empty_like(left)
    errors = np.empty_like(left)
    columns = target.shape[2]
    for start in range(0, columns, _BLOCK):
        stop = min(start + _BLOCK, columns)
        for column in range(start, stop):
            nearest = np.clip(np.rint(left[:, :, column]), -WEIGHT_STEPS, WEIGHT_STEPS)
            extreme = np.copysign(np.float32(WEIGHT_STEPS), target[:, :, column])
            codes[:, :, column] = np.where(pinned[:, :, column], extreme, nearest)
            error = (left[:, :, column] - codes[:, :, column]) / factors[:, column, column, None]
            errors[:, :, column] = error
            left[:, :, column + 1 : stop] -= error[:, :, None] * factors[:, None, column, column + 1 : stop]
        left[:, :, stop:] -= errors[:, :, start:stop] @ factors[:, start:stop, stop:]
    return codes
