"""Addresses of this machine: who can reach them, and who listens on them."""

from __future__ import annotations

import ipaddress
import socket
import sys
from pathlib import Path


def holder(port: int) -> str:
    """Which program listens on a port, as far as this user may know."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        lines = Path(table).read_text("ascii").splitlines() if Path(table).exists() else []
        fields = [line.split() for line in lines]
        inodes |= {f"socket:[{f[9]}]" for f in fields if f[1].endswith(f":{port:04X}") and f[3] == "0A"}
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if str(link.readlink()) in inodes:
                process = link.parent.parent
                return f"{(process / 'comm').read_text('utf-8', 'replace').strip()} (process {process.name})"
        except OSError:
            continue
    if sys.platform == "linux":
        return f"a program of another user (see: sudo ss -ltnp 'sport = :{port}')"
    return "another program"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address or a Host header's name: a loopback address, or `localhost`."""
    try:
        return host.lower() == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def own_address() -> str:
    """The address under which others on the network see this machine; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])
