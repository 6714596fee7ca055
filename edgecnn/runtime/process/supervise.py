"""Run a job in a child that can't outlive whoever asked for it, and answer with exactly one JSON on standard output.

The asker holds the other end of standard input: over ssh it sends a byte now and then. When that end is closed (the
connection was cut), or stays silent for too long (the cable was pulled), the job and all its children are killed. The
asker learns from beats on standard error that the job still runs.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from .. import errors
from ..model.json_text import printable
from ..portable import processes, signals

EXIT_ORPHANED = 75
NOTE = "note: "
"""Begins a line of standard error that the host passes on to a person."""
PROGRESS = "progress: "
"""Begins a line of standard error that says how far the job is: done, total, and what is being done."""
PROGRESS_EVERY_S = 0.5
BEAT = b"still running"
"""A line of standard error that says so, every `BEAT_S`, to a host that watches."""
BEAT_S = 5.0


def supervised(job: Callable[[], Any], silence_s: float | None = None) -> int:
    """Run `job` in a forked process group and print its JSON; returns the exit status.

    Args:
        job: returns JSON values or raises an `EdgecnnError`.
        silence_s: None doesn't watch standard input; else kill the job when input ends, or is silent for so long (0: it
            may be silent for ever).
    """
    if not processes.FORKS:
        return _unforked(job, silence_s)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        os.setpgid(0, 0)
        _work(job, writer)
    with contextlib.suppress(OSError):  # both sides do it, so that it is done before either goes on
        os.setpgid(child, child)
    os.close(writer)
    for number in signals.ENDING:
        signal.signal(number, lambda *_: _stop(child, EXIT_ORPHANED))
    answer = _await(child, reader, silence_s)
    _, status = os.waitpid(child, 0)
    _kill_group(child)
    if not answer:
        answer = json.dumps(
            error_answer(
                errors.CrashError(
                    f"The TFLite runtime crashed on this model ({_why(status)}). Check the file, or use --delegate cpu."
                )
            )
        )
    sys.stdout.write(answer + "\n")
    sys.stdout.flush()
    return 1 if answer.startswith('{"error"') else 0


def _unforked(job: Callable[[], Any], silence_s: float | None) -> int:
    """The same in this process (Windows): what may crash is called in children of their own, see `guard`."""
    output = os.dup(1)
    os.dup2(2, 1)
    if silence_s is not None:
        threading.Thread(target=_end_with_input, daemon=True).start()
        threading.Thread(target=_beat_for_ever, daemon=True).start()
    answer = json.dumps(_answer(job))
    with os.fdopen(output, "w", encoding="utf-8") as stream:
        stream.write(answer + "\n")
    return 1 if answer.startswith('{"error"') else 0


def _end_with_input() -> None:
    while os.read(0, 4096):
        pass
    os._exit(EXIT_ORPHANED)


def _beat_for_ever() -> None:
    while True:
        time.sleep(BEAT_S)
        _beat()


class Telling:
    """Tells the host how far a job is, now and then: a step costs next to nothing."""

    def __init__(self) -> None:
        self._told = 0.0
        self._stage = ""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """One step of a stage."""
        now = time.monotonic()
        if stage != self._stage or done >= total or now - self._told > PROGRESS_EVERY_S:
            self._told, self._stage = now, stage
            with contextlib.suppress(OSError):
                os.write(2, f"\n{PROGRESS}{done} {total} {printable(stage)}\n".encode())


def error_answer(error: errors.EdgecnnError) -> dict[str, Any]:
    """How an error travels; the host raises it again."""
    return {"error": {"kind": type(error).__name__, "message": str(error)}}


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent ends (Linux; elsewhere nothing)."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _work(job: Callable[[], Any], writer: int) -> None:
    """The child's whole life."""
    die_with_parent()
    os.dup2(2, 1)  # what a library prints must not get into the JSON
    try:
        answer = _answer(job)
        with os.fdopen(writer, "w", encoding="utf-8") as stream:
            json.dump(answer, stream)
    finally:
        os._exit(0)


def _answer(job: Callable[[], Any]) -> Any:
    try:
        return job()
    except errors.EdgecnnError as error:
        return error_answer(error)
    except MemoryError:
        return error_answer(errors.EdgecnnError(errors.OUT_OF_MEMORY))
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and error.name == "numpy":
            return error_answer(
                errors.RuntimeMissingError("NumPy is not installed. Install it with: pip install numpy.")
            )
        import traceback

        traceback.print_exc()
        return error_answer(errors.CrashError(f"The job failed unexpectedly: {error!r}. Report this as a bug."))


def _await(child: int, reader: int, silence_s: float | None) -> str:
    parts: list[bytes] = []
    watched = [reader] if silence_s is None else [reader, 0]
    heard = beaten = time.monotonic()
    while True:
        ready = processes.readable(watched, None if silence_s is None else min(BEAT_S, silence_s or BEAT_S))
        now = time.monotonic()
        if 0 in ready:
            heard = now
            if not os.read(0, 4096):
                _stop(child, EXIT_ORPHANED)
        if silence_s and now - heard > silence_s:
            _stop(child, EXIT_ORPHANED)
        if silence_s is not None and now - beaten >= BEAT_S:
            beaten = now
            _beat()
        if reader in ready:
            part = os.read(reader, 1 << 16)
            if not part:
                return b"".join(parts).decode()
            parts.append(part)


def _beat() -> None:
    with contextlib.suppress(OSError):
        os.write(2, b"\n" + BEAT + b"\n")  # whatever else is being written there: on a line of its own


def _stop(child: int, status: int) -> None:
    _kill_group(child)
    os._exit(status)


def _kill_group(child: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)


def _why(status: int) -> str:
    reason = processes.why(os.waitstatus_to_exitcode(status))
    return f"{reason}; most likely the memory ran out" if reason == "signal SIGKILL" else reason
