"""The host's side of `edgecnn.runtime.process.batch`: prepared tensors out, raw outputs back."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from edgecnn.core.errors import CrashError, DeviceError, EdgecnnError, UsageError
from edgecnn.devices import answers
from edgecnn.devices.child import Answer, Complaints, Patience, ended, out_of_time
from edgecnn.runtime.model.model_file import ModelFile
from edgecnn.runtime.process.batch import forms
from edgecnn.runtime.process.limits import HANG_S
from edgecnn.runtime.run.engine import Interface

FRAME_BYTES = 4 << 20
_MAX_HEADER_BYTES = 1 << 16
_START_S = HANG_S + 300.0
_TENSOR_S = 60.0
_END_S = 10.0
Explain = Callable[[Answer], None]


class Session:
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
        self.system: dict[str, Any] = header["system"]
        self.threads: int = header["threads"]
        self._shape, self._dtype = tuple(expected["input"]["shape"]), np.dtype(expected["input"]["dtype"])
        self._out_type = np.dtype(expected["output"]["dtype"])
        self._out_bytes = int(np.prod(expected["output"]["shape"])) * self._out_type.itemsize
        self._per_frame = max(1, FRAME_BYTES // max(1, int(np.prod(self._shape)) * self._dtype.itemsize))

    def __call__(self, tensors: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Send tensors, (1, height, width, channels) each, in frames; yields each one's raw output, (classes,).

        Raises:
            UsageError: a tensor has another shape or type than the model's input.
            DeviceError: the connection was lost, or no answer comes.
            CrashError: the runtime crashed.
        """
        source = iter(tensors)
        while frame := [self._checked(tensor) for tensor in islice(source, self._per_frame)]:
            yield from self._answers(frame)

    def _answers(self, frame: list[bytes]) -> list[np.ndarray]:
        with self._within(HANG_S + len(frame) * _TENSOR_S):
            try:
                self._send(len(frame).to_bytes(4, "little") + b"".join(frame))
            except OSError as error:  # a broken pipe has another name on Windows
                raise self._lost() from error
            return [self._answer() for _ in frame]

    def _answer(self) -> np.ndarray:
        data = self._stdout.read(self._out_bytes)
        if len(data) < self._out_bytes:
            raise self._lost()
        return np.frombuffer(data, self._out_type)

    def _within(self, seconds: float) -> Patience:
        self._patience = Patience(self._process, seconds)
        return self._patience

    def _send(self, data: bytes) -> None:
        self._stdin.write(data)
        self._stdin.flush()

    def _checked(self, tensor: np.ndarray) -> bytes:
        if tensor.shape != self._shape or tensor.dtype != self._dtype:
            received = f"{tensor.dtype} {list(tensor.shape)}"
            raise UsageError(
                f"A tensor is {received}; expected {self._dtype} {list(self._shape)}, as the model's input."
            )
        return tensor.tobytes()

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

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
