"""A child process, here or at the other end of ssh, that isn't trusted: what it says is bounded in bytes and time."""

from __future__ import annotations

import collections
import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from edgecnn.core.errors import DeviceError
from edgecnn.core.progress import Progress, silent
from edgecnn.core.text import printable
from edgecnn.runtime.process.supervise import BEAT, NOTE, PROGRESS

HEARTBEAT_S = 5.0
MAX_BYTES = 16 << 20
MAX_NOTES = 1000
_LONGEST_LINE = 4096
_KEPT_LINES = 100
_DIGITS = 10
_LONGEST_STAGE = 200
_END_S = 10.0
_LOOK_S = 0.5


@dataclass(frozen=True)
class Answer:
    """What a finished child left: exit status (negative: killed by that signal) and its output."""

    status: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Limits:
    """How far a child may go.

    Attributes:
        device: whose answer it is, and what was done meanwhile, for messages.
        seconds: for all of it.
        silence_s: without a byte of either stream.
        bytes: of both streams.
    """

    device: str
    doing: str
    seconds: float
    silence_s: float = float("inf")
    bytes: int = MAX_BYTES


def lines(stream: IO[bytes], longest: int) -> Iterator[bytes]:
    """A stream's lines without their ends, as they come; of a longer one the beginning."""
    return split(iter(lambda: os.read(stream.fileno(), 1 << 16), b""), longest)


def split(parts: Iterable[bytes], longest: int = _LONGEST_LINE) -> Iterator[bytes]:
    """The same of a stream's parts."""
    rest = b""
    for part in parts:
        *whole, rest = (rest + part).split(b"\n")
        yield from (line[:longest] for line in whole)
        rest = rest[:longest]
    if rest:
        yield rest


class _Listener(threading.Thread):
    """Reads one of a child's streams to its end, or until it is too much.

    Attributes:
        heard_at: monotonic seconds of the last byte.
        size: bytes so far.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(daemon=True)
        self.heard_at = time.monotonic()
        self.size = 0
        self._stream = stream

    def parts(self) -> Iterator[bytes]:
        """What comes, as it comes."""
        with contextlib.suppress(OSError, ValueError):  # closed while it was read
            while part := os.read(self._stream.fileno(), 1 << 16):
                self.heard_at = time.monotonic()
                self.size += len(part)
                yield part


class Complaints(_Listener):
    """A child's standard error: notes and progress are passed on, the last other lines are kept, printable."""

    def __init__(
        self, stream: IO[bytes], note: Callable[[str], None] = lambda text: None, progress: Progress = silent
    ) -> None:
        super().__init__(stream)
        self._note, self._notes, self._progress = note, 0, progress
        self._lines: collections.deque[str] = collections.deque(maxlen=_KEPT_LINES)
        self.start()

    def run(self) -> None:
        """The thread's whole life."""
        for raw in split(self.parts()):
            if raw.strip() and raw != BEAT:
                self._take(raw.decode(errors="replace"))

    def _take(self, line: str) -> None:
        if line.startswith(PROGRESS):
            self._advance(line[len(PROGRESS) :].split(" ", 2))
        elif not line.startswith(NOTE):
            self._lines.append(printable(line.rstrip()))
        elif self._notes < MAX_NOTES:
            self._notes += 1
            self._note(printable(line[len(NOTE) :].rstrip()))

    def _advance(self, words: list[str]) -> None:
        """A board may say anything: what makes no sense is no progress."""
        if len(words) == 3 and all(word.isascii() and word.isdecimal() and len(word) < _DIGITS for word in words[:2]):
            done, total = map(int, words[:2])
            self._progress(printable(words[2].strip())[:_LONGEST_STAGE], min(done, total), total)

    def text(self) -> str:
        """What is there once the child has ended."""
        self.join(timeout=2)  # a master connection that ssh leaves behind holds our end of standard error open
        return "\n".join(self._lines)


class _Output(_Listener):
    """A child's standard output, up to a limit."""

    def __init__(self, stream: IO[bytes], limit: int) -> None:
        super().__init__(stream)
        self._limit = limit
        self._parts: list[bytes] = []
        self.start()

    def run(self) -> None:
        """The thread's whole life."""
        for part in self.parts():
            if self.size <= self._limit:
                self._parts.append(part)

    def text(self) -> str:
        """What is there once the child has ended."""
        self.join(timeout=2)
        return b"".join(self._parts).decode(errors="replace")


def converse(
    command: Sequence[str],
    limits: Limits,
    note: Callable[[str], None] = lambda text: None,
    content: bytes | None = None,
    env: Mapping[str, str] | None = None,
    progress: Progress = silent,
) -> Answer:
    """Run a child to its end.

    Args:
        command: what to run.
        limits: how far it may go.
        note: told the notes on its standard error.
        content: its standard input; None holds that open and sends a byte every `HEARTBEAT_S`, which says to a job that
            watches it that we still want the answer.
        env: its environment.
        progress: told how far the job is, as it says on its standard error.

    Raises:
        DeviceError: it went beyond its limits.
    """
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    process = subprocess.Popen(command, **pipes, bufsize=0, env=env)
    assert process.stdin and process.stdout and process.stderr
    output, complaints = _Output(process.stdout, limits.bytes), Complaints(process.stderr, note, progress)
    if content is not None:
        threading.Thread(target=_feed, args=(process.stdin, content), daemon=True).start()
    try:
        status = _wait(process, limits, output, complaints, content is None)
    except BaseException:
        stop(process)
        raise
    return Answer(status, output.text(), complaints.text())


def _wait(process: Any, limits: Limits, output: _Output, complaints: Complaints, beat: bool) -> int:
    """The child's exit status."""
    end, beaten = time.monotonic() + limits.seconds, time.monotonic()
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return int(process.wait(timeout=_LOOK_S))
        now = time.monotonic()
        if now > end:
            raise out_of_time(limits.device, limits.doing, limits.seconds)
        if now - max(output.heard_at, complaints.heard_at) > limits.silence_s:
            raise out_of_time(limits.device, limits.doing, limits.silence_s, whole=False)
        if output.size + complaints.size > limits.bytes:
            raise DeviceError(
                f"{limits.device} sent more than {limits.bytes / 1e6:.0f} MB while {limits.doing} and was "
                "stopped. Check that no other program prints to the standard output of its shell."
            )
        if beat and now - beaten >= HEARTBEAT_S:
            beaten = now
            with contextlib.suppress(OSError):
                process.stdin.write(b".")


def out_of_time(device: str, doing: str, seconds: float, whole: bool = True) -> DeviceError:
    """The error for a board that took too long, or was silent for too long."""
    what = f"did not finish within {seconds:,.0f} s" if whole else f"sent nothing for {seconds:,.0f} s"
    return DeviceError(
        f"{device} {what} while {doing}, so edgecnn stopped waiting. Check the board and its network, then try again."
    )


def _feed(stream: IO[bytes], content: bytes) -> None:
    with contextlib.suppress(OSError, ValueError), stream:
        rest = memoryview(content)
        while rest:
            rest = rest[stream.write(rest) :]


class Patience:
    """Ends a child that takes longer than that: whoever reads from it, or writes to it, goes on then.

    Attributes:
        is_over: whether it did.
    """

    def __init__(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        self.is_over = False
        self.seconds = seconds
        self._process = process
        self._timer = threading.Timer(seconds, self._give_up)
        self._timer.daemon = True
        self._timer.start()

    def _give_up(self) -> None:
        self.is_over = True
        self._process.kill()

    def end(self) -> None:
        """From now on it may take for ever."""
        self._timer.cancel()

    def __enter__(self) -> Patience:
        return self

    def __exit__(self, *exception: object) -> None:
        self.end()


def ended(process: subprocess.Popen[bytes]) -> int:
    """The exit status of a child that has nothing left to do; one that stays all the same is killed."""
    try:
        return process.wait(timeout=_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a child: its input first, so that what runs on the board ends too."""
    for stream in (process.stdin, process.stdout):
        with contextlib.suppress(OSError, ValueError):
            if stream:
                stream.close()
    process.terminate()
    ended(process)
