"""Anchors of a detector: the boxes that its outputs are corrections of. They stand in the contract.

Coordinates are shares of the model's input: y (rows) first, then x, 0 to 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from ..errors import ModelFileError, RecordError
from .contract import Contract
from .validation import Range, Record

KEY = "detection"
"""Of a contract's further keys: what the task records of a detector."""
MOST_ANCHORS = 1 << 20
MOST_DETECTIONS = 1000


@dataclass(frozen=True)
class DetectorRecord(Record):
    """What the contract of a detector adds.

    Attributes:
        levels: feature maps in the order of the outputs: rows, columns, and height and width of each anchor.
        scales: what corrections of y, x, height and width are multiplied with while training (SSD, arXiv:1512.02325:
            one over its variances).
        most: how many boxes it gives for an image.
        least_score: boxes of a lower score are left out.
        most_overlap: of two boxes that overlap more (intersection over union), the less sure one is left out.
    """

    levels: tuple[tuple[int, int, tuple[tuple[float, float], ...]], ...]
    scales: tuple[float, float, float, float] = (10.0, 10.0, 5.0, 5.0)
    most: Annotated[int, Range(1, MOST_DETECTIONS)] = 100
    least_score: Annotated[float, Range(0, 1)] = 0.01
    most_overlap: Annotated[float, Range(0, 1)] = 0.6

    @classmethod
    def read(cls, contract: Contract) -> DetectorRecord:
        """Of a contract.

        Raises:
            ModelFileError: it has none, or a damaged one.
        """
        values = contract.extra.get(KEY)
        if not isinstance(values, Mapping):
            raise ModelFileError("The contract has no anchors, so the model's outputs can't be turned into boxes.")
        try:
            found = cls.from_dict(values, KEY)
        except RecordError as error:
            raise ModelFileError(f"Contract: {error}") from error
        if not 0 < found.count <= MOST_ANCHORS or not all(scale > 0 for scale in found.scales):
            raise ModelFileError(f"Contract: {found.count:,} anchors; expected 1 to {MOST_ANCHORS:,}.")
        return found

    def put_into(self, contract: Contract) -> Contract:
        """The contract with this record."""
        extra: dict[str, Any] = {**contract.extra, KEY: self.to_dict()}
        return contract.replace(extra=extra)

    @property
    def count(self) -> int:
        """How many anchors there are."""
        return sum(rows * columns * len(sizes) for rows, columns, sizes in self.levels)

    def anchors(self) -> np.ndarray:
        """Centers and sizes, float32 (anchors, 4): y, x, height, width; row by row, all anchors of a cell together."""
        parts = []
        for rows, columns, sizes in self.levels:
            y, x = (np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns
            centers = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1)[:, :, np.newaxis]
            each = np.broadcast_to(np.asarray(sizes, np.float64).reshape(1, 1, -1, 2), (rows, columns, len(sizes), 2))
            parts.append(np.concatenate((np.broadcast_to(centers, each.shape), each), axis=-1).reshape(-1, 4))
        return np.concatenate(parts).astype(np.float32)
