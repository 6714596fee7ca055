"""Machines that a model runs on: this one, boards over ssh, browsers and phones. One file per way to reach one.

A file is a `DeviceKind`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from edgecnn.core.progress import Progress, silent
from edgecnn.core.registry import DEVICES
from edgecnn.core.text import to_stderr
from edgecnn.runtime.model.model_file import AnyFile, ModelFile

if TYPE_CHECKING:
    from edgecnn.devices.known import Entry
    from edgecnn.devices.model_session import ModelSession

Note = Callable[[str], None]


class Device(Protocol):
    """A machine that runs the runtime's jobs; also a context manager that closes it."""

    name: str

    def run(self, job: str, files: Sequence[AnyFile] = (), **options: Any) -> dict[str, Any]:
        """Run a job of `edgecnn.runtime` there and return its JSON.

        Raises:
            DeviceError: the machine can't be reached, lacks something, or the connection was lost.
            EdgecnnError: what the job itself raised there.
        """
        ...

    def outputs(self, file: ModelFile, tensors: Iterable[np.ndarray], **options: Any) -> Iterator[np.ndarray]:
        """Run a model on prepared input tensors, (1, height, width, channels) each; yields raw outputs, (classes,)."""
        ...

    def session(self, file: ModelFile, **options: Any) -> ModelSession:
        """Load a model there and keep it; the session runs tensors as `outputs` does, call after call."""
        ...

    def close(self) -> None:
        """Close connections and remove temporary files."""
        ...

    def __enter__(self) -> Device: ...

    def __exit__(self, *exception: object) -> None: ...


class DeviceFile(Protocol):
    """What a file of `edgecnn/devices/kinds/` has to hold."""

    def open(self, entry: Entry, note: Listener) -> Device:
        """Reach a machine; `note` is told what a person who waits wants to know, `note.progress` how far a job is.

        Raises:
            DeviceError: it can't be reached.
        """


class DeviceKind(DeviceFile, Protocol):
    """The same with what a file may leave out.

    Attributes:
        SUMMARY: what `--device NAME` is, for lists; empty for a kind that needs an address.
    """

    SUMMARY: str = ""


@dataclass(frozen=True)
class Listener:
    """What a person who waits is told; called with a note.

    Attributes:
        note: told a line for a person.
        progress: told how far a job is: what is being done, how much of it, of how much.
    """

    note: Note
    progress: Progress = silent

    def __call__(self, text: str) -> None:
        """Tell a line."""
        self.note(text)


def unaddressed() -> dict[str, str]:
    """Devices that need no address, by name, with what each is; this machine comes first."""
    found = {name: DEVICES.plugin(name, DeviceKind).SUMMARY for name in DEVICES.names()}
    return dict(sorted(((name, text) for name, text in found.items() if text), key=lambda pair: pair[0] != "local"))


def open_device(target: str = "local", note: Note = to_stderr, progress: Progress = silent) -> Device:
    """Reach a machine.

    Args:
        target: "local", "browser", "phone", "adb", a name from devices.toml, or `[ssh://][user@]host[:port]`.
        note: is told what a person who waits wants to know.
        progress: is told how far a job is.

    Raises:
        UsageError: the target can't be understood.
        DeviceError: the machine can't be reached.
    """
    from edgecnn.devices.known import locate

    kind, entry = locate(target)
    return DEVICES.plugin(kind, DeviceKind).open(entry, Listener(note, progress))
