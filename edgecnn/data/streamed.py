"""Images that are read and decoded when they are needed, by several processes: nothing of them is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecnn.core.errors import CrashError, DataError, PictureError
from edgecnn.data.dataset import DataSet, Example, ListedExamples
from edgecnn.parallel.workers import workers
from edgecnn.runtime.model.contract import Preprocessing
from edgecnn.runtime.opencv import opencv
from edgecnn.runtime.run.preprocess import fit

_FEWEST_AT_ONCE = 8


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
        pool = workers()
        size = max(_FEWEST_AT_ONCE, -(-len(rows) // pool.count))
        parts = [rows[start : start + size] for start in range(0, len(rows), size)]
        work = [([self.data.examples[int(row)] for row in part], self.preprocessing) for part in parts]
        try:
            decoded = [future.result() for future in [pool.submit(_decoded, each) for each in work]]
        except PictureError as error:
            raise DataError(f"An image of {self.data.name} can't be read any more: {error}") from error
        except CrashError as error:
            raise DataError(f"{self.data.name}: {error}") from error
        return np.concatenate(decoded) if len(decoded) > 1 else decoded[0]


def _decoded(work: tuple[Sequence[Example], Preprocessing]) -> np.ndarray:
    opencv().setNumThreads(1)
    examples, preprocessing = work
    return np.stack([fit(example.read(), preprocessing) for example in examples])
