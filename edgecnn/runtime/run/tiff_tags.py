"""The tags of a TIFF file, in which EXIF is written too."""

from __future__ import annotations

import struct

DAMAGED = (struct.error, IndexError, ValueError, KeyError, OverflowError)
"""What following the offsets of a damaged header raises."""
_ORIENTATION = 274


def tiff_tags(data: bytes) -> dict[int, int]:
    """The first value of each integer tag of the first directory."""
    order = {b"II": "<", b"MM": ">"}[data[:2]]
    big = struct.unpack_from(f"{order}H", data, 2)[0] == 43
    start = struct.unpack_from(f"{order}Q", data, 8)[0] if big else struct.unpack_from(f"{order}I", data, 4)[0]
    count = struct.unpack_from(f"{order}{'Q' if big else 'H'}", data, start)[0]
    size, head = (20, 8) if big else (12, 2)
    tags = {}
    for entry in range(min(count, 4096)):
        place = start + head + size * entry
        tag, kind, length = struct.unpack_from(f"{order}HH{'Q' if big else 'I'}", data, place)
        letter = {1: "B", 3: "H", 4: "I", 16: "Q"}.get(kind)
        if letter is None or not length:
            continue
        value_at, room = place + size - (8 if big else 4), 8 if big else 4
        if length * struct.calcsize(letter) > room:
            value_at = struct.unpack_from(f"{order}{'Q' if big else 'I'}", data, value_at)[0]
        tags[tag] = struct.unpack_from(f"{order}{letter}", data, value_at)[0]
    return tags


def exif_orientation(exif: bytes) -> int:
    """1 to 8, as EXIF numbers them; 1 (upright) where it is damaged or says nothing."""
    try:
        found = tiff_tags(exif).get(_ORIENTATION, 1)
    except DAMAGED:
        return 1
    return found if 1 <= found <= 8 else 1
