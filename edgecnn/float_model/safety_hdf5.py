"""Checks what an HDF5 file makes its reader open or allocate: only integers and floats stored in the file itself.

A dataset's values can lie in any file of the machine (external storage, virtual datasets, external links), and a
filter can name a library to load.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

MAXIMUM_OBJECTS = 200_000
MAXIMUM_DEPTH = 32
LARGEST_BYTES = 4 << 30
_SLACK_BYTES = 64 << 20
_LARGEST_RATIO = 200  # of the claimed size to the file's; zeros compress 1000-fold, weights never
_FILTERS = (1, 2, 3, 32000)  # deflate, shuffle, Fletcher-32, LZF: built in, no library is looked for


def requests(file: Any, size_bytes: int) -> Iterator[tuple[str, str]]:
    """What an open `h5py.File` refers to besides its own arrays.

    Args:
        file: opened for reading.
        size_bytes: of the whole file.

    Yields:
        The place ("the entry '/a/b'") and what is asked for there.
    """
    claimed = 0
    try:
        for place, link, item in _entries(file):
            target = "" if item is not None else f"the target of its {type(link).__name__}{_target(link)}"
            reason = target or _distrusted(item)
            if reason:
                yield place, reason
                return
            claimed += math.prod(item.shape) * item.dtype.itemsize
            if claimed > min(LARGEST_BYTES, _SLACK_BYTES + _LARGEST_RATIO * size_bytes):
                yield place, f"arrays of {claimed:,} bytes up to here in a file of {size_bytes:,} bytes"
                return
    except _ExcessError as excess:
        yield excess.place, excess.what


def values(content: Any) -> int:
    """How many numbers an HDF5 file holds, a path or an open stream; what it refers to elsewhere doesn't count."""
    import h5py

    with h5py.File(content, "r") as file:
        return sum(math.prod(item.shape or ()) for _, _, item in _entries(file) if isinstance(item, h5py.Dataset))


class _ExcessError(Exception):
    def __init__(self, place: str, what: str) -> None:
        self.place, self.what = place, what


def _entries(file: Any) -> Iterator[tuple[str, Any, Any]]:
    """Every entry that is no group: its place, its link, and what that leads to inside of the file (None elsewhere).

    Raises:
        _ExcessError: there are too many, or they lie in a circle.
    """
    import h5py

    count = 0
    seen: set[tuple[Any, Any]] = set()
    waiting: list[tuple[Any, int]] = [(file, 1)]
    while waiting:
        group, depth = waiting.pop()
        info = h5py.h5o.get_info(group.id)
        if (info.fileno, info.addr) in seen or depth > MAXIMUM_DEPTH:
            raise _ExcessError(f"the group {group.name!r}", "a group that contains itself or is nested too deeply")
        seen.add((info.fileno, info.addr))
        for name in group:
            count += 1
            place = f"the entry {group.name.rstrip('/') + '/' + str(name)!r}"
            if count > MAXIMUM_OBJECTS:
                raise _ExcessError(place, f"more than {MAXIMUM_OBJECTS} arrays and groups")
            link = group.get(name, getlink=True)
            item: Any = group[name] if isinstance(link, h5py.HardLink) else None
            if isinstance(item, h5py.Group):
                waiting.append((item, depth + 1))
            else:
                yield place, link, item


def _target(link: Any) -> str:
    return f" ({getattr(link, 'filename', '')} {link.path})"[:120]


def _distrusted(item: Any) -> str | None:
    """What a dataset asks for, or None."""
    import h5py

    if not isinstance(item, h5py.Dataset):
        return f"a {type(item).__name__} object"
    if item.is_virtual:
        return f"values of another file ({item.virtual_sources()[0].file_name!r})"
    if item.external:
        return f"values of another file ({item.external[0][0]!r})"
    if item.dtype.kind not in "biuf" and not (item.dtype.kind == "V" and item.dtype.fields is None):
        return f"values of the type {item.dtype}"
    if item.shape is None:
        return "an empty array"
    filters = item.id.get_create_plist()
    unknown = [code for i in range(filters.get_nfilters()) if (code := filters.get_filter(i)[0]) not in _FILTERS]
    return f"the HDF5 filter {unknown[0]}" if unknown else None
