"""Messages of the library in the terms of the command line."""

from __future__ import annotations

from edgecnn.core.option import SettingError
from edgecnn.runtime.errors import EdgecnnError


def spelled(error: EdgecnnError) -> str:
    """The message, with the keys of settings as options."""
    return error.spelled(flag) if isinstance(error, SettingError) else str(error)


def flag(key: str) -> str:
    """How a setting is written on the command line."""
    return f"--{key.replace('_', '-')}"
