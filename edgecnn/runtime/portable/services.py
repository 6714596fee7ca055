"""What a system with services has: a socket that their manager listens on, and users and groups by name."""

from __future__ import annotations

import contextlib
import socket
import sys

if sys.platform != "win32":
    import grp
    import pwd


def tell(address: str, text: str) -> None:
    """Send a datagram to a local socket; "@" begins the name of an abstract one. Nothing where nobody listens."""
    if sys.platform == "win32":
        return
    place = "\0" + address[1:] if address.startswith("@") else address
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.sendto(text.encode("utf-8", "replace"), place)


def user_name(number: int) -> str:
    """The name of a user, or the number where it has none."""
    if sys.platform == "win32":
        return str(number)
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def has_group(name: str) -> bool:
    """Whether there is a group of that name."""
    if sys.platform == "win32":
        return False
    try:
        return bool(grp.getgrnam(name).gr_name)
    except KeyError:
        return False
