"""Zips from strangers: what reading one raises, and members that unpack to no more than is expected."""

from __future__ import annotations

import struct
import zipfile
import zlib

try:
    from lzma import LZMAError
except ImportError:  # a Python that was built without it reads no such member
    LZMAError = zlib.error  # type: ignore[misc,assignment,unused-ignore]

DAMAGED_ZIP = (
    *(zipfile.BadZipFile, zlib.error, LZMAError, struct.error),
    *(KeyError, IndexError, ValueError, RuntimeError, EOFError),
)
"""What reading a zip raises that is damaged, encrypted, or lacks what is looked for; besides OSError."""


def read_member(archive: zipfile.ZipFile, name: str, limit_bytes: int) -> bytes:
    """A member that unpacks to at most `limit_bytes`, whatever its header claims.

    Raises:
        ValueError: it unpacks to more.
        Exception: see `DAMAGED_ZIP`.
    """
    with archive.open(name) as stream:
        content = stream.read(limit_bytes + 1)
    if len(content) > limit_bytes:
        raise ValueError(f"it unpacks to more than {limit_bytes:,} bytes")
    return content
