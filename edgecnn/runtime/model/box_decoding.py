"""From a detector's outputs to boxes, in NumPy: the arithmetic of TFLite_Detection_PostProcess in its fast mode.

Source: https://github.com/tensorflow/tensorflow/blob/v2.21.0/tensorflow/lite/kernels/detection_postprocess.cc. Each
anchor has its best class only, and of overlapping boxes one is kept whatever their classes. The mode that treats each
class by itself loses a class where an interpreter has several threads (LiteRT 2.3).

Boxes are y0, x0, y1, x1 as shares of the model's input, float32 as in the operator.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .anchors import DetectorRecord

COLUMNS = 6
"""Of a detection: y0, x0, y1, x1, class, score."""


def corners(corrections: np.ndarray, record: DetectorRecord) -> np.ndarray:
    """The boxes that corrections of the anchors stand for (SSD, arXiv:1512.02325, equation 2, turned around).

    Args:
        corrections: (anchors, 4): y, x, height, width.
        record: anchors and scales.
    """
    anchors, scales = record.anchors(), np.asarray(record.scales, np.float32)
    moved = corrections.astype(np.float32) / scales
    centers = moved[:, :2] * anchors[:, 2:] + anchors[:, :2]
    with np.errstate(over="ignore"):
        halves = np.float32(0.5) * np.exp(moved[:, 2:]) * anchors[:, 2:]
    return np.concatenate((centers - halves, centers + halves), axis=1)


def corrections(boxes: np.ndarray, record: DetectorRecord) -> np.ndarray:
    """The inverse: what an output must say at each anchor for these boxes, (anchors, 4) both."""
    return corrected(boxes, record.anchors(), record.scales)


def corrected(boxes: np.ndarray, anchors: np.ndarray, scales: Sequence[float]) -> np.ndarray:
    """The same for some anchors: boxes and anchors (n, 4) -> (n, 4)."""
    centers, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2, np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-6)
    moved = (centers - anchors[:, :2]) / anchors[:, 2:]
    found = np.concatenate((moved, np.log(sizes / anchors[:, 2:])), axis=1) * np.asarray(scales, np.float32)
    return found.astype(np.float32)


def areas(boxes: np.ndarray) -> np.ndarray:
    """Of each box, (..., 4) -> (...); 0 for one that is inverted."""
    sides = np.maximum(boxes[..., 2:] - boxes[..., :2], 0)
    found: np.ndarray = sides[..., 0] * sides[..., 1]
    return found


def intersections(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Areas that two lists of boxes share, (n, 4) and (m, 4) -> (n, m)."""
    y0, x0, y1, x1 = first.T[:, :, np.newaxis]  # axes apart: many times faster than (n, m, 2)
    b0, a0, b1, a1 = second.T[:, np.newaxis]
    heights = np.maximum(np.minimum(y1, b1) - np.maximum(y0, b0), 0)
    widths = np.maximum(np.minimum(x1, a1) - np.maximum(x0, a0), 0)
    found: np.ndarray = heights * widths
    return found


def overlaps(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union of two lists of boxes, (n, 4) and (m, 4) -> (n, m)."""
    shared = intersections(first, second)
    union = areas(first)[:, np.newaxis] + areas(second)[np.newaxis] - shared
    found: np.ndarray = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return found


def detections(corrections: np.ndarray, scores: np.ndarray, record: DetectorRecord) -> np.ndarray:
    """Boxes with class and score, the surest first.

    Args:
        corrections: (anchors, 4).
        scores: (anchors, classes), 0 to 1.
        record: anchors and limits.

    Returns:
        float32 (n, 6): y0, x0, y1, x1, class, score; n is at most `record.most`.
    """
    best = scores.argmax(axis=1)
    surest = scores[np.arange(len(scores)), best].astype(np.float32)
    kept = np.flatnonzero(surest >= np.float32(record.least_score))
    order = kept[np.argsort(-surest[kept], kind="stable")]
    boxes = corners(corrections, record)
    chosen = order[_not_suppressed(boxes[order], record.most_overlap, record.most)]
    return np.concatenate(
        (boxes[chosen], best[chosen, np.newaxis], surest[chosen, np.newaxis]), axis=1, dtype=np.float32
    )


def _not_suppressed(boxes: np.ndarray, most_overlap: float, most: int) -> np.ndarray:
    """Rows of the boxes that no better one overlaps: greedy non-maximum suppression, the best boxes first."""
    active, chosen = np.ones(len(boxes), bool), []
    for row in range(len(boxes)):
        if not active[row]:
            continue
        chosen.append(row)
        if len(chosen) == most:
            break
        later = row + 1 + np.flatnonzero(active[row + 1 :])
        active[later[overlaps(boxes[row : row + 1], boxes[later])[0] > np.float32(most_overlap)]] = False
    return np.asarray(chosen, np.int64)


def as_outputs(rows: np.ndarray, most: int) -> list[np.ndarray]:
    """Detections as the operator gives them: boxes (most, 4), classes (most,), scores (most,), count ()."""
    filled = np.zeros((most, COLUMNS), np.float32)
    filled[: len(rows)] = rows[:most]
    return [
        filled[:, :4].copy(),
        filled[:, 4].copy(),
        filled[:, 5].copy(),
        np.array(min(len(rows), most), np.float32),
    ]


def of_outputs(outputs: list[np.ndarray]) -> np.ndarray:
    """The inverse of `as_outputs`; what stands behind the count is never looked at."""
    boxes, classes, scores, count = outputs
    number = int(np.clip(np.nan_to_num(count.reshape(-1)[0]), 0, scores.size))
    columns = (classes.reshape(-1, 1)[:number], scores.reshape(-1, 1)[:number])
    return np.concatenate((boxes.reshape(-1, 4)[:number], *columns), axis=1, dtype=np.float32)
