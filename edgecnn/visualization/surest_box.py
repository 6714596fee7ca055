"""The box that a detector is surest of for a class, and a feature map that is fine enough to show what supports it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from edgecnn.inspection.analysis import LayerReport
from edgecnn.runtime.model.anchors import DetectorRecord
from edgecnn.runtime.model.box_decoding import corners
from edgecnn.runtime.opencv import opencv
from edgecnn.visualization.base import Subject

_COLOR = (255, 255, 255)
_CELLS = 4  # of a map, along the shorter side of a box, so that its parts can be told apart


@dataclass(frozen=True)
class SurestBox:
    """One detection.

    Attributes:
        row: the coarsest feature map that has some cells across the box; not after the one that found it.
        box: y0, x0, y1, x1 as shares of the input.
        score: 0 to 1.
    """

    row: LayerReport
    box: np.ndarray
    score: float

    def on(self, picture: np.ndarray) -> np.ndarray:
        """An RGB image with the box drawn in."""
        canvas = np.ascontiguousarray(picture)
        height, width = canvas.shape[:2]
        top, left, bottom, right = (round(float(share) * side) for share, side in zip(self.box, [height, width] * 2))
        opencv().rectangle(canvas, (left, top), (right, bottom), _COLOR, max(1, height // 160))
        return canvas


def surest_box(subject: Subject, fitted: np.ndarray, index: int) -> SurestBox:
    """Of a class in one image, however unsure.

    Raises:
        ModelFileError: the contract has no anchors.
    """
    record = DetectorRecord.read(subject.contract)
    corrections, scores = subject.anchor_outputs(fitted)
    anchor = int(scores[:, index].argmax())
    counts = np.cumsum([rows * columns * len(sizes) for rows, columns, sizes in record.levels])
    level = int(np.searchsorted(counts, anchor, side="right"))
    box = np.clip(corners(corrections, record)[anchor], 0, 1)
    return SurestBox(_map_of(subject, _fine_level(record, level, box)), box, float(scores[anchor, index]))


def _fine_level(record: DetectorRecord, found: int, box: np.ndarray) -> int:
    height, width = box[2] - box[0], box[3] - box[1]
    cells = [min(rows * height, columns * width) for rows, columns, _ in record.levels[: found + 1]]
    return max((level for level, across in enumerate(cells) if across >= _CELLS), default=0)


def _map_of(subject: Subject, level: int) -> LayerReport:
    """The last map of a level that has several readers: the heads of boxes and of classes."""
    network = subject.report.network
    makers = {number: row for row in subject.report.layers for number in row.layer.outputs}
    readers = Counter(number for layer in network.layers for number in set(layer.inputs))
    joined = makers[network.outputs[-1]].layer
    while len(joined.inputs) < 2:
        joined = makers[joined.inputs[0]].layer
    value = joined.inputs[level]
    while readers[value] < 2:
        value = makers[value].layer.inputs[0]
    return makers[value]
