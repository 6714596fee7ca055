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


class Table:
    """One table at `position` of `data`; fields are addressed by their number in the schema.

    Raises:
        ModelFileError: an offset points outside the data.
    """

    def __init__(self, data: memoryview, position: int) -> None:
        self.data = data
        self.position = position
        self._vtable = position - self._scalar("int32", position)
        self._fields = (self._scalar("uint16", self._vtable) - 4) // 2

    @classmethod
    def root(cls, data: bytes | memoryview) -> Table:
        """The root table of a flatbuffer."""
        view = memoryview(data)
        return cls(view, _read(view, "uint32", 0))

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
        return printable(bytes(self.octets(number)).decode("utf-8", errors="replace"))

    def octets(self, number: int) -> memoryview:
        """A vector of bytes, not copied."""
        start, count = self._vector(number, 1)
        return self.data[start : start + count]

    def array(self, number: int, dtype: str) -> np.ndarray:
        """A vector of numbers, shape (n,)."""
        start, count = self._vector(number, np.dtype(dtype).itemsize)
        return np.frombuffer(self.data, dtype, count, start) if count else np.zeros(0, dtype)

    def table(self, number: int) -> Table | None:
        """A table field, or None where it is left out."""
        place = self.place(number)
        return Table(self.data, place + self._scalar("uint32", place)) if place else None

    def tables(self, number: int) -> list[Table]:
        """A vector of tables."""
        start, count = self._vector(number, 4)
        places = range(start, start + 4 * count, 4)
        return [Table(self.data, place + self._scalar("uint32", place)) for place in places]

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

    def _scalar(self, kind: str, place: int) -> int:
        return _read(self.data, kind, place)


def _read(data: memoryview, kind: str, place: int) -> int:
    reader = _SCALARS[kind]
    if place < 0 or place + reader.size > len(data):
        raise _damaged(place)
    value: int = reader.unpack_from(data, place)[0]
    return value


def _damaged(place: int) -> ModelFileError:
    return ModelFileError(f"The file is damaged or cut short: an offset at byte {place} points outside of it.")
