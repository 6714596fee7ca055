"""Training data: inputs and their annotations."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from edgecnn.core.errors import DataError
from edgecnn.data import DataSet
from edgecnn.data.fitted import Fitted, Pictures
from edgecnn.data.streamed import StreamedPictures
from edgecnn.runtime.model.contract import Contract, Preprocessing
from edgecnn.tasks import Task, task_of


class Joined:
    """The rows of several sets of images of one type and shape as one, read where they lie; see `Pictures`."""

    def __init__(self, *parts: Pictures) -> None:
        self._parts = parts
        self._starts = np.cumsum([0, *(part.shape[0] for part in parts)])
        self.dtype, self.ndim = parts[0].dtype, parts[0].ndim
        self.shape = (int(self._starts[-1]), *parts[0].shape[1:])

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """Those rows, copied into memory."""
        found = np.empty((len(rows), *self.shape[1:]), self.dtype)
        for part, start in zip(self._parts, self._starts):
            mine = (rows >= start) & (rows < start + part.shape[0])
            found[mine] = part[rows[mine] - start]
        return found


@dataclass(frozen=True)
class TrainingRows:
    """The images of one split with their annotations.

    Attributes:
        inputs: uint8 (count, height, width, channels), pixel values, in memory-mapped rows or streamed; or float32
            (count, features), as the model's last layers take them.
        rows: int64, which rows of `inputs` there are; unreadable images are left out.
        truths: what the task makes of the annotations for each of `rows`: of a classifier the output index, int64.
        contract: of the model.
        key: digest of the contents.
        are_features: whether `inputs` are features.
        digests: SHA-256 of each image of `rows`.
        lesson: in place of the model's task, where the truths are a teacher's.
        groups: int32, of each of `rows` the shard that it is in; None unless they are streamed from shards.
    """

    inputs: Pictures
    rows: np.ndarray
    truths: np.ndarray
    contract: Contract
    key: str
    are_features: bool = False
    digests: tuple[str, ...] = ()
    lesson: Task | None = None
    groups: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def task(self) -> Task:
        """What the model is for, or what it learns from a teacher."""
        return self.lesson or task_of(self.contract)

    @property
    def are_streamed(self) -> bool:
        """Whether images are decoded when they are needed."""
        return isinstance(self.inputs, StreamedPictures)

    @property
    def preprocessing(self) -> Preprocessing | None:
        """Whose mean and std make the model's input of pixel values; None for features."""
        return None if self.are_features else self.contract.preprocessing

    def batch(self, positions: np.ndarray) -> np.ndarray:
        """The inputs at some positions of `rows`, copied into memory."""
        return np.ascontiguousarray(self.inputs[self.rows[positions]])

    def with_features(self, features: Pictures, key: str) -> TrainingRows:
        """The same images as features, one row for each of `rows`."""
        rows = np.arange(len(self.rows))
        return dataclasses.replace(self, inputs=features, rows=rows, key=key, are_features=True, groups=None)


def training_rows(data: DataSet, pictures: Fitted, contract: Contract) -> TrainingRows:
    """The images of a data set with their annotations, without those that can't be read.

    Args:
        data: the data set.
        pictures: its images, decoded.
        contract: of the model.

    Raises:
        DataError: the data set says nothing of its images, or what the model can't answer.
    """
    task = task_of(contract)
    if data.classes and not data.task:
        data = dataclasses.replace(data, classes=tuple(sorted({str(example.label) for example in data.examples})))
    truth_of = task.truth_of(data, contract)
    if truth_of is None:
        raise DataError(f"{data.name} has no annotations; expected annotations for {task.name}.")
    rows = np.array([row for row in range(len(data)) if row not in pictures.survey.errors], np.int64)
    truths = task.stacked([truth_of(data.examples[row]) for row in rows])
    groups = None if pictures.groups is None else pictures.groups[rows]
    return TrainingRows(pictures.pictures, rows, truths, contract, pictures.key, groups=groups)
