"""The system's ssh: commands as argument lists, one shared connection, and its errors as our messages."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from edgecnn.core.errors import DeviceError, EdgecnnError
from edgecnn.core.text import did_you_mean
from edgecnn.devices import known
from edgecnn.devices.address import Address
from edgecnn.devices.child import Answer, Limits, converse
from edgecnn.runtime.portable import processes

TRANSPORT_FAILED = 255
CONNECT_TIMEOUT_S = 10
_COMMAND_S = 120.0
_SLOWEST_BYTES_S = 10_000
_MAX_BYTES = 1 << 20
TUNNEL_OPEN = "edgecnn-tunnel-open"
SHARES = sys.platform != "win32"
"""Whether commands share one connection; Windows' own ssh can't."""
INSTALL_SSH = {
    "win32": "Settings, System, Optional features, OpenSSH Client",
    "darwin": "it comes with macOS; check PATH",
}.get(sys.platform, "sudo apt install openssh-client")
_PLAIN_PATH = re.compile(r"/[\w./+@-]{0,49}", re.ASCII)


class Client:
    """Runs commands on one board.

    Args:
        address: where it is.
        config: an ssh configuration file to use instead of ~/.ssh/config.
    """

    def __init__(self, address: Address, config: str | None = None) -> None:
        self.address = address
        self._config = config

    def command(self, remote: Sequence[str]) -> list[str]:
        """The local command line. sshd hands the remote one to the user's shell, so every word of it is quoted."""
        shared = ("ControlMaster=auto", "ControlPersist=60", f"ControlPath={self._socket()}") if SHARES else ()
        return [*self._words((*shared, "ClearAllForwardings=yes")), "--", self.address.host, shlex.join(remote)]

    def tunnel(self, here: int, there: int) -> list[str]:
        """The local command line that makes a port of the board's loopback a port of ours until its input ends.

        It says `TUNNEL_OPEN` once ssh listens here: a port that can't be had ends ssh before the command starts.
        """
        alone = ("ControlPath=none", "ExitOnForwardFailure=yes")
        forward = ["-L", f"127.0.0.1:{here}:127.0.0.1:{there}"]
        stay = shlex.join(["sh", "-c", f"echo {TUNNEL_OPEN}; exec cat >/dev/null"])
        return [*self._words(alone), *forward, "--", self.address.host, stay]

    def _words(self, options: Sequence[str]) -> list[str]:
        """ssh with what all connections have in common."""
        words = ["ssh", "-T", "-x"]
        common = (
            "BatchMode=yes",
            f"ConnectTimeout={CONNECT_TIMEOUT_S}",
            "ServerAliveInterval=5",
            "ServerAliveCountMax=3",
            "LogLevel=ERROR",
        )
        for option in (*common, *options):
            words += ["-o", option]
        words += ["-F", self._config] if self._config else []
        words += ["-p", str(self.address.port)] if self.address.port else []
        words += ["-l", self.address.user] if self.address.user else []
        return words

    def _socket(self) -> Path:
        """One per board, user and configuration; sockets allow 104 characters only."""
        key = hashlib.sha256(f"{self.address}\0{self._config}".encode()).hexdigest()[:16]
        return _socket_folder() / key

    def run(self, remote: Sequence[str], doing: str, content: bytes = b"") -> Answer:
        """Run a short command with `content` as its input.

        Raises:
            DeviceError: the transport failed while `doing`, the board takes too long or says too much, or there is no
                place for the connection's socket.
        """
        limits = Limits(str(self.address), doing, _COMMAND_S + len(content) / _SLOWEST_BYTES_S, bytes=_MAX_BYTES)
        try:
            answer = converse(self.command(remote), limits, content=content)
        except FileNotFoundError as error:
            raise DeviceError(f"ssh is not installed on this machine. Install it: {INSTALL_SSH}") from error
        self.check(answer, doing)
        return answer

    def check(self, answer: Answer, doing: str) -> None:
        """Raise what a failed transport means.

        Raises:
            DeviceError: the exit status is the transport's.
        """
        if answer.status == TRANSPORT_FAILED:
            raise DeviceError(explain(answer.stderr, self.address, doing))


def _socket_folder() -> Path:
    """A folder that only we can enter, with a short path."""
    base = os.environ.get("XDG_RUNTIME_DIR", "")
    if not (os.access(base, os.W_OK) and Path(base).is_dir()):  # `su` leaves another user's, a logout one that is gone
        base = tempfile.gettempdir()
    if not _PLAIN_PATH.fullmatch(base):  # ssh takes spaces, quotes, % and ~ for its own
        base = "/tmp"
    folder = Path(base) / f"edgecnn-ssh-{processes.user()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
    except OSError as error:
        raise DeviceError(
            f"Can't create the folder {folder} for SSH sockets: {error.strerror}. Check its permissions, or set "
            "XDG_RUNTIME_DIR to a folder that can be written."
        ) from error
    if status.st_uid != processes.user() or status.st_mode & 0o077 or folder.is_symlink():
        raise DeviceError(f"{folder} belongs to another user or is open to others. Remove it.")
    return folder


# What ssh writes, and what it means. {host} and {target} are filled in.
_EXPLANATIONS = (
    (
        "REMOTE HOST IDENTIFICATION HAS CHANGED",
        "The host key of {host} differs from the known one. If the board was installed anew, remove the old key: "
        "ssh-keygen -R {known}. If not, another machine may be impersonating the board.",
    ),
    (
        "Host key verification failed",
        "The host key of {host} is not known yet. Connect once by hand, compare the fingerprint and accept it: "
        "ssh {typed}",
    ),
    (
        "Permission denied",
        "{target} accepts none of your ssh keys, and edgecnn never asks for passwords. Install a key: "
        "ssh-copy-id {typed} (create one with ssh-keygen if you have none)",
    ),
    (
        "Could not resolve hostname",
        "There is no host {host!r}.{meant} Check the name (`ping {host}`), use the board's IP address, or add "
        "it: edgecnn devices add NAME user@address",
    ),
    (
        "Connection refused",
        "{host} is reachable, but runs no ssh server. Enable it on the board: sudo systemctl enable --now ssh (or "
        "raspi-config, Interface Options, SSH)",
    ),
    ("timed out", "{host} does not answer. Check that it is on and in the same network: ping {host}"),
    ("No route to host", "{host} can't be reached from here. Check that it is on and in the same network: ping {host}"),
    ("Network is unreachable", "This machine has no network connection to {host}. Check its network."),
    ("Bad configuration option", "ssh reports an error in its configuration file: {last}"),
    ("Can't open user config file", "The ssh configuration file of this board can't be read: {last}"),
)


def _meant(host: str) -> str:
    """What a mistyped name of a board may have meant; a file of names that can't be read is told elsewhere."""
    with contextlib.suppress(EdgecnnError):
        meant = did_you_mean(host, known.entries())
        return f" {meant}" if meant else ""
    return ""


def explain(stderr: str, address: Address, doing: str) -> str:
    """One message for what ssh complained about."""
    port = f"-p {address.port} " if address.port else ""
    fields = {
        "host": address.host,
        "target": str(address),
        "typed": f"{port}{f'{address.user}@' if address.user else ''}{address.host}",
        "known": shlex.quote(f"[{address.host}]:{address.port}") if address.port else address.host,
        "meant": _meant(address.host),
        "last": (stderr.strip().splitlines() or ["no reason given"])[-1].strip(),
    }
    for sign, text in _EXPLANATIONS:
        if sign in stderr:
            return text.format(**fields)
    return (
        f"The connection to {address} was lost while {doing} ({fields['last']}). The process on the board was "
        "stopped. Check the board's power and network, then try again."
    )
