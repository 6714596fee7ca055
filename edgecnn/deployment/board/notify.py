"""sd_notify: a service tells its manager that it is ready and alive (https://systemd.io, sd_notify(3))."""

from __future__ import annotations

import os

from edgecnn.runtime.portable import services

_US = 1e-6


def tell(*lines: str) -> None:
    """Send lines such as `READY=1` to the service manager; nothing where there is none."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address:
        services.tell(address, "\n".join(lines))


def watchdog_s() -> float | None:
    """Seconds after which the manager kills a service that didn't say `WATCHDOG=1`; None where it doesn't watch."""
    text = os.environ.get("WATCHDOG_USEC", "")
    return int(text) * _US if text.isascii() and text.isdecimal() and int(text) else None
