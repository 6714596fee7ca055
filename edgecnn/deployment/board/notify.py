"""sd_notify: a service tells its manager that it is ready and alive (https://systemd.io, sd_notify(3))."""

from __future__ import annotations

import contextlib
import os
import socket

_US = 1e-6


def tell(*lines: str) -> None:
    """Send lines such as `READY=1` to the service manager; nothing where there is none."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # an abstract socket
        address = "\0" + address[1:]
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.sendto("\n".join(lines).encode("utf-8", "replace"), address)


def watchdog_s() -> float | None:
    """Seconds after which the manager kills a service that didn't say `WATCHDOG=1`; None where it doesn't watch."""
    text = os.environ.get("WATCHDOG_USEC", "")
    return int(text) * _US if text.isascii() and text.isdecimal() and int(text) else None
