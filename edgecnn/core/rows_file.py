"""An array in a file, written and read a few rows at a time; unlike a memory map it never counts as memory."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np


def write_rows(path: Path, shape: tuple[int, ...], dtype: Any, parts: Iterable[np.ndarray]) -> None:
    """Write a `.npy` file of parts that follow each other.

    Args:
        path: of the file.
        shape: of the whole array.
        dtype: of the whole array.
        parts: rows, (some, ...), of that type.
    """
    header = np.lib.format.header_data_from_array_1_0(np.empty((0, *shape[1:]), dtype))
    with path.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, {**header, "shape": shape})
        for part in parts:
            stream.write(np.ascontiguousarray(part, dtype).tobytes())


class RowsFile:
    """Reads rows of a `.npy` file; stands in for its array.

    Args:
        path: of the file.

    Raises:
        OSError: it can't be opened.
        ValueError: it is no such file, or is cut short.
    """

    def __init__(self, path: Path) -> None:
        self._stream = path.open("rb")
        np.lib.format.read_magic(self._stream)
        self.shape, _, self.dtype = np.lib.format.read_array_header_1_0(self._stream)
        self._begin = self._stream.tell()
        self._row_bytes = int(np.prod(self.shape[1:])) * self.dtype.itemsize
        self._lock = threading.Lock()
        if path.stat().st_size != self._begin + self.shape[0] * self._row_bytes:
            raise ValueError(f"{path} is cut short")

    @property
    def ndim(self) -> int:
        """How many axes the array has."""
        return len(self.shape)

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """Some rows, copied into memory."""
        found = np.empty((len(rows), *self.shape[1:]), self.dtype)
        for place, row in enumerate(rows):
            with self._lock:
                self._stream.seek(self._begin + int(row) * self._row_bytes)
                self._stream.readinto(found[place].reshape(-1).view(np.uint8))
        return found
