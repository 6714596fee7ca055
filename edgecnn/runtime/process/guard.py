"""Work on a model in a child process, so that a crash or a hang there is an error message here."""

from __future__ import annotations

import json
import math
import signal
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import errors
from ..delegates import loading
from ..model.model_file import AnyFile, ModelFile
from ..portable import processes
from ..run.engine import Engine
from . import isolation

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
    delegate: str = "cpu",
) -> Any:
    """Call `function` in a child process and return its result, which must be JSON values.

    Errors of edgecnn's own kinds are raised again here. Where the child is a new Python (Windows, macOS), the function
    must have a name to import it by, and arguments that can be pickled.

    Args:
        function: what to call.
        arguments: for it.
        timeout_s: longest time.
        limit_processor_s: most processor time.
        delegate: what it loads; its file explains a crash.

    Raises:
        CrashError: the child was killed by a signal, did not answer in time, or used more than `limit_processor_s`.
    """
    limit_s = None if limit_processor_s is None else math.ceil(limit_processor_s)
    try:
        answer, status = isolation.called(function, arguments, timeout_s, limit_s)
    except isolation.OutOfTimeError:
        raise errors.CrashError(_HANGS) from None
    if not answer:
        raise _crash(status, limit_s is not None, delegate)
    kind, value = json.loads(answer)
    if kind == "result":
        return value
    raise errors.of_kind(kind, value)


def _crash(status: int, is_limited: bool, delegate: str) -> errors.CrashError:
    """What a child's end without an answer means."""
    if is_limited and -status in _OUT_OF_TIME:
        return errors.CrashError(_HANGS)
    if delegate != "cpu":
        return errors.CrashError(loading.explained_crash(delegate, processes.why(status)))
    return errors.CrashError(
        f"The TFLite runtime crashed on this model ({processes.why(status)}). The file is damaged or has unsupported "
        "operators; convert the model again."
    )


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
