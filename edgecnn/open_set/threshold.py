"""A threshold that a given share of an unknown distribution exceeds, from a sample of it."""

from __future__ import annotations

import math

import numpy as np

from edgecnn.core.errors import UsageError

EXPECTED_BEYOND = 5
"""So many images of the sample at least must lie beyond the threshold; with fewer, the rate is hardly known."""
_TOLERANCE = 0.4  # of the rate: of 5 %, 2 points


def images_needed(rate: float) -> int:
    """How many images a rate takes, 0 to 1."""
    return math.ceil(EXPECTED_BEYOND / rate - 1e-9)


def check_count(count: int, rate: float, what: str) -> None:
    """Refuse a sample that is too small for a rate.

    Args:
        count: of images.
        rate: 0 to 1.
        what: the images are, for the message.

    Raises:
        UsageError: it is too small; the message says how many are needed.
    """
    if count >= images_needed(rate):
        return
    remedy = (
        f", or set --false-alarm-rate to at least {math.ceil(100 * EXPECTED_BEYOND / count)}" if count >= 10 else ""
    )
    raise UsageError(
        f"{count:,} {what} are too few for a false-alarm rate of {100 * rate:g} %; expected at least "
        f"{images_needed(rate):,}. Give more images{remedy}."
    )


def exceeded(values: np.ndarray, rate: float, what: str) -> tuple[float | None, int]:
    """A threshold that other values of the same kind are expected to reach at a rate, and how many of these reach it.

    Of n values, k of which lie above a threshold between two of them, other values lie above it with a chance between
    k / (n + 1) and (k + 1) / (n + 1) (order statistics; the distribution doesn't matter). The threshold lies in the
    middle between two values, so that no rounding error of another program decides an answer.

    Args:
        values: (n,); minus infinity for one that no threshold lets through.
        rate: 0 to 1.
        what: the values are of, for the message.

    Returns:
        None for the threshold where even without one fewer values are finite.

    Raises:
        UsageError: equal values leave no threshold near the rate.
    """
    ordered = -np.sort(-values)
    finite = int(np.isfinite(ordered).sum())
    wanted = rate * (len(ordered) + 1) - 0.5
    if finite <= wanted:
        return None, finite
    above = np.flatnonzero(ordered[:finite][:-1] > ordered[:finite][1:]) + 1  # how many lie above each gap
    if finite < len(ordered):
        above = np.append(above, finite)
    best = int(above[np.abs(above - wanted).argmin()]) if above.size else 0
    if not best or abs(best / len(ordered) - rate) > _TOLERANCE * rate:
        reached = f"{100 * best / len(ordered):.1f} %" if best else "0 or 100 %"
        raise UsageError(
            f"Too many of the {len(ordered):,} {what} have the same score: the false-alarm rate nearest to "
            f"{100 * rate:g} % is {reached}. Choose another --score or --false-alarm-rate."
        )
    if best == finite:
        return float(np.nextafter(ordered[best - 1], -np.inf)), best
    return float((ordered[best - 1] + ordered[best]) / 2), best
