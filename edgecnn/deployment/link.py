"""A board, or this machine, as a place where the manager of deployments is asked to do something."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecnn.core import files
from edgecnn.core.errors import DeviceError, EdgecnnError, RuntimeMissingError, UsageError
from edgecnn.devices import Device, Listener, Note, open_device
from edgecnn.devices.child import Answer, Limits, converse
from edgecnn.devices.kinds.local import LocalDevice
from edgecnn.devices.ssh_device import CACHE, SshDevice
from edgecnn.runtime import home

_SECONDS = 1200.0
_PASSWORD = ("a password is required", "a terminal is required", "may not run sudo", "command not found")


@dataclass(frozen=True)
class Link:
    """Where requests go.

    Attributes:
        name: of the board.
        remedy: the command that installs what is missing there.
        command: makes the local command line of a remote one.
        bring: copies contents by name to the board's cache; returns its Python and the cache's path.
        verify: raises what a failed transport means, given its end and what was done.
        note: told what a person who waits wants to know.
    """

    name: str
    remedy: str
    command: Callable[[Sequence[str]], list[str]]
    bring: Callable[[Mapping[str, bytes]], tuple[str, str]]
    verify: Callable[[Answer, str], None]
    note: Listener

    def ask(self, app: bytes, request: Mapping[str, Any], doing: str, *, root: bool = False) -> str:
        """Send a request to the manager there; returns its answer.

        Raises:
            DeviceError: the board can't be reached, has no sudo without a password where that is needed, or gives no
                answer.
        """
        name = f"{files.sha256(app)}.pyz"
        python, folder = self.bring({name: app})
        words = [*(["sudo", "-n", "--"] if root else []), python, f"{folder}/{name}", "manage"]
        content = json.dumps(request).encode() + b"\n"
        answer = converse(self.command(words), Limits(self.name, doing, _SECONDS), self.note, content)
        self.verify(answer, doing)
        if not answer.stdout.strip():
            raise self._explained(answer, doing)
        return answer.stdout

    def _explained(self, answer: Answer, doing: str) -> EdgecnnError:
        """What an end without an answer means."""
        last = (answer.stderr.strip().splitlines() or ["it printed no message"])[-1]
        if "sudo" in last and any(sign in last for sign in _PASSWORD):
            return DeviceError(
                f"{self.name}: --system needs sudo without a password there ({last}). Allow it for this user on the "
                "board, or leave --system out."
            )
        if "ModuleNotFoundError" in last:
            return RuntimeMissingError(f"{self.name}: {last}. Install what is missing there with: {self.remedy}")
        return DeviceError(f"{self.name}: the board ended with status {answer.status} while {doing}: {last}")

    def bring_all(self, contents: Mapping[str, bytes]) -> dict[str, str]:
        """Copy files to the board's cache, those that it lacks; returns their paths there, by the same names."""
        names = {name: f"{files.sha256(content)}{Path(name).suffix}" for name, content in contents.items()}
        _, folder = self.bring({names[name]: content for name, content in contents.items()})
        return {name: f"{folder}/{kept}" for name, kept in names.items()}


@contextlib.contextmanager
def link(target: str, note: Note) -> Iterator[Link]:
    """Reach a board, or this machine.

    Raises:
        UsageError: the device is neither.
        DeviceError: it can't be reached.
    """
    with open_device(target, note) as device:
        yield _link(device, Listener(note))


def _link(device: Device, note: Listener) -> Link:
    if isinstance(device, SshDevice):
        client = device.client
        remedy = f"{device.remedy()} --camera"
        return Link(
            device.name, remedy, lambda words: client.command(["exec", *words]), _copying(device), client.check, note
        )
    if isinstance(device, LocalDevice) and sys.platform == "linux":
        return Link(device.name, "pip install edgecnn", list, _keep_here, lambda answer, doing: None, note)
    raise UsageError(f"--device is {device.name}; expected a board connected by ssh, or local on a Linux machine.")


def _copying(device: SshDevice) -> Callable[[Mapping[str, bytes]], tuple[str, str]]:
    def bring(contents: Mapping[str, bytes]) -> tuple[str, str]:
        found = device.bring(contents)
        return found.python, f"{found.home}/{CACHE}"

    return bring


def _keep_here(contents: Mapping[str, bytes]) -> tuple[str, str]:
    folder = home.folder() / CACHE
    for name, content in contents.items():
        if not (folder / name).is_file():
            files.write_bytes(folder / name, content)
            folder.chmod(0o700)
    return sys.executable, str(folder)
