"""Protocol buffers read where they lie, without their classes: fields of a message, and what they hold.

Format: https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import NamedTuple

VARINT, BYTES = 0, 2
"""Wire types: an integer, and content with a length: a text, a message, packed numbers."""
_FIXED = {1: 8, 5: 4}
_VARINT_BYTES = 10


class Field(NamedTuple):
    """A field of a message; of an integer `begin` is the value, of all others `begin` to `end` is the content."""

    number: int
    kind: int
    begin: int
    end: int


def fields(data: bytes | mmap.mmap, begin: int, end: int) -> Iterator[Field]:
    """The fields of the message between two places.

    Raises:
        ValueError: it isn't protobuf's form.
    """
    while begin < end:
        tag, begin = varint(data, begin, end)
        kind, length = tag & 7, 0
        if kind == VARINT:
            value, begin = varint(data, begin, end)
            yield Field(tag >> 3, kind, value, value)
            continue
        if kind == BYTES:
            length, begin = varint(data, begin, end)
        elif kind in _FIXED:
            length = _FIXED[kind]
        else:
            raise ValueError(f"a field of the unknown type {kind} at byte {begin:,}")
        if length > end - begin:
            raise ValueError(f"a field goes beyond its message, which ends at byte {end:,}")
        yield Field(tag >> 3, kind, begin, begin + length)
        begin += length


def varint(data: bytes | mmap.mmap, begin: int, end: int) -> tuple[int, int]:
    """The integer that begins there, 7 bits a byte, and the place after it.

    Raises:
        ValueError: it has no end.
    """
    value = 0
    for place in range(begin, min(end, begin + _VARINT_BYTES)):
        value |= (data[place] & 0x7F) << 7 * (place - begin)
        if data[place] < 0x80:
            return value, place + 1
    raise ValueError(f"an integer has no end at byte {begin:,}")
