"""What a detector should say at each anchor: matching of anchors with objects, under augmentation.

Source: SSD, arXiv:1512.02325, section 2.2; the two thresholds are those of RetinaNet, arXiv:1708.02002, section 4.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgecnn.data.augmentation import mosaic
from edgecnn.data.augmentation.draw import Draw
from edgecnn.runtime.model.anchors import DetectorRecord
from edgecnn.runtime.model.box_decoding import areas, corrected, intersections, overlaps

IGNORED, BACKGROUND = -1, 0
"""Classes of anchors that hold no object; those of objects are one more than the output's index."""
NO_CLASS = -1.0
"""Of the rows that fill the truths of an image up."""
_OBJECT, _MAYBE = 0.5, 0.4  # overlaps from which an anchor is an object's, or nobody's
_CROWDED = 0.5


class BoxTargets:
    """An `Encoder`: targets float32 (batch, anchors, 5), four corrections and the class.

    Args:
        truths: float32 (images, most, 8), see `edgecnn.tasks.kinds.detection`.
        record: anchors.
        size: height and width of the model's input in pixels, which augmentation is in.
    """

    def __init__(self, truths: np.ndarray, record: DetectorRecord, size: tuple[int, int]) -> None:
        self._truths, self._record, self._size = truths, record, size
        self._anchors = anchors = record.anchors()
        self._boxes = np.concatenate((anchors[:, :2] - anchors[:, 2:] / 2, anchors[:, :2] + anchors[:, 2:] / 2), axis=1)
        self.shape: tuple[int, ...] = (len(anchors), 5)

    def __call__(self, own: np.ndarray, partners: np.ndarray, changes: Draw) -> tuple[np.ndarray, np.ndarray]:
        """See `Encoder`."""
        truths = [
            mosaic_truth(self._truths[tiles], window) if window.any() else self._truths[row]
            for row, tiles, window in zip(own, changes.tiles, changes.windows)
        ]
        images = [self.of_image(moved(each, how, self._size)) for each, how in zip(truths, changes.transforms)]
        return np.stack(images), np.ones(len(own), np.float32)

    def of_image(self, truth: np.ndarray) -> np.ndarray:
        """Targets for the truths of one image, (n, 8)."""
        targets = np.zeros(self.shape, np.float32)
        truth = truth[truth[:, 4] != NO_CLASS]
        objects, others = truth[truth[:, 5] == 0], truth[truth[:, 5] != 0]
        if len(others):
            inside = intersections(self._boxes, others[:, :4]) / areas(self._boxes)[:, np.newaxis]
            targets[(inside >= _CROWDED).any(axis=1), 4] = IGNORED
        if len(objects):
            self._put_objects(objects, targets)
        return targets

    def _put_objects(self, objects: np.ndarray, targets: np.ndarray) -> None:
        overlap = overlaps(self._boxes, objects[:, :4])
        nearest, most = overlap.argmax(axis=1), overlap.max(axis=1)
        targets[(most >= _MAYBE) & (most < _OBJECT), 4] = IGNORED
        best = overlap.argmax(axis=0)  # each object gets its best anchor, however little they overlap
        nearest[best], most[best] = np.arange(len(objects)), 1.0
        rows = np.flatnonzero(most >= _OBJECT)
        chosen = objects[nearest[rows]]
        targets[rows, :4] = corrected(chosen[:, :4], self._anchors[rows], self._record.scales)
        targets[rows, 4] = chosen[:, 4] + 1


def mosaic_truth(truths: Sequence[np.ndarray], window: np.ndarray) -> np.ndarray:
    """Truths of a mosaic, (n, 8): those of its images whose center is in the window, clipped to their image in it.

    Args:
        truths: of the four images, each (n, 8).
        window: see `Draw`.
    """
    rows = [each[each[:, 4] != NO_CLASS].copy() for each in truths]
    whole = mosaic.places([np.array([[0, 0, 1, 1]], np.float32)] * 4, window)
    for each, found, (tile,) in zip(rows, mosaic.places([each[:, :4] for each in rows], window), whole):
        low, high = (np.clip(corner, 0, 1) for corner in (tile[:2], tile[2:]))
        center = (found[:, :2] + found[:, 2:]) / 2
        each[:, :4] = np.clip(found, np.tile(low, 2), np.tile(high, 2))
        each[~((center > low) & (center < high)).all(axis=1), 4] = NO_CLASS
    joined = np.concatenate(rows)
    kept: np.ndarray = joined[joined[:, 4] != NO_CLASS]
    return kept


def moved(truth: np.ndarray, transform: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Truths of an image as they lie after augmentation: those whose center is still in it, clipped to it.

    Args:
        truth: (n, 8).
        transform: (8,), from output to input pixel coordinates, see `Draw`.
        size: height and width in pixels.
    """
    height, width = size
    a0, a1, a2, b0, b1, b2 = transform[:6].astype(np.float64)
    back = np.linalg.inv(np.array([[a0, a1], [b0, b1]]))
    y0, x0, y1, x1 = truth[:, :4].astype(np.float64).T
    corners = np.array([[x0, y0], [x1, y0], [x0, y1], [x1, y1]]) * [[width], [height]] - 0.5  # (4, xy, n)
    found = np.einsum("ij,cjn->cin", back, corners - np.array([[a2], [b2]])) + 0.5
    low, high = found.min(axis=0) / [[width], [height]], found.max(axis=0) / [[width], [height]]
    center = (low + high) / 2
    kept = ((center > 0) & (center < 1)).all(axis=0)
    low, high = np.clip(low, 0, 1), np.clip(high, 0, 1)
    result = truth.copy()
    result[:, :4] = np.stack((low[1], low[0], high[1], high[0]), axis=1)
    return result[kept]
