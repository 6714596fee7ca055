"""Work on a model in a child process, so that a crash or a hang there is an error message here."""

from __future__ import annotations

import contextlib
import json
import math
import os
import select
import signal
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import errors
from ..model.model_file import AnyFile, ModelFile
from ..run.engine import Engine

with contextlib.suppress(ImportError):  # Windows has none, and can't fork either
    import resource

DEFAULT_TIMEOUT_S = 600.0
_HANGS = (
    "The TFLite runtime did not finish running this model and was stopped. The file is damaged or the "
    "model is too large; try a smaller one."
)
_OUT_OF_TIME = tuple(getattr(signal, name) for name in ("SIGXCPU", "SIGKILL") if hasattr(signal, name))


LEAST_PROCESSOR_S = 6.0
_PROCESSOR_S_PER_MB = 0.1  # of the model's file: a Raspberry Pi loads VGG-16 and runs it once in a tenth of that
_PROCESSOR_S_PER_RUN = 3.0  # with its image, however large


def processor_s(file: AnyFile, runs: int = 1) -> float:
    """Seconds of processor time after which a model that was loaded and run a few times hangs.

    A loop in a graph may be endless. Processor time doesn't depend on what else the machine does.
    """
    return LEAST_PROCESSOR_S + _PROCESSOR_S_PER_MB * len(file.data) / 1e6 + _PROCESSOR_S_PER_RUN * (runs - 1)


def isolated(
    function: Callable[..., Any],
    *arguments: Any,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    limit_processor_s: float | None = None,
) -> Any:
    """Call `function` in a forked child and return its result, which must be JSON values.

    Errors of edgecnn's own kinds are raised again here. Where the system can't fork, the call is made in this process.

    Raises:
        CrashError: the child was killed by a signal, did not answer in time, or used more than `limit_processor_s`.
    """
    if not hasattr(os, "fork"):
        return function(*arguments)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _limit(limit_processor_s)
        _answer(writer, function, arguments)
    os.close(writer)
    try:
        answer = _read_all(reader, time.monotonic() + timeout_s)
    except BaseException:
        os.kill(child, signal.SIGKILL)
        raise
    finally:
        os.close(reader)
        _, status = os.waitpid(child, 0)
    if not answer:
        raise _crash(status, limit_processor_s is not None)
    kind, value = json.loads(answer)
    if kind == "result":
        return value
    raise errors.of_kind(kind, value)


def _crash(status: int, is_limited: bool) -> errors.CrashError:
    """What a child's end without an answer means."""
    if is_limited and os.WIFSIGNALED(status) and os.WTERMSIG(status) in _OUT_OF_TIME:
        return errors.CrashError(_HANGS)
    return errors.CrashError(
        f"The TFLite runtime crashed on this model ({_why(status)}). The file is damaged or has unsupported operators; "
        "convert the model again."
    )


def _limit(seconds: float | None) -> None:
    """Let the kernel end this process after so much processor time."""
    if seconds is not None:
        present = resource.getrlimit(resource.RLIMIT_CPU)[1]  # a user's own, which may be lower
        limit = math.ceil(seconds) if present == resource.RLIM_INFINITY else min(math.ceil(seconds), present)
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))


def try_out(file: ModelFile) -> None:
    """Load and run a model once in a child process; for files that edgecnn did not write itself.

    Raises:
        CrashError: it crashed or hung there.
        ModelFileError: the runtime refuses it.
    """
    isolated(_run_once, file, limit_processor_s=processor_s(file))


def _run_once(file: ModelFile) -> None:
    engine = Engine(file)
    engine.invoke(np.zeros(engine.input.shape, engine.input.dtype))


def _answer(writer: int, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """The child's whole life; it never returns to the caller's code."""
    status = 1
    default_signals()
    try:
        try:
            answer = ["result", function(*arguments)]
        except errors.EdgecnnError as error:
            answer = [type(error).__name__, str(error)]
        except MemoryError:
            answer = ["EdgecnnError", errors.OUT_OF_MEMORY]
        except OSError as error:  # few descriptors, a full disk: no fault of the model
            remedy = "Free memory or disk space, or raise the limits (`ulimit -a`)."
            answer = ["EdgecnnError", f"The system refused to run the model: {error.strerror or error}. {remedy}"]
        with os.fdopen(writer, "w", encoding="utf-8") as stream:
            json.dump(answer, stream)
        status = 0
    except KeyboardInterrupt:
        pass
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(status)


def default_signals() -> None:
    """Let `kill` end a forked child at once; what there is to remove is its parent's."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def _read_all(reader: int, deadline: float) -> bytes:
    parts: list[bytes] = []
    while True:
        left = deadline - time.monotonic()
        ready, _, _ = select.select([reader], [], [], max(0.0, left))
        if not ready:
            raise errors.CrashError(_HANGS)
        part = os.read(reader, 1 << 16)
        if not part:
            return b"".join(parts)
        parts.append(part)


def _why(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"signal {signal.Signals(os.WTERMSIG(status)).name}"
    return f"exit status {os.WEXITSTATUS(status)}"
