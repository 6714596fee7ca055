"""A call in a new Python, where the system can't fork a process that has threads: Windows and macOS.

The child reads the call, pickled, from standard input, and answers with JSON on standard output. It ends when its
input does, so that it never outlives its caller.
"""

from __future__ import annotations

import contextlib
import math
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..portable import usage
from .forked import OutOfTimeError, end_with_answer

OUT_OF_TIME = 124  # as of `timeout`
_ROOT = Path(__file__).parents[3]
_LOOK_S = 0.2


def called(
    function: Callable[..., Any], arguments: tuple[Any, ...], timeout_s: float, limit_processor_s: int | None
) -> tuple[bytes, int]:
    """What the child answered, empty where it ended without, and its exit status.

    Args:
        function: one that can be imported by its name.
        arguments: values that can be pickled.
        timeout_s: how long it may take.
        limit_processor_s: how much processor time the call may use.

    Raises:
        OutOfTimeError: it took, or used, more.
    """
    call = pickle.dumps((function, arguments, limit_processor_s))
    path = os.pathsep.join(part for part in (str(_ROOT), os.environ.get("PYTHONPATH", "")) if part)
    process = subprocess.Popen(
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    feed, process.stdin = process.stdin, None  # stays open until the answer is here
    assert feed
    try:
        with contextlib.suppress(OSError):  # it ended already: its status tells
            feed.write(len(call).to_bytes(8, "little") + call)
            feed.flush()
        answer, _ = process.communicate(timeout=timeout_s)
    except BaseException as error:
        process.kill()
        process.wait()
        if isinstance(error, subprocess.TimeoutExpired):
            raise OutOfTimeError from error
        raise
    finally:
        with contextlib.suppress(OSError):
            feed.close()
    if process.returncode == OUT_OF_TIME:
        raise OutOfTimeError
    return answer, process.returncode


def main() -> None:
    """The child's whole life."""
    answers = os.dup(1)
    os.dup2(2, 1)  # what a library prints must not get into the answer
    call = sys.stdin.buffer.read(int.from_bytes(sys.stdin.buffer.read(8), "little"))
    threading.Thread(target=_end_with_input, daemon=True).start()
    function, arguments, seconds = pickle.loads(call)  # noqa: S301 (from the process that started this one)
    if seconds is not None:
        usage.limit_processor(math.ceil(usage.processor_s()) + seconds)
        threading.Thread(target=_end_after, args=(seconds,), daemon=True).start()
    end_with_answer(answers, function, arguments)


def _end_with_input() -> None:
    while os.read(0, 4096):
        pass
    os._exit(1)


def _end_after(seconds: int) -> None:
    """For Windows, where the kernel has no such limit. The runtime lets other threads run while a model does."""
    end = usage.processor_s() + seconds
    while usage.processor_s() < end:
        time.sleep(_LOOK_S)
    os._exit(OUT_OF_TIME)


if __name__ == "__main__":
    main()
