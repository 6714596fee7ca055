"""Zeros and clusters among a kernel's values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgecnn.runtime.model.records import CompressionStep

ZEROS_FROM = 0.01
"""Share of exact zeros from which a kernel counts as pruned: trained weights are practically never exactly zero."""
CLUSTERS_TO = 256
"""Number of different values up to which a kernel counts as clustered."""
_DIGITS = 5  # float32 loses the last ones when a value is scaled and scaled back


def channel_maxima(weights: np.ndarray) -> np.ndarray:
    """The largest absolute weight of each output channel (the last axis), shaped to divide by; never 0."""
    axes = tuple(range(weights.ndim - 1))
    largest: np.ndarray = np.abs(weights).max(axis=axes, keepdims=True)
    return np.where(largest == 0, np.float32(1), largest)


def alive(weights: np.ndarray) -> np.ndarray:
    """Which weights may move: all, or all but the zeros when there are so many that the kernel was pruned."""
    nonzero: np.ndarray = weights != 0
    return nonzero if is_pruned(weights) else np.ones_like(nonzero)


def is_pruned(weights: np.ndarray) -> bool:
    """Whether a kernel has enough exact zeros."""
    return float((weights == 0).mean()) >= ZEROS_FROM


def clusters(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """The few values that a kernel holds, relative to its channels' largest, and which of them each weight has.

    Returns:
        Values (clusters,) and their indices, int (weights,); None if the kernel is not clustered.
    """
    values, members = np.unique(np.round(weights / channel_maxima(weights), _DIGITS), return_inverse=True)
    return (values, members.reshape(-1)) if len(values) <= min(CLUSTERS_TO, weights.size // 4) else None


_HOLDS = {"magnitude": is_pruned, "clusters": clusters}


def still_holds(model: Any, history: Sequence[CompressionStep], method: str) -> bool:
    """Whether the weights still have the zeros or clusters of "magnitude" or "clusters"; plain training destroys them.

    Args:
        model: Keras model.
        history: its contract's `model.compression`.
        method: one of the two.
    """
    names = {name for step in history if step.method == method for name in step.layers}
    kernels = (layer.kernel.numpy() for layer in model.layers if layer.name in names and hasattr(layer, "kernel"))
    return any(_HOLDS[method](kernel) for kernel in kernels)
