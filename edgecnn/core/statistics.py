"""Shares with their confidence intervals, and signal-to-quantization-noise ratios."""

from __future__ import annotations

import math

import numpy as np

from edgecnn.runtime.model.records import Metric, Share

__all__ = ["CONFIDENCE", "Metric", "Share", "in_top", "interval", "paired_drop", "share", "sqnr_db"]

CONFIDENCE = 0.95
MOST_DB = 120.0
_LEAST_SIGNAL = 1e-30  # of a reference that is all zero: the ratio stays a number
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
    """How many points fewer images are right, on the same images; negative when more are.

    The interval is Agresti and Min's (2005): the paired Wald interval after half an image is added to each cell.

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


def interval(values: np.ndarray, total: int) -> Share:
    """A figure that is no share of images, with its percentile interval (Efron 1979).

    Args:
        values: in percent: of all images, then of draws of as many with replacement (bootstrap).
        total: how many images there are.
    """
    low, high = np.percentile(values[1:], [50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)])
    return _share(float(values[0]) / 100, float(low) / 100, float(high) / 100, total, total)


def _share(value: float, low: float, high: float, count: int, total: int) -> Share:
    return Share(round(100 * value, 3), round(100 * low, 3), round(100 * high, 3), count, total)


def sqnr_db(reference: np.ndarray, other: np.ndarray) -> float:
    """Signal-to-quantization-noise ratio, 10 log10(sum(reference^2) / sum((reference - other)^2)), in dB.

    The sums run over the last axis: (images, classes) gives the mean of the images' ratios, a vector its own ratio.
    At most 120 dB, where float32 ends.
    """
    signal = np.square(reference, dtype=np.float64).sum(axis=-1)
    noise = np.square(reference.astype(np.float64) - other).sum(axis=-1)
    with np.errstate(divide="ignore"):
        ratio = 10 * np.log10(np.maximum(signal, _LEAST_SIGNAL) / noise)
    return round(float(np.minimum(ratio, MOST_DB).mean()), 2)


def in_top(scores: np.ndarray, truth: np.ndarray, k: int) -> np.ndarray:
    """Whether the true class is among the k best; a tie goes to the lower index. Shapes (n, classes), (n,) -> (n,)."""
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    found: np.ndarray = (best == truth[:, np.newaxis]).any(axis=1)
    return found
