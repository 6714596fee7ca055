"""The host's side of `edgecnn.runtime.batch`: prepared tensors out, raw outputs back."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import IO, Any

import numpy as np

from edgecnn.devices._job import Answer, result
from edgecnn.errors import CrashError, UsageError

FRAME_BYTES = 4 << 20
Explain = Callable[[Answer], None]


def exchange(
    command: Sequence[str], tensors: Iterable[np.ndarray], explain: Explain, env: Mapping[str, str] | None = None
) -> Iterator[np.ndarray]:
    """Send tensors in frames of a few megabytes; yields each one's raw output.

    Args:
        command: starts `edgecnn.runtime batch`.
        tensors: of the model's input shape and type.
        explain: raises what it knows about a child that ended early.
        env: its environment.

    Raises:
        UsageError: a tensor has another shape or type than the model's input.
        DeviceError: the connection was lost.
        CrashError: the runtime crashed.
    """
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints, env=env)
        assert process.stdin and process.stdout
        try:
            yield from _converse(process.stdin, process.stdout, tensors)
        except (BrokenPipeError, EOFError) as error:
            complaints.seek(0)
            explain(Answer(process.wait(), "", complaints.read().decode(errors="replace")))
            raise CrashError("The device stopped answering in the middle of the batch.") from error
        finally:
            _end(process)


def _converse(stdin: IO[bytes], stdout: IO[bytes], tensors: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    line = stdout.readline()
    if not line:
        raise EOFError
    header = result(Answer(0, line.decode(errors="replace"), ""))
    shape, dtype = tuple(header["input"]["shape"]), np.dtype(header["input"]["dtype"])
    out_type = np.dtype(header["output"]["dtype"])
    out_size = int(np.prod(header["output"]["shape"])) * out_type.itemsize
    per_frame = max(1, FRAME_BYTES // max(1, int(np.prod(shape)) * dtype.itemsize))
    source = iter(tensors)
    while frame := [_checked(tensor, shape, dtype) for tensor in islice(source, per_frame)]:
        stdin.write(len(frame).to_bytes(4, "little") + b"".join(frame))
        stdin.flush()
        for _ in frame:
            data = stdout.read(out_size)
            if len(data) < out_size:
                raise EOFError
            yield np.frombuffer(data, out_type)
    stdin.write(bytes(4))
    stdin.flush()


def _checked(tensor: np.ndarray, shape: tuple[int, ...], dtype: np.dtype[Any]) -> bytes:
    if tensor.shape != shape or tensor.dtype != dtype:
        received = f"{tensor.dtype} {list(tensor.shape)}"
        raise UsageError(f"A tensor is {received}; the model on the device takes {dtype} {list(shape)}.")
    return tensor.tobytes()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Close both pipes; the other side ends when its input does."""
    for stream in (process.stdin, process.stdout):
        try:
            stream.close()  # type: ignore[union-attr]
        except BrokenPipeError:
            continue
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def crashed(answer: Answer) -> None:
    """What a local child's end means."""
    last = answer.stderr.strip().splitlines()[-1:] or ["it said nothing"]
    raise CrashError(f"The process that ran the model ended with status {answer.status}: {last[0]}")
