"""A board over ssh: the runtime travels as a zipapp, it and the models are kept there by hash."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecnn.core.errors import DeviceError, RuntimeMissingError
from edgecnn.core.text import printable
from edgecnn.devices import Listener, batch, zipapp
from edgecnn.devices import job as job_module
from edgecnn.devices.child import Answer, converse
from edgecnn.devices.ssh_client import Client
from edgecnn.runtime.model.model_file import AnyFile, ModelFile

SILENCE_S = 30  # the board stops a job when it hasn't heard from us for so long
CACHE = ".cache/edgecnn"
VENV = ".local/share/edgecnn/venv"
KEEP_DAYS = 30
TELL_BYTES = 1_000_000  # a copy that takes long enough to be worth a word

# $1: the cache, $2: our virtual environment, then the cached files that we need.
_PROBE = """
cd || exit 1
python=; for p in "$HOME/$2/bin/python3" python3; do command -v "$p" >/dev/null 2>&1 && { python=$p; break; }; done
echo "python=$python"; echo "home=$HOME"; echo "machine=$(uname -m)"
cache=$1; shift 2
for f in "$@"; do [ -f "$cache/$f" ] && { echo "cached=$f"; touch "$cache/$f"; }; done
exit 0
"""
# $1: the cache, $2: file name, $3: size. Whatever goes wrong, the half file is removed.
_STORE = """
cd && mkdir -p "$1" && chmod 700 "$1" && cd "$1" || exit 1
find . -type f -mtime +KEEP_DAYS -delete
t=".$2.$$"; trap 'rm -f "$t"' EXIT; trap 'exit 1' HUP INT TERM PIPE
cat > "$t" || exit 28
[ "$(wc -c < "$t")" -eq "$3" ] || exit 74
mv "$t" "$2"
""".replace("KEEP_DAYS", str(KEEP_DAYS))

# A shell that stays, and so can tell which signal ended the program: ssh itself would only say that it failed.
_IN_SHELL = ("sh", "-c", '"$@"; exit $?', "edgecnn")


@dataclass(frozen=True)
class Board:
    """What the shell reports of a board, before any Python runs there.

    Attributes:
        python: its interpreter: our virtual environment's, or `python3`; empty if there is none.
        home: the user's home folder.
        machine: as by `uname -m`.
        cached: files in our cache, of those that were asked about.
    """

    python: str
    home: str
    machine: str
    cached: frozenset[str]


class SshDevice:
    """Runs jobs at the other end of ssh."""

    def __init__(self, name: str, client: Client, note: Listener) -> None:
        self.name = name
        self.client = client
        self.note = note

    def run(self, job: str, files: Sequence[AnyFile] = (), **options: Any) -> dict[str, Any]:
        """See `Device.run`."""
        command = self._command(job, files, {"watch": SILENCE_S, **options})
        answer = converse(command, job_module.limits(job, self.name, options), self.note, progress=self.note.progress)
        self._check(answer, f"`{job}` ran")
        try:
            return job_module.result(job, answer, self.name)
        except RuntimeMissingError as error:
            raise RuntimeMissingError(f"{self.name}: {error} To let edgecnn install it: {self.remedy()}") from error

    def outputs(self, file: ModelFile, tensors: Iterable[np.ndarray], **options: Any) -> Iterator[np.ndarray]:
        """See `Device.outputs`."""
        with self.session(file, **options) as run:
            yield from run(tensors)

    def session(self, file: ModelFile, **options: Any) -> batch.Session:
        """See `Device.session`."""
        command = self._command("batch", [file], options)
        return batch.Session(command, self.name, file, lambda answer: self._check(answer, "the batch ran"))

    def look(self, names: Sequence[str] = ()) -> Board:
        """A first look, at no more than a shell's cost.

        Raises:
            DeviceError: the board can't be reached.
        """
        words = ["sh", "-c", _PROBE, "edgecnn", CACHE, VENV, *names]
        answer = self.client.run(words, "connecting")
        pairs = [line.partition("=")[::2] for line in answer.stdout.splitlines()]
        values: Mapping[str, str] = dict(pairs)
        if not {"python", "home", "machine"} <= set(values) or not values["home"].startswith("/"):
            raise DeviceError(
                f"{self.name} sent an unexpected answer: {(answer.stderr or answer.stdout).strip()[:200]!a}. "
                "Expected a Linux system whose user has a POSIX shell."
            )
        cached = frozenset(value for key, value in pairs if key == "cached")
        return Board(values["python"], values["home"], printable(values["machine"][:80]), cached)

    def remedy(self) -> str:
        """The command that installs what is missing."""
        return f"edgecnn devices check {shlex.quote(self.name)} --fix"

    def _command(self, job: str, files: Sequence[AnyFile], options: Mapping[str, Any]) -> list[str]:
        """The local command line of a job, after everything that it needs has been brought there."""
        contents = {f"{zipapp.digest()}.pyz": zipapp.build()}
        contents |= {f"{file.sha256}.tflite": file.data for file in files}
        board = self.bring(contents)
        folder = f"{board.home}/{CACHE}"
        paths = [f"{folder}/{file.sha256}.tflite" for file in files]
        words = job_module.arguments(job, paths, [file.name for file in files], options)
        return self.client.command([*_IN_SHELL, board.python, f"{folder}/{zipapp.digest()}.pyz", *words])

    def bring(self, contents: Mapping[str, bytes]) -> Board:
        """Copy the files that the board's cache doesn't have yet, by name.

        Raises:
            DeviceError: the board can't be reached, has no Python, or the files can't be written there.
        """
        board = self.look(list(contents))
        if not board.python:
            remedy = "Install it there: sudo apt install python3 python3-venv"
            raise DeviceError(f"There is no python3 on {self.name} ({board.machine}). {remedy}")
        for name, content in contents.items():
            if name not in board.cached:
                if len(content) > TELL_BYTES:
                    self.note(f"Copying {len(content) / 1e6:.1f} MB to {self.name} (kept there for later) ...")
                self.store(name, content)
        return board

    def store(self, name: str, content: bytes, folder: str = CACHE) -> None:
        """Bring a file to the board, whole or not at all.

        Raises:
            DeviceError: the disk there is full or can't be written, or the connection was lost.
        """
        words = ["sh", "-c", _STORE, "edgecnn", folder, name, str(len(content))]
        answer = self.client.run(words, f"{len(content):,} bytes were copied", content)
        if answer.status == 0:
            return
        reason = answer.stderr.strip() or f"exit status {answer.status}"
        if "No space left" in reason:
            need = f"{len(content):,} bytes"
            raise DeviceError(
                f"The disk of {self.name} is full: ~/{folder} needs {need} more. Free some space there; nothing was "
                "written."
            )
        raise DeviceError(
            f"Can't write to ~/{folder} on {self.name}: {reason}. Check its permissions; nothing was written."
        )

    def remove(self, folder: str) -> None:
        """Remove a folder under the user's home."""
        self.client.run(["sh", "-c", 'cd && rm -rf "$1"', "edgecnn", folder], "cleaning up")

    def _check(self, answer: Answer, doing: str) -> None:
        """Raise what an end without an answer means."""
        self.client.check(answer, doing)
        if not answer.stdout and answer.status:
            last = (answer.stderr.strip().splitlines() or ["it printed no message"])[-1]
            killed = " (killed, most likely because memory ran out)" if answer.status == 137 else ""
            raise DeviceError(f"{self.name}: Python ended with status {answer.status}{killed} while {doing}: {last}")

    def close(self) -> None:
        """The connection is kept for a minute, so that the next command starts at once."""

    def __enter__(self) -> SshDevice:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
