"""Names and passwords from files: never from a command line, which every user of the machine can read."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

from edgecnn.core.errors import EdgecnnError
from edgecnn.runtime.home import expanded
from edgecnn.runtime.regular_file import read_regular

_LIMIT_BYTES = 1 << 16


def read_secret(path: Path, note: Callable[[str], None]) -> str:
    """The first line of a file; says so if other users can read it.

    Raises:
        EdgecnnError: it can't be read, or is empty. The message never has its content.
    """
    place = expanded(str(path))
    try:
        text = read_regular(place, _LIMIT_BYTES).decode("utf-8-sig")
        mode = place.stat().st_mode
    except OSError as error:
        raise EdgecnnError(f"Can't read the credentials file {path}: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise EdgecnnError(f"The credentials file {path} is not text in UTF-8.") from None
    first = text.split("\n", 1)[0].rstrip("\r")
    if not first or not first.isprintable():
        raise EdgecnnError(f"The first line of the credentials file {path} is empty or has control characters.")
    if mode & (stat.S_IRGRP | stat.S_IROTH):
        note(f"Note: other users of this machine can read the credentials file {path}. Run: chmod 600 {path}")
    return first


def read_login(path: Path, note: Callable[[str], None]) -> tuple[str, str]:
    """User and password from a file whose first line is USER:PASSWORD.

    Raises:
        EdgecnnError: see `read_secret`; or the line has no colon.
    """
    user, colon, password = read_secret(path, note).partition(":")
    if not colon or not user:
        raise EdgecnnError(f"The first line of the credentials file {path} is not USER:PASSWORD.")
    return user, password
