"""The host's side of `edgecnn.runtime.process.batch`: prepared tensors out, raw outputs back."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from edgecnn.core.errors import CrashError, UsageError
from edgecnn.devices.job import Answer, result

FRAME_BYTES = 4 << 20
Explain = Callable[[Answer], None]


class Session:
    """A model that waits in a process, here or on a board; call it with input tensors as often as you like.

    Args:
        command: starts `edgecnn.runtime batch`.
        explain: raises what it knows about a process that ended early.
        env: its environment.

    Raises:
        EdgecnnError: the device or the model can't be used.
    """

    def __init__(self, command: Sequence[str], explain: Explain, env: Mapping[str, str] | None = None) -> None:
        self._explain = explain
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115  (`close` closes it)
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self._complaints}
        self._process = subprocess.Popen(command, env=env, **pipes)  # type: ignore[call-overload]
        try:
            self._read_header()
        except BaseException:
            self.close()
            raise

    def _read_header(self) -> None:
        line = self._process.stdout.readline()
        if not line:
            raise self._lost()
        header = result(Answer(0, line.decode(errors="replace"), ""))
        self.system: dict[str, Any] = header["system"]
        self.threads: int = header["threads"]
        self._shape, self._dtype = tuple(header["input"]["shape"]), np.dtype(header["input"]["dtype"])
        self._out_type = np.dtype(header["output"]["dtype"])
        self._out_bytes = int(np.prod(header["output"]["shape"])) * self._out_type.itemsize
        self._per_frame = max(1, FRAME_BYTES // max(1, int(np.prod(self._shape)) * self._dtype.itemsize))

    def __call__(self, tensors: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Send tensors, (1, height, width, channels) each, in frames; yields each one's raw output, (classes,).

        Raises:
            UsageError: a tensor has another shape or type than the model's input.
            DeviceError: the connection was lost.
            CrashError: the runtime crashed.
        """
        source = iter(tensors)
        while frame := [self._checked(tensor) for tensor in islice(source, self._per_frame)]:
            yield from self._answers(frame)

    def _answers(self, frame: list[bytes]) -> Iterator[np.ndarray]:
        try:
            self._send(len(frame).to_bytes(4, "little") + b"".join(frame))
        except BrokenPipeError as error:
            raise self._lost() from error
        for _ in frame:
            data = self._process.stdout.read(self._out_bytes)
            if len(data) < self._out_bytes:
                raise self._lost()
            yield np.frombuffer(data, self._out_type)

    def _send(self, data: bytes) -> None:
        self._process.stdin.write(data)
        self._process.stdin.flush()

    def _checked(self, tensor: np.ndarray) -> bytes:
        if tensor.shape != self._shape or tensor.dtype != self._dtype:
            received = f"{tensor.dtype} {list(tensor.shape)}"
            raise UsageError(f"A tensor is {received}; the model takes {self._dtype} {list(self._shape)}.")
        return tensor.tobytes()

    def _lost(self) -> CrashError:
        """What the end of the other side means; `explain` may raise something more exact."""
        status = self._process.wait()
        self._complaints.seek(0)
        stderr = self._complaints.read().decode(errors="replace")
        self._explain(Answer(status, "", stderr))
        last = stderr.strip().splitlines()[-1:] or ["it said nothing"]
        return CrashError(f"The process that ran the model ended with status {status}: {last[0]}")

    def close(self) -> None:
        """End the other side."""
        with contextlib.suppress(BrokenPipeError, ValueError):
            self._send(bytes(4))
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(BrokenPipeError):
                stream.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._complaints.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
