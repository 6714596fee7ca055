"""Images that are read and decoded when they are needed: nothing of them is kept.

Threads decode them, because OpenCV lets go of Python's lock; a process more would hold 55 MB.
"""

from __future__ import annotations

import functools
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecnn.core.errors import DataError, PictureError
from edgecnn.data.dataset import DataSet, ListedExamples
from edgecnn.runtime.model.contract import Preprocessing
from edgecnn.runtime.portable import usage
from edgecnn.runtime.run.preprocess import fit

_MOST_THREADS = 16


@dataclass(frozen=True)
class StreamedPictures:
    """Stands in for the array of all decoded images, uint8 (count, height, width, channels).

    Attributes:
        data: the images.
        preprocessing: the contract's input side.
    """

    data: DataSet
    preprocessing: Preprocessing

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the array."""
        return (len(self.data), *self.preprocessing.shape)

    @property
    def ndim(self) -> int:
        """How many axes the array has."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the array."""
        return np.dtype(np.uint8)

    @property
    def groups(self) -> np.ndarray | None:
        """int32 (count,), the shard that each image is in; None where each is a file of its own."""
        examples = self.data.examples
        return examples.groups if isinstance(examples, ListedExamples) else None

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """Some images, uint8 (rows, height, width, channels).

        Raises:
            DataError: one can't be read any more.
        """
        examples = [self.data.examples[int(row)] for row in rows]
        try:
            return np.stack(
                list(_threads_of(os.getpid()).map(lambda each: fit(each.read(), self.preprocessing), examples))
            )
        except PictureError as error:
            raise DataError(f"An image of {self.data.name} can't be read any more: {error}") from error


@functools.cache
def _threads_of(process: int) -> ThreadPoolExecutor:
    """This process's threads; a fork has none."""
    return ThreadPoolExecutor(min(usage.processors(), _MOST_THREADS), "decode")
