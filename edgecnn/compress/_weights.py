"""What several methods ask of a kernel's values."""

from __future__ import annotations

import numpy as np

ZEROS_FROM = 0.01
"""Share of exact zeros from which a kernel counts as pruned: trained weights are practically never exactly zero."""


def channel_maxima(weights: np.ndarray) -> np.ndarray:
    """The largest absolute weight of each output channel (the last axis), shaped to divide by; never 0."""
    axes = tuple(range(weights.ndim - 1))
    largest: np.ndarray = np.abs(weights).max(axis=axes, keepdims=True)
    return np.where(largest == 0, np.float32(1), largest)


def alive(weights: np.ndarray) -> np.ndarray:
    """Which weights may move: all, or all but the zeros when there are so many that the kernel was pruned."""
    nonzero: np.ndarray = weights != 0
    return nonzero if float(1 - nonzero.mean()) >= ZEROS_FROM else np.ones_like(nonzero)
