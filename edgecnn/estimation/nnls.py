"""Least squares with coefficients that are not negative.

Lawson and Hanson, "Solving Least Squares Problems", chapter 23.
"""

from __future__ import annotations

import numpy as np

_TOLERANCE = 1e-10


def nonnegative_least_squares(matrix: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The x >= 0 that minimizes |matrix x - target|.

    Args:
        matrix: (rows, columns); its columns should be of about the same length.
        target: (rows,).

    Returns:
        (columns,).
    """
    count = matrix.shape[1]
    gram, moment = matrix.T @ matrix, matrix.T @ target
    found, free = np.zeros(count), np.zeros(count, bool)
    limit = _TOLERANCE * max(1.0, float(np.abs(moment).max(initial=0.0)))
    for _ in range(3 * count):
        gradient = np.where(free, -np.inf, moment - gram @ found)
        if free.all() or gradient.max() <= limit:
            break
        free[int(gradient.argmax())] = True
        found = _feasible(gram, moment, found, free)
    return found


def _feasible(gram: np.ndarray, moment: np.ndarray, found: np.ndarray, free: np.ndarray) -> np.ndarray:
    """The solution on the free columns; those that would become negative are fixed at 0 on the way to it."""
    while True:
        solved = np.zeros_like(found)
        solved[free] = np.linalg.lstsq(gram[np.ix_(free, free)], moment[free], rcond=None)[0]
        negative = free & (solved <= 0)
        if not negative.any():
            return solved
        steps = found[negative] / np.maximum(found[negative] - solved[negative], _TOLERANCE)
        found = found + min(float(steps.min()), 1.0) * (solved - found)
        free &= found > _TOLERANCE
        found[~free] = 0.0
        if not free.any():
            return found
