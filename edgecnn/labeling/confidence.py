"""From cosine similarities to probabilities, and how far these can be trusted."""

from __future__ import annotations

import numpy as np

from edgecnn.core.statistics import Share, share
from edgecnn.runtime.tasks.classification import softmax

CLIP_SCALE = 100.0
"""What CLIP's models end with; training clips its temperature there (arXiv:2103.00020, section 2.5)."""
_SCALES = np.geomspace(1, 1000, 401)


def probabilities(cosines: np.ndarray, scale: float) -> np.ndarray:
    """Softmax of the scaled similarities, (images, classes)."""
    return softmax(scale * cosines.astype(np.float64))


def fitted_scale(cosines: np.ndarray, truths: np.ndarray) -> float:
    """The scale under which the true classes are most likely: temperature scaling (arXiv:1706.04599).

    Args:
        cosines: (images, classes).
        truths: int (images,).
    """
    rows = np.arange(len(truths))
    likely = [np.log(probabilities(cosines, scale)[rows, truths] + 1e-12).mean() for scale in _SCALES]
    return float(_SCALES[int(np.argmax(likely))])


def measured_error(cosines: np.ndarray, truths: np.ndarray, least: float, scale: float | None) -> Share | None:
    """How many of the labels that would be kept are wrong; None if none would be.

    Args:
        cosines: (images, classes), in an order that has nothing to do with the classes.
        truths: int (images,).
        least: probability of labels that are kept.
        scale: of the similarities; None to fit it, to each half for the other half.
    """
    wrong = kept = 0
    halves = np.arange(len(truths)) % 2 == 0
    for mine in (halves, ~halves):
        used = fitted_scale(cosines[~mine], truths[~mine]) if scale is None else scale
        found = probabilities(cosines[mine], used)
        chosen = found.max(axis=1) >= least
        kept += int(chosen.sum())
        wrong += int((found.argmax(axis=1) != truths[mine])[chosen].sum())
    return share(wrong, kept) if kept else None
