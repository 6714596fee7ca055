"""Where a board is, as ssh is told."""

from __future__ import annotations

import re
from dataclasses import dataclass

from edgecnn.core.errors import UsageError

_TARGET = re.compile(r"(?:(?P<user>[\w.+-]+)@)?(?P<host>\[[0-9A-Fa-f:.%\w]+\]|[\w.-]+)(?::(?P<port>\d+))?")


@dataclass(frozen=True)
class Address:
    """Where a board is; user and port may be left to ~/.ssh/config."""

    host: str
    user: str | None = None
    port: int | None = None

    @classmethod
    def parse(cls, target: str) -> Address:
        """Read `[user@]host[:port]`.

        Raises:
            UsageError: it is something else.
        """
        match = _TARGET.fullmatch(target.rstrip("/"))
        # A host that starts with a dash would be taken for an option of ssh.
        if match is None or match["host"].startswith("-") or int(match["port"] or 1) not in range(1, 65536):
            raise UsageError(
                f"Unknown device {target!r}. Expected local, browser, phone, adb, a name from `edgecnn devices list`, "
                "or [ssh://][user@]host[:port]."
            )
        return cls(match["host"].strip("[]"), match["user"], int(match["port"]) if match["port"] else None)

    def __str__(self) -> str:
        user = f"{self.user}@" if self.user else ""
        return f"{user}{self.host}{f':{self.port}' if self.port else ''}"
