"""A bounds-checked reader of flatbuffer tables.

A board has no flatbuffers library, and that library reads past the end of a damaged file; here every offset is checked
against the buffer, so that a damaged file is an error that names the place. Format: flatbuffers "Internals" page.
"""

from __future__ import annotations

import struct

import numpy as np

from ..errors import ModelFileError
from .json_text import printable

_SCALARS = {
    "bool": struct.Struct("<?"),
    "int8": struct.Struct("<b"),
    "uint8": struct.Struct("<B"),
    "uint16": struct.Struct("<H"),
    "int32": struct.Struct("<i"),
    "uint32": struct.Struct("<I"),
    "uint64": struct.Struct("<Q"),
    "float32": struct.Struct("<f"),
}


_READ_PER_BYTE = 4  # a table or a vector that many others share is read once for each
_LEAST_ALLOWED = 1 << 16
_TABLE_COST = 8  # bytes: the smallest table, and what points to it


class Allowance:
    """How much may still be read: tables that share others could make a small file endless."""

    def __init__(self, size: int) -> None:
        self._left = max(_LEAST_ALLOWED, _READ_PER_BYTE * size)

    def spend(self, size: int) -> None:
        """Raises: ModelFileError: more was read than an honest file of this size holds."""
        self._left -= size
        if self._left < 0:
            raise ModelFileError(
                "The file is damaged: its tables overlap so much that reading them would take too long."
            )


class Table:
    """One table at `position` of `data`; fields are addressed by their number in the schema.

    Raises:
        ModelFileError: an offset points outside the data.
    """

    def __init__(self, data: memoryview, position: int, allowance: Allowance | None = None) -> None:
        self.data = data
        self._allowance = allowance
        self._spend(_TABLE_COST)
        self.position = position
        self._vtable = position - self._scalar("int32", position)
        self._fields = (self._scalar("uint16", self._vtable) - 4) // 2

    @classmethod
    def root(cls, data: bytes | memoryview, bounded: bool = False) -> Table:
        """The root table of a flatbuffer; `bounded` limits what is read from it and from its tables in all."""
        view = memoryview(data)
        return cls(view, _read(view, "uint32", 0), Allowance(len(view)) if bounded else None)

    def free(self) -> Table:
        """The same table without a limit, for one that is kept."""
        return Table(self.data, self.position)

    def scalar(self, number: int, kind: str, default: float = 0) -> int:
        """An integer or boolean field, or its default where the table leaves it out."""
        place = self.place(number)
        return int(self._scalar(kind, place) if place else default)

    def real(self, number: int, default: float = 0.0) -> float:
        """A float32 field."""
        place = self.place(number)
        return float(self._scalar("float32", place) if place else default)

    def string(self, number: int) -> str:
        """A string field as printable text; empty where it is left out."""
        octets = self.octets(number)
        self._spend(len(octets))
        return printable(bytes(octets).decode("utf-8", errors="replace"))

    def octets(self, number: int) -> memoryview:
        """A vector of bytes, not copied."""
        start, count = self._vector(number, 1)
        return self.data[start : start + count]

    def array(self, number: int, dtype: str) -> np.ndarray:
        """A vector of numbers, shape (n,)."""
        size = np.dtype(dtype).itemsize
        start, count = self._vector(number, size)
        self._spend(count * size)
        return np.frombuffer(self.data, dtype, count, start) if count else np.zeros(0, dtype)

    def table(self, number: int) -> Table | None:
        """A table field, or None where it is left out."""
        place = self.place(number)
        return Table(self.data, place + self._scalar("uint32", place), self._allowance) if place else None

    def tables(self, number: int) -> list[Table]:
        """A vector of tables."""
        start, count = self._vector(number, 4)
        places = range(start, start + 4 * count, 4)
        return [Table(self.data, place + self._scalar("uint32", place), self._allowance) for place in places]

    def place(self, number: int) -> int:
        """Where a field's value (or its offset) lies in the data; 0 where it is left out."""
        if number >= self._fields:
            return 0
        offset = self._scalar("uint16", self._vtable + 4 + 2 * number)
        return self.position + offset if offset else 0

    def _vector(self, number: int, item_size: int) -> tuple[int, int]:
        place = self.place(number)
        if not place:
            return 0, 0
        start = place + self._scalar("uint32", place)
        count = self._scalar("uint32", start)
        if start + 4 + count * item_size > len(self.data):
            raise _damaged(start)
        return start + 4, count

    def _spend(self, size: int) -> None:
        if self._allowance is not None:
            self._allowance.spend(size)

    def _scalar(self, kind: str, place: int) -> int:
        return _read(self.data, kind, place)


def _read(data: memoryview, kind: str, place: int) -> int:
    reader = _SCALARS[kind]
    if place < 0 or place + reader.size > len(data):
        raise _damaged(place)
    value: int = reader.unpack_from(data, place)[0]
    return value


def _damaged(place: int) -> ModelFileError:
    return ModelFileError(f"The file is damaged or cut short: an offset at byte {place} points outside the file.")
