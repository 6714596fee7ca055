"""What a model is trained on: inputs and labels in memory-mapped rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgecnn.data import DataSet
from edgecnn.data.fitted import Fitted
from edgecnn.runtime.model.contract import Preprocessing


@dataclass(frozen=True)
class Source:
    """Labeled inputs of one split.

    Attributes:
        inputs: uint8 (count, height, width, channels), pixel values; or float32 (count, features), as the model's
            last layers take them.
        rows: int64, which rows of `inputs` there are; unreadable pictures are left out.
        labels: int64, the model's output index for each of `rows`.
        classes: number of outputs.
        preprocessing: whose mean and std make the model's input of pixel values; None for features.
        key: digest of the contents.
    """

    inputs: np.ndarray
    rows: np.ndarray
    labels: np.ndarray
    classes: int
    preprocessing: Preprocessing | None
    key: str

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, positions: np.ndarray) -> np.ndarray:
        """The inputs at some positions of `rows`, copied into memory."""
        return np.ascontiguousarray(self.inputs[self.rows[positions]])

    def with_inputs(self, inputs: np.ndarray, key: str) -> Source:
        """The same pictures in another form (features), one row for each of `rows`."""
        rows = np.arange(len(self.rows))
        return dataclasses.replace(self, inputs=inputs, rows=rows, preprocessing=None, key=key)


def source(
    data: DataSet, pictures: Fitted, preprocessing: Preprocessing, indices: Mapping[str, int], classes: int
) -> Source:
    """Pictures and labels of a data set, without those that can't be read.

    Args:
        data: the data set.
        pictures: its pictures, decoded.
        preprocessing: the contract's input side.
        indices: output index of each class.
        classes: number of outputs.
    """
    rows = np.array([row for row in range(len(data)) if row not in pictures.errors], np.int64)
    labels = np.array([indices[str(data.examples[row].label)] for row in rows], np.int64)
    return Source(pictures.pictures, rows, labels, classes, preprocessing, pictures.key)
