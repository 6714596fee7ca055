"""Activation ranges that clip rare extremes for a finer grid.

Each method takes the histogram of one activation and answers with a range inside of its extremes:

    min_max      the extremes (Jacob et al. 2018)
    percentile   leaves out a share of the values at each end (Wu et al., "Integer Quantization", 2020, section 5)
    mse          the least mean squared error of clipping and rounding together (Sung et al. 2015; Banner et al. 2019)
    kl           the least Kullback-Leibler divergence from the float histogram (Migacz, "8-bit Inference", 2017)

The model's own output has a method of its own, `logits`: what counts there is which class is ahead, and by how much.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edgecnn.graph.grid import Grid
from edgecnn.runtime.tasks.classification import softmax

BINS = 2048
_LEVELS = 256
_LOGIT_LOWS = 13  # lower ends of the logits' range that are tried
_SHARES = np.linspace(0.4, 1.0, 25)  # of the extremes that are tried


@dataclass(frozen=True)
class Histogram:
    """How often an activation had which value.

    Attributes:
        low: smallest value seen, at most 0.
        high: largest value seen, at least 0.
        counts: (BINS,), evenly spaced from low to high.
    """

    low: float
    high: float
    counts: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> Histogram:
        """Count all values."""
        low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
        places = (values.reshape(-1) - low) * (BINS / (high - low or 1.0))
        counts = np.bincount(np.minimum(places.astype(np.int32), BINS - 1), minlength=BINS)
        return cls(low, high, counts)

    @property
    def centers(self) -> np.ndarray:
        """The bins' middles, (BINS,)."""
        width = (self.high - self.low) / len(self.counts)
        return self.low + width * (np.arange(len(self.counts)) + 0.5)


Range = tuple[float, float]


def min_max(histogram: Histogram) -> Range:
    """The extremes."""
    return histogram.low, histogram.high


def percentile(histogram: Histogram, share: float = 1e-5) -> Range:
    """Without `share` of the values at each end."""
    cumulated = np.cumsum(histogram.counts) / max(histogram.counts.sum(), 1)
    width = (histogram.high - histogram.low) / len(histogram.counts)
    first = int(np.searchsorted(cumulated, share))
    last = int(np.searchsorted(cumulated, 1 - share))
    return min(histogram.low + width * first, 0.0), max(histogram.low + width * (last + 1), 0.0)


def mse(histogram: Histogram) -> Range:
    """Least mean squared error; each end is shrunk by itself, the other one given."""
    low, high = histogram.low, histogram.high
    for _ in range(2):
        highs, lows = histogram.high * _SHARES, histogram.low * _SHARES
        high = float(_best(highs, [_squared_error(histogram, low, end) for end in highs]))
        low = float(_best(lows, [_squared_error(histogram, end, high) for end in lows]))
    return low, high


def kl(histogram: Histogram) -> Range:
    """Least divergence; both ends are shrunk alike."""
    share = float(_best(_SHARES, [_divergence(histogram, histogram.low * s, histogram.high * s) for s in _SHARES]))
    return histogram.low * share, histogram.high * share


def logits(values: np.ndarray) -> Range:
    """The range of logits that changes their probabilities least.

    Most logits belong to classes that are out of question, and spread far below the others. A grid that holds them all
    has steps so wide that the two classes ahead often share a code, and then the wrong one may be named.

    Args:
        values: float32 (images, classes).

    Returns:
        The candidate with the least mean Kullback-Leibler divergence of the softmax.
    """
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    expected = softmax(values)
    lows = np.linspace(low, 0.0, _LOGIT_LOWS)

    def divergence(start: float) -> float:
        if high <= start:
            return float("inf")
        found = softmax(Grid.of(start, high).nearest(values))
        return float((expected * np.log(np.maximum(expected, 1e-30) / np.maximum(found, 1e-30))).sum(axis=1).mean())

    return float(lows[int(np.argmin([divergence(start) for start in lows]))]), high


METHODS: dict[str, Callable[[Histogram], Range]] = {"min_max": min_max, "percentile": percentile, "mse": mse, "kl": kl}


def _best(candidates: np.ndarray, costs: list[float]) -> float:
    """The cheapest candidate; the widest of equals, which comes last."""
    return float(candidates[len(costs) - 1 - int(np.argmin(costs[::-1]))])


def _squared_error(histogram: Histogram, low: float, high: float) -> float:
    step = (high - low) / (_LEVELS - 1)
    if step <= 0:
        return float("inf")
    centers = histogram.centers
    clipped = np.maximum(centers - high, 0) + np.maximum(low - centers, 0)
    inside = clipped == 0
    return float((histogram.counts * (clipped**2 + inside * step**2 / 12)).sum())


def _divergence(histogram: Histogram, low: float, high: float) -> float:
    if high <= low:
        return float("inf")
    centers, counts = histogram.centers, histogram.counts.astype(np.float64)
    codes = np.clip(np.rint((centers - low) / (high - low) * (_LEVELS - 1)), 0, _LEVELS - 1).astype(int)
    filled = counts > 0
    mass = np.bincount(codes, counts, _LEVELS)
    bins = np.bincount(codes, filled, _LEVELS)
    guess = np.where(filled, mass[codes] / np.maximum(bins[codes], 1), 0)
    # What was clipped appears at the ends of the grid: the reference keeps it where it was.
    p, q = counts / counts.sum(), guess / guess.sum()
    inside = (centers >= low) & (centers <= high)
    q = np.where(inside, q, q * 1e-3)
    return float((p[filled] * np.log(p[filled] / np.maximum(q[filled], 1e-12))).sum())
