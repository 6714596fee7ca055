"""The user's home folder, which a service's user and a container's may lack."""

from __future__ import annotations

import contextlib
from pathlib import Path


def folder() -> Path:
    """It, or the root of the file system."""
    with contextlib.suppress(RuntimeError):
        if (home := Path.home()).is_dir():
            return home
    return Path("/")


def expanded(path: str) -> Path:
    """A path with "~" replaced; as it is where the user has no home folder or is unknown."""
    with contextlib.suppress(RuntimeError):
        return Path(path).expanduser()
    return Path(path)
