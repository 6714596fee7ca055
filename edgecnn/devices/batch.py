"""The host's side of `edgecnn.runtime.process.batch`: prepared tensors out, raw outputs back."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from edgecnn.core.errors import CrashError, DeviceError, EdgecnnError
from edgecnn.devices import answers
from edgecnn.devices.child import Answer, Complaints, Patience, ended, out_of_time
from edgecnn.devices.model_session import ModelSession
from edgecnn.runtime.model.model_file import ModelFile
from edgecnn.runtime.process.batch import forms
from edgecnn.runtime.process.limits import HANG_S
from edgecnn.runtime.run.engine import Interface

_MAX_HEADER_BYTES = 1 << 16
_START_S = HANG_S + 300.0
_TENSOR_S = 60.0
_END_S = 10.0
Explain = Callable[[Answer], None]


class Session(ModelSession):
    """A model that waits in a process, here or on a board; call it with input tensors as often as you like.

    Args:
        command: starts `edgecnn.runtime batch`.
        device: who runs it, for messages.
        file: the model that it runs.
        explain: raises what it knows about a process that ended early.
        env: its environment.

    Raises:
        EdgecnnError: the device or the model can't be used.
    """

    def __init__(
        self,
        command: Sequence[str],
        device: str,
        file: ModelFile,
        explain: Explain = lambda answer: None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(Interface(file))
        self._explain, self._device = explain, device
        pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        self._process: subprocess.Popen[bytes] = subprocess.Popen(command, env=env, **pipes)
        assert self._process.stdin and self._process.stdout and self._process.stderr
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self._complaints = Complaints(self._process.stderr)
        try:
            self._read_header(file)
        except BaseException:
            self.close()
            raise

    def _read_header(self, file: ModelFile) -> None:
        with self._within(_START_S):
            line = self._stdout.readline(_MAX_HEADER_BYTES)
        if not line:
            raise self._lost()
        header = answers.read("batch", line.decode(errors="replace"), self._device)
        expected = forms(Interface(file))
        if any(header[side] != form for side, form in expected.items()):
            raise DeviceError(
                f"{self._device} runs a model with other tensor shapes than {file.name}. Report this as a bug."
            )
        self.system, self.threads = header["system"], header["threads"]

    def answers(self, frame: list[bytes]) -> list[np.ndarray]:
        """See `ModelSession.answers`."""
        with self._within(HANG_S + len(frame) * _TENSOR_S):
            try:
                self._send(len(frame).to_bytes(4, "little") + b"".join(frame))
            except OSError as error:  # a broken pipe has another name on Windows
                raise self._lost() from error
            return [self._answer() for _ in frame]

    def _answer(self) -> np.ndarray:
        data = self._stdout.read(self.raw_bytes)
        if len(data) < self.raw_bytes:
            raise self._lost()
        return np.frombuffer(data, self.raw.dtype)

    def _within(self, seconds: float) -> Patience:
        self._patience = Patience(self._process, seconds)
        return self._patience

    def _send(self, data: bytes) -> None:
        self._stdin.write(data)
        self._stdin.flush()

    def _lost(self) -> EdgecnnError:
        """What the end of the other side means; `explain` may raise something more exact."""
        if self._patience.is_over:
            return out_of_time(self._device, "the batch ran", self._patience.seconds)
        status = ended(self._process)
        stderr = self._complaints.text()
        self._explain(Answer(status, "", stderr))
        last = stderr.strip().splitlines()[-1:] or ["it printed no message"]
        return CrashError(f"The process that ran the model ended with status {status}: {last[0]}")

    def close(self) -> None:
        """End the other side."""
        with self._within(_END_S), contextlib.suppress(BrokenPipeError, ValueError):
            self._send(bytes(4))
        for stream in (self._stdin, self._stdout):
            with contextlib.suppress(BrokenPipeError):
                stream.close()
        ended(self._process)
