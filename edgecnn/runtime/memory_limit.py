"""How much memory a file from a stranger may ask for, by an environment variable or a default."""

from __future__ import annotations

import os

from .errors import UsageError


def limit_bytes(variable: str, default_mb: int) -> int:
    """The limit that an environment variable gives in megabytes.

    Raises:
        UsageError: it is no positive number.
    """
    text = os.environ.get(variable) or str(default_mb)
    try:
        limit_mb = float(text)
    except ValueError:
        limit_mb = 0.0
    if not 0 < limit_mb < 1e9:
        raise UsageError(f"{variable} is {text!r}; expected a positive number of megabytes.")
    return int(limit_mb * 1e6)
