"""One command in a forked child with limits, and what became of it.

The child has edgecnn imported already, so that a command takes what its work takes; memory, time, signals and what it
prints are its own all the same.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import re
import resource
import select
import signal
import struct
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from edgecnn.runtime.portable.usage import rss_bytes
from fuzzing import obeyed

DEADLINE_S = 10.0
PEAK_BYTES = 1 << 30
STATUSES = (0, 1, 2, 130, 141)
_ADDRESS_SPACE = 12 << 30  # beyond it the machine itself would suffer; what is resident is what counts
_PATIENCE = 6  # on a machine that does other work, a command may wait so many times longer than it computes
_PRINTED = 1 << 20
_NUMBER = struct.Struct("q")


@dataclass(frozen=True)
class Outcome:
    """What one command did.

    Attributes:
        status: exit status; negative: killed by that signal; None: it was stopped.
        seconds: of processor time, with its children's.
        peak_bytes: resident, of it or its largest child, above what it was forked with.
        printed: both streams.
    """

    status: int | None
    seconds: float
    peak_bytes: int
    printed: str

    def fault(self) -> str | None:
        """What is wrong with it, in words that are the same for the same cause; None if nothing is."""
        if "Traceback (most recent call last)" in self.printed:
            return f"traceback: {_cause(self.printed)}"
        if self.status is None:
            return "hang"
        if self.status < 0:
            return f"signal {signal.Signals(-self.status).name}"
        if self.peak_bytes > PEAK_BYTES:
            return f"memory: {self.peak_bytes / 1e9:.0f} GB"
        if self.status not in STATUSES:
            return f"exit status {self.status}"
        if self.status and not self.printed.strip():
            return "failed without a word"
        return obeyed.by_a_terminal(self.printed)


def _cause(printed: str) -> str:
    """The exception, and the last place of ours that it passed: one line for all mutants that find the same fault."""
    *_, last = re.findall(
        r"^(\w[\w.]*(?:Error|Exception|Exit|Warning|Interrupt|Iteration)\b[^\n]{0,80})", printed, re.M
    ) or ["?"]
    *_, place = re.findall(r'File "[^"\n]*/(edgecnn/[^"\n]+)", line (\d+)', printed) or [("?", "0")]
    return f"{re.sub(r'[0-9]+', 'N', last)} at {place[0]}:{place[1]}"


def run(
    call: Callable[[Sequence[str]], int], words: Sequence[str], folder: Path, deadline_s: float = DEADLINE_S
) -> Outcome:
    """Run `call(words)` in a forked child, in a folder.

    Args:
        call: returns the exit status.
        words: of the command.
        folder: its current folder, and its folder for temporary files.
        deadline_s: of processor time.
    """
    log = os.memfd_create("printed")
    inherited = mmap.mmap(-1, _NUMBER.size)  # shared with the child, which starts with the pages of this process
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        _NUMBER.pack_into(inherited, 0, rss_bytes())
        _live(call, words, folder, log, deadline_s)
    with contextlib.suppress(OSError):
        os.setpgid(child, child)
    try:
        stopped = not _wait(child, started + deadline_s * _PATIENCE)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        _, status, used = os.wait4(child, 0)
    printed = os.pread(log, _PRINTED, 0).decode(errors="surrogateescape")
    os.close(log)
    code = os.waitstatus_to_exitcode(status)
    seconds = used.ru_utime + used.ru_stime
    hung = stopped or code in (-signal.SIGXCPU, -signal.SIGKILL) or seconds > deadline_s
    peak = max(0, (used.ru_maxrss << 10) - _NUMBER.unpack_from(inherited)[0])
    return Outcome(None if hung else code, seconds, peak, printed)


def _wait(child: int, until: float) -> bool:
    """Whether it ended by itself."""
    handle = os.pidfd_open(child)
    try:
        ready, _, _ = select.select([handle], [], [], max(0.0, until - time.monotonic()))
    finally:
        os.close(handle)
    return bool(ready)


def _live(
    call: Callable[[Sequence[str]], int], words: Sequence[str], folder: Path, log: int, deadline_s: float
) -> None:
    """The child's whole life."""
    status = 1
    try:
        os.setpgid(0, 0)
        os.chdir(folder)
        os.environ["TMPDIR"] = str(folder)
        seconds = int(deadline_s) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 2))
        resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, 1 << 30))
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False, encoding="utf-8") for number in (1, 2))
        status = call(words)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)
