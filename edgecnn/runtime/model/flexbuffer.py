"""Custom operators' options: a flat map in FlexBuffers, as TFLite's converter writes it.

Format: https://flatbuffers.dev/internals/#flexbuffers. Numbers and booleans are read, other values are passed over.
"""

from __future__ import annotations

import struct

_INT, _UINT, _FLOAT, _MAP, _BOOL = 1, 2, 3, 9, 26
_UNSIGNED = {1: "<B", 2: "<H", 4: "<I", 8: "<Q"}
_SIGNED = {1: "<b", 2: "<h", 4: "<i", 8: "<q"}
_FLOATS = {2: "<e", 4: "<f", 8: "<d"}


def read_map(data: bytes | memoryview) -> dict[str, float] | None:
    """Keys and numbers; None for what is damaged or no map."""
    try:
        return _map(bytes(data))
    except (struct.error, IndexError, KeyError, ValueError, UnicodeDecodeError):
        return None


def _map(data: bytes) -> dict[str, float] | None:
    width, packed = data[-1], data[-2]
    if packed >> 2 != _MAP:
        return None
    place = len(data) - 2 - width
    values, step = place - _number(data, place, width), 1 << (packed & 3)
    count = _number(data, values - step, step)
    keys = values - 3 * step - _number(data, values - 3 * step, step)
    key_width = _number(data, values - 2 * step, step)
    found: dict[str, float] = {}
    for row in range(min(count, len(data))):
        start = keys + row * key_width
        text = start - _number(data, start, key_width)
        name = data[text : data.index(b"\0", text)].decode()
        kind = data[values + count * step + row] >> 2
        formats = {_INT: _SIGNED, _UINT: _UNSIGNED, _BOOL: _UNSIGNED, _FLOAT: _FLOATS}.get(kind)
        if formats:
            found[name] = struct.unpack_from(formats[step], data, _checked(values + row * step))[0]
    return found


def _number(data: bytes, place: int, width: int) -> int:
    return int(struct.unpack_from(_UNSIGNED[width], data, _checked(place))[0])


def _checked(place: int) -> int:
    if place < 0:
        raise ValueError("an offset leads out of the data")
    return place
