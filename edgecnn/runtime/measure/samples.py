"""Figures of measured samples."""

from __future__ import annotations

import statistics

import numpy as np

from ..errors import ModelFileError

MAX_SAMPLES = 2000


def summary(samples: list[float]) -> dict[str, float]:
    """min, median, mean, p90, p95, p99, max and standard deviation, in the samples' unit."""
    if not samples:
        raise ModelFileError("Nothing was measured; expected at least one run. Increase --runs.")
    p50, p90, p95, p99 = np.percentile(samples, [50, 90, 95, 99])
    values = {
        "min": min(samples),
        "median": p50,
        "mean": statistics.fmean(samples),
        "p90": p90,
        "p95": p95,
        "p99": p99,
        "max": max(samples),
        "std": statistics.stdev(samples) if len(samples) > 1 else 0.0,
    }
    return {key: round(float(value), 4) for key, value in values.items()}


def thinned(samples: list[float], count: int = MAX_SAMPLES) -> list[float]:
    """At most `count` of the samples, evenly spaced, in order."""
    if len(samples) <= count:
        return samples
    return [samples[index * len(samples) // count] for index in range(count)]
