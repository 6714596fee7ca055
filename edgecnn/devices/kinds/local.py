"""This machine: the runtime in a child process, so that a crash of a model is an error message here."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.core import temporary
from edgecnn.devices import Listener, batch
from edgecnn.devices import job as job_module
from edgecnn.devices.child import converse
from edgecnn.devices.known import Entry
from edgecnn.runtime.model.model_file import AnyFile, ModelFile

SUMMARY = "this machine"


def open(entry: Entry, note: Listener) -> LocalDevice:
    """The machine that this runs on."""
    return LocalDevice(note)


class LocalDevice:
    """Runs jobs by `python -m edgecnn.runtime`."""

    def __init__(self, note: Listener) -> None:
        self.name = "local"
        self._note = note
        self._folder = temporary.folder()
        self._environment = {**os.environ, "PYTHONPATH": _python_path(), "PYTHONSAFEPATH": "1"}

    def run(self, job: str, files: Sequence[AnyFile] = (), **options: Any) -> dict[str, Any]:
        """See `Device.run`."""
        command = self._command(job, files, {"watch": 0, **options})
        answer = converse(
            command,
            job_module.limits(job, self.name, options),
            self._note,
            env=self._environment,
            progress=self._note.progress,
        )
        return job_module.result(job, answer, self.name)

    def outputs(self, file: ModelFile, tensors: Iterable[np.ndarray], **options: Any) -> Iterator[np.ndarray]:
        """See `Device.outputs`."""
        with self.session(file, **options) as run:
            yield from run(tensors)

    def session(self, file: ModelFile, **options: Any) -> batch.Session:
        """See `Device.session`."""
        return batch.Session(self._command("batch", [file], options), self.name, file, env=self._environment)

    def _command(self, job: str, files: Sequence[AnyFile], options: dict[str, Any]) -> list[str]:
        paths = [str(self._place(file)) for file in files]
        words = job_module.arguments(job, paths, [file.name for file in files], options)
        return [sys.executable, "-m", "edgecnn.runtime", *words]

    def _place(self, file: AnyFile) -> Path:
        path = Path(self._folder.name) / f"{file.sha256}.tflite"
        if not path.exists():
            with temporary.writing(f"a copy of {file.name}"):
                path.write_bytes(file.data)
        return path

    def close(self) -> None:
        """Remove the temporary files."""
        self._folder.cleanup()

    def __enter__(self) -> LocalDevice:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _python_path() -> str:
    """Where this very package is found, before whatever the user has set."""
    package = str(Path(__file__).parents[3])
    return os.pathsep.join(part for part in (package, os.environ.get("PYTHONPATH", "")) if part)
