"""Reading a file that a stranger named: only if it is a regular file, and only so many bytes of it."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from .portable import files

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a FIFO (named pipe)"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a character device"),
    (stat.S_ISBLK, "a block device"),
)


def read_regular(path: str | Path, limit_bytes: int) -> bytes:
    """A file's content.

    A FIFO, a device, a socket or a folder is refused at once: opening one may block forever, reading one may never end.

    Raises:
        OSError: it can't be read, is no regular file, or is larger than the limit; `strerror` says which.
    """
    check_regular(path, limit_bytes)
    handle = os.open(path, os.O_RDONLY | files.AT_ONCE)
    with os.fdopen(handle, "rb") as stream:
        _check(os.fstat(handle), path, limit_bytes)  # what the name means may have changed meanwhile
        return stream.read(limit_bytes + 1)


def likely_meant(path: str | Path) -> str:
    """For the message about a missing file: " Did you mean X?", a file of a similar name beside it; else empty."""
    import difflib  # only a mistake needs it

    path = Path(path)
    try:
        names = [each.name for each in path.parent.iterdir() if each.suffix == path.suffix or each.stem == path.stem]
    except (OSError, ValueError):
        return ""
    found = difflib.get_close_matches(path.name, names, n=1, cutoff=0.7)
    return f" Did you mean {path.with_name(found[0])}?" if found else ""


def check_regular(path: str | Path, limit_bytes: int = 1 << 62) -> None:
    """Refuse what is no regular file, before another library opens it.

    Raises:
        OSError: it doesn't exist, is no regular file, or is larger than the limit; `strerror` says which.
    """
    try:
        _check(Path(path).stat(), path, limit_bytes)
    except ValueError as error:  # a NUL in the name
        raise OSError(errno.EINVAL, str(error), str(path)) from error


def _check(status: os.stat_result, path: str | Path, limit_bytes: int) -> None:
    special = next((name for is_kind, name in _KINDS if is_kind(status.st_mode)), None)
    if special:
        raise OSError(errno.EINVAL, f"it is {special}; expected a regular file", str(path))
    if status.st_size > limit_bytes:
        raise OSError(errno.EFBIG, f"it has {status.st_size:,} bytes; expected at most {limit_bytes:,}", str(path))
