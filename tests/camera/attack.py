"""Crowds that connect to the page's server and mean no good, each in a process of its own; and a viewer among them.

python tests/camera/attack.py slow|half-open|rapid PORT
"""

from __future__ import annotations

import contextlib
import http.client
import select
import socket
import statistics
import sys
import threading
import time
from pathlib import Path
from typing import Any

STARTED = b"GET /about HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
COUNTS = {"slow": 200, "half-open": 1000, "rapid": 1000}
ROUND_S = 1.0
NOBODY = "nobody"


def connect(port: int) -> socket.socket | None:
    """A connection, or None where there is no room for it now."""
    with contextlib.suppress(OSError):
        return socket.create_connection(("127.0.0.1", port), timeout=2)
    return None


def attack(kind: str, port: int) -> None:
    """For ever: once a second everybody sends a byte ("slow") or nothing ("half-open"), and whoever was sent away comes
    again; or all come and go at once ("rapid").
    """
    peers: list[socket.socket] = []
    while True:
        start = time.monotonic()
        while len(peers) < COUNTS[kind] and time.monotonic() < start + ROUND_S:
            peer = connect(port)
            if peer and kind == "slow":
                with contextlib.suppress(OSError):
                    peer.send(STARTED)
            if peer and kind == "rapid":
                peer.close()
            peers += [peer] if peer else []
        peers = [] if kind == "rapid" else [peer for peer in peers if is_open(peer, b"x" * (kind == "slow"))]
        time.sleep(max(0.0, start + ROUND_S - time.monotonic()))


def is_open(peer: socket.socket, sent: bytes) -> bool:
    """Whether the server has not hung up; tells it something."""
    with contextlib.suppress(OSError):
        poll = select.poll()
        poll.register(peer, select.POLLIN)
        if not poll.poll(0):
            peer.send(sent, socket.MSG_DONTWAIT)
            return True
    peer.close()
    return False


class Newcomers(threading.Thread):
    """Viewers that come one after another while a demo runs, and what else is seen of its process (this one).

    Attributes:
        waited_s: how long each one took from connecting to its first image, whatever went wrong on the way.
        threads, descriptors: of the process, from time to time.
    """

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.waited_s: list[float] = []
        self.threads: list[int] = []
        self.descriptors: list[int] = []

    def run(self) -> None:
        """As long as the demo runs."""
        while True:
            time.sleep(1)
            self.threads.append(threading.active_count())
            self.descriptors.append(len(list(Path("/proc/self/fd").iterdir())))
            start = time.monotonic()
            while not self._sees_a_picture():
                time.sleep(0.1)
            self.waited_s.append(time.monotonic() - start)

    def _sees_a_picture(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/frame?after=0")
            body = connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        return len(body) > 4 + int.from_bytes(body[:4], "big")


def described_attack(result: dict[str, Any]) -> str:
    """What a demo of the benchmark went through."""
    return (
        f"{result['fps']:5.1f} fps; newcomers waited {max(result['waited_s']):.2f} s at most; threads "
        f"{result['threads']}, descriptors {result['descriptors']}"
    )


def report_attack(turns: dict[str, list[dict[str, Any]]]) -> int:
    """Print each figure against its bar; exit status 1 when one is missed."""
    missed = 0
    for kind, count in COUNTS.items():
        pairs = list(zip(turns[kind], turns[NOBODY]))
        rows = [
            ("fps / undisturbed", statistics.median(one["fps"] / free["fps"] for one, free in pairs), ">=", 0.9),
            ("newcomer's wait, s", max(max(one["waited_s"]) for one, _ in pairs), "<=", 5.0),
            ("more threads at the end", max(growth(one["threads"]) for one, _ in pairs), "<=", 5),
            ("more descriptors at the end", max(growth(one["descriptors"]) for one, _ in pairs), "<=", 5),
        ]
        for name, value, sign, bar in rows:
            met = value >= bar if sign == ">=" else value <= bar
            missed += not met
            verdict = "met" if met else "MISSED"
            print(f"{count:5} {kind:10} {name:28} {value:6.2f}  bar {sign} {bar:4.2f}  {verdict}")
    return 1 if missed else 0


def growth(counts: list[int]) -> int:
    """By how much the last third's largest exceeds that of the third before it; some connections may just be open."""
    third = max(1, len(counts) // 3)
    return max(counts[-third:]) - max(counts[-2 * third : -third] or counts)


if __name__ == "__main__":
    attack(sys.argv[1], int(sys.argv[2]))
