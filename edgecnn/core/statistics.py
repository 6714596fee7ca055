"""Shares with their confidence intervals, and signal-to-noise."""

from __future__ import annotations

import math

import numpy as np

from edgecnn.runtime.model.records import Metric, Share

__all__ = ["CONFIDENCE", "Metric", "Share", "in_top", "paired_drop", "share", "signal_to_noise_db"]

CONFIDENCE = 0.95
_Z = 1.959964  # standard normal quantile of (1 + CONFIDENCE) / 2


def share(count: int, total: int) -> Share:
    """A share with Wilson's score interval (Wilson 1927), which holds near 0 and 1 too."""
    p = count / total
    denominator = 1 + _Z**2 / total
    center = (p + _Z**2 / (2 * total)) / denominator
    half = _Z * math.sqrt(p * (1 - p) / total + _Z**2 / (4 * total**2)) / denominator
    low, high = max(0.0, center - half), min(1.0, center + half)
    return _share(p, low, high, count, total)


def paired_drop(float_right: np.ndarray, other_right: np.ndarray) -> Share:
    """How many points fewer pictures are right, on the same pictures; negative when more are.

    The interval is Agresti and Min's (2005): the paired Wald interval after half a picture is added to each cell.

    Args:
        float_right: bool (n,).
        other_right: bool (n,).
    """
    lost = int((float_right & ~other_right).sum())
    gained = int((~float_right & other_right).sum())
    total = len(float_right)
    b, c, n = lost + 0.5, gained + 0.5, total + 2
    center = (b - c) / n
    half = _Z * math.sqrt(max(0.0, (b + c) - (b - c) ** 2 / n)) / n
    return _share((lost - gained) / total, center - half, center + half, lost - gained, total)


def _share(value: float, low: float, high: float, count: int, total: int) -> Share:
    return Share(round(100 * value, 3), round(100 * low, 3), round(100 * high, 3), count, total)


def signal_to_noise_db(reference: np.ndarray, other: np.ndarray) -> float:
    """Mean over the pictures of 10 log10(sum(reference^2) / sum((reference - other)^2)), in dB; (n, classes) each.

    Capped at 120 dB, where float32 ends, either way.
    """
    signal = np.square(reference, dtype=np.float64).sum(axis=-1)
    noise = np.square(reference.astype(np.float64) - other).sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(noise == 0, 120.0, 10 * np.log10(signal / noise))
    return round(float(np.clip(ratio, -120, 120).mean()), 2)


def in_top(scores: np.ndarray, truth: np.ndarray, k: int) -> np.ndarray:
    """Whether the true class is among the k best; a tie goes to the lower index. Shapes (n, classes), (n,) -> (n,)."""
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    found: np.ndarray = (best == truth[:, np.newaxis]).any(axis=1)
    return found
