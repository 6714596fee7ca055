"""A call in a forked child: nothing is imported again, and what the child changes stays there."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from typing import Any, NoReturn

from .. import errors
from ..portable import processes, signals, usage


class OutOfTimeError(Exception):
    """A child did not answer in time."""


def called(
    function: Callable[..., Any], arguments: tuple[Any, ...], timeout_s: float, limit_processor_s: int | None
) -> tuple[bytes, int]:
    """What the child answered, empty where it ended without, and its exit status (negative: killed by that signal).

    Raises:
        OutOfTimeError: it did not end within `timeout_s`, and was killed.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        if limit_processor_s is not None:
            usage.limit_processor(limit_processor_s)
        _live(writer, function, arguments)
    os.close(writer)
    try:
        answer = _read_all(reader, time.monotonic() + timeout_s)
    except BaseException:
        os.kill(child, signal.SIGKILL)
        raise
    finally:
        os.close(reader)
        _, status = os.waitpid(child, 0)
    return answer, os.waitstatus_to_exitcode(status)


def answer_of(function: Callable[..., Any], arguments: tuple[Any, ...]) -> list[Any]:
    """What travels to the caller: ["result", JSON values], or the name of an error and its message."""
    try:
        return ["result", function(*arguments)]
    except errors.EdgecnnError as error:
        return [type(error).__name__, str(error)]
    except MemoryError:
        return ["EdgecnnError", errors.OUT_OF_MEMORY]
    except OSError as error:  # few descriptors, a full disk: no fault of the model
        remedy = "Free memory or disk space, or raise the limits (`ulimit -a`)."
        return ["EdgecnnError", f"The system refused to run the model: {error.strerror or error}. {remedy}"]


def _live(writer: int, function: Callable[..., Any], arguments: tuple[Any, ...]) -> NoReturn:
    """The child's whole life; it never returns to the caller's code."""
    signals.by_default()
    end_with_answer(writer, function, arguments)


def end_with_answer(writer: int, function: Callable[..., Any], arguments: tuple[Any, ...]) -> NoReturn:
    """Call a function, write what travels to a descriptor, and end this process."""
    status = 1
    try:
        answer = answer_of(function, arguments)
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


def _read_all(reader: int, deadline: float) -> bytes:
    parts: list[bytes] = []
    while True:
        if not processes.readable([reader], max(0.0, deadline - time.monotonic())):
            raise OutOfTimeError
        part = os.read(reader, 1 << 16)
        if not part:
            return b"".join(parts)
        parts.append(part)
