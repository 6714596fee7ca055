"""Temperature scaling: Guo et al., On Calibration of Modern Neural Networks (ICML 2017), section 4.2."""

from __future__ import annotations

import math

import numpy as np

LOWEST, HIGHEST = 0.05, 20.0
FEWEST_WRONG = 5
"""Where fewer answers are wrong, the likelihood hardly says how sure the model may be of the others."""
_GOLDEN = (math.sqrt(5) - 1) / 2
_STEPS = 40  # the range shrinks to 6 * 0.618^40 in log T


def fitted_temperature(logits: np.ndarray, truths: np.ndarray) -> float | None:
    """The temperature at which the true classes are likeliest; None where too few answers are wrong to tell.

    Args:
        logits: (images, classes).
        truths: index of the true class, (images,).
    """
    if np.count_nonzero(logits.argmax(axis=1) != truths) < FEWEST_WRONG:
        return None
    low, high = math.log(LOWEST), math.log(HIGHEST)
    for _ in range(_STEPS):  # golden-section search: convex in 1 / T, so there is one minimum
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        if negative_log_likelihood(logits, truths, math.exp(left)) < negative_log_likelihood(
            logits, truths, math.exp(right)
        ):
            high = right
        else:
            low = left
    return round(math.exp((low + high) / 2), 4)


def negative_log_likelihood(logits: np.ndarray, truths: np.ndarray, temperature: float) -> float:
    """Mean over the images, in nats.

    Args:
        logits: (images, classes).
        truths: index of the true class, (images,).
        temperature: logits are divided by it.
    """
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    likelihoods = scaled[np.arange(len(truths)), truths] - np.log(np.exp(scaled).sum(axis=1))
    return -float(likelihoods.mean())
