"""A stranger's archive as a stream that can't go on for ever."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgecnn.core.errors import DataError

ALWAYS_BYTES = 64 << 20
_LARGEST_READ_BYTES = 32 << 20


class Bounded(io.RawIOBase):
    """A stream that ends in an error where a hostile one would go on, or asks for gigabytes at once.

    Args:
        stream: what is read.
        limit_bytes: how far it may be read.
        path: of the file, for messages.
        too_large: makes the error beyond the limit.
    """

    def __init__(self, stream: Any, limit_bytes: int, path: Path, too_large: Callable[[Path, int], DataError]) -> None:
        self._stream, self._limit_bytes, self._path, self._too_large = stream, limit_bytes, path, too_large

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes."""
        if not 0 <= size <= _LARGEST_READ_BYTES:
            raise DataError(f"The archive {self._path} is damaged: a header claims {size:,} bytes. Create it again.")
        self._check(self._stream.tell() + size)
        data: bytes = self._stream.read(size)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place."""
        self._check(offset if whence == 0 else self._stream.tell() + offset)
        return int(self._stream.seek(offset, whence))

    def tell(self) -> int:
        """The place."""
        return int(self._stream.tell())

    def _check(self, place: int) -> None:
        if place > self._limit_bytes + ALWAYS_BYTES:
            raise self._too_large(self._path, self._limit_bytes)
