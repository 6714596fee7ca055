"""A program that answers arrays with arrays, in a process that ends with the object that stands for it."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edgecnn.core.errors import ModelFileError
from edgecnn.core.text import printable
from edgecnn.float_model.converters.environment import variables
from edgecnn.float_model.converters.programs.common import receive, send

_LAST_WORDS_S = 10  # between the end of a program's output and its own


class Served:
    """A model that another program runs.

    Args:
        path: of the model, for messages.
        command: starts the program.
    """

    def __init__(self, path: Path, command: Sequence[str]) -> None:
        self._path, self._complaints = path, tempfile.TemporaryFile()  # noqa: SIM115 - as long as the process
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._complaints, env=variables()
        )
        weakref.finalize(self, _end, self._process)

    def ask(self, *arrays: np.ndarray) -> list[np.ndarray]:
        """Send arrays, and receive what the program answers: how many arrays there are, then each.

        Raises:
            ModelFileError: the program gives up; the message says why.
        """
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        try:
            for array in arrays:
                send(stdin, array)
            return [receive(stdout) for _ in range(int(receive(stdout)))]
        except (OSError, EOFError, ValueError) as error:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_LAST_WORDS_S)
            _end(self._process)
            self._complaints.seek(0)
            complaint = self._complaints.read().decode(errors="replace")
            raise ModelFileError(f"{self._path} can't be run: {last_line(complaint)}") from error


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    for stream in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):  # what was not flushed
            stream and stream.close()
    process.wait()


def last_line(text: str) -> str:
    """What a program said last, for people."""
    lines = [line for line in text.strip().splitlines() if line.strip()] or ["it gave no reason."]
    return printable(lines[-1])[:400]
