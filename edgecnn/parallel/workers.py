"""Child processes that work for this one and know nothing of it.

A fork would copy locks that TensorFlow's threads hold, and the other ways of `multiprocessing` run the user's script
once more in every child. These children are plain interpreters: they are told a function and its argument by pickle,
import what the function needs, and end when this process does.
"""

from __future__ import annotations

import atexit
import collections
import contextlib
import contextvars
import functools
import json
import os
import pickle
import queue
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import IO, Any, TypeVar

from edgecnn.core.errors import CrashError
from edgecnn.parallel.executor import ONE_THREAD, Executor, in_order
from edgecnn.runtime.portable import usage

T = TypeVar("T")
R = TypeVar("R")
_MOST = 16
_PAYS_S = 1.0  # of work that is left; to start children takes half as long
_HELPER: contextvars.ContextVar[Executor | None] = contextvars.ContextVar("helper", default=None)
_SIZE = struct.Struct("<Q")
_START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from edgecnn.parallel.workers import serve; serve()"


class Workers:
    """A fixed number of children, each started when it is first needed.

    Args:
        count: how many.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._threads = ThreadPoolExecutor(count, "workers")
        self._idle: queue.LifoQueue[_Child | None] = queue.LifoQueue()
        for _ in range(count):
            self._idle.put(None)

    def submit(self, function: Callable[[T], R], item: T) -> Future[R]:
        """Call a function in an idle child.

        Args:
            function: of a module, so that the child can import it.
            item: its argument; it and the result are pickled.

        Returns:
            The result, or the exception that it raised; `CrashError` if the child died.
        """
        return self._threads.submit(self._call, function, item)

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """The results in order; only a few items are taken ahead of what was read."""
        waiting: collections.deque[Future[R]] = collections.deque()
        for item in items:
            waiting.append(self.submit(function, item))
            if len(waiting) > 2 * self.count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def rest(self) -> None:
        """End the children that have nothing to do; others are started when they are needed."""
        idle: list[_Child | None] = []
        with contextlib.suppress(queue.Empty):
            while True:
                idle.append(self._idle.get_nowait())
        for child in idle:
            if child is not None:
                child.close()
            self._idle.put(None)

    def _call(self, function: Callable[[T], R], item: T) -> R:
        child = self._idle.get() or _Child()
        alive: _Child | None = None
        try:
            succeeded, result = child.ask(function, item)
            alive = child
        finally:
            if alive is None:
                child.close()
            self._idle.put(alive)
        if not succeeded:
            raise result
        return result


class _Child:
    """One child, started at once."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _START, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **ONE_THREAD},
        )
        self._input: Any = self._process.stdin
        self._output: Any = self._process.stdout
        atexit.register(self.close)

    def ask(self, function: Any, item: Any) -> tuple[bool, Any]:
        """Whether it succeeded, and the result or the exception.

        Raises:
            CrashError: the child is no more.
        """
        try:
            _send(self._input, (function, item))
            succeeded, result = _receive(self._output)
            return succeeded, result
        except (OSError, EOFError) as error:
            raise CrashError(
                f"A process that helps this one ended unexpectedly (exit status {self._process.wait()}). It crashed, "
                "or memory ran out."
            ) from error

    def close(self) -> None:
        """End it: its input ends."""
        atexit.unregister(self.close)
        with contextlib.suppress(OSError):
            self._process.kill()
        for stream in (self._input, self._output):
            with contextlib.suppress(OSError):
                stream.close()
        self._process.wait()


def _send(stream: IO[bytes], value: Any) -> None:
    data = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    stream.write(_SIZE.pack(len(data)))
    stream.write(data)
    stream.flush()


def _receive(stream: IO[bytes]) -> Any:
    header = stream.read(_SIZE.size)
    if len(header) < _SIZE.size:
        raise EOFError
    data = stream.read(_SIZE.unpack(header)[0])
    return pickle.loads(data)  # noqa: S301 (our own child's)


def serve() -> None:
    """What a child does: answer calls until its input ends. Nothing else may reach its standard output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while True:
        try:
            function, item = _receive(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer = (True, function(item))
        except Exception as error:  # raised again where it was asked for
            answer = (False, error)
        _send(output, answer)


def workers() -> Workers:
    """This process's children, one per core."""
    return _workers_of(os.getpid())  # a fork has none


@functools.cache
def _workers_of(process: int) -> Workers:
    return Workers(max(1, min(usage.processors(), _MOST)))


@contextlib.contextmanager
def helped_by(executor: Executor) -> Iterator[None]:
    """Let what runs in parallel meanwhile run there, and not in children of this process."""
    token = _HELPER.set(executor)
    try:
        yield
    finally:
        _HELPER.reset(token)


def map_in_parallel(function: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
    """The results in order; the first ones from this process, as long as starting others would not pay.

    Args:
        function: see `Workers.submit`.
        items: arguments that take about the same time each; they may be made when they are asked for.

    Raises:
        CrashError: a child died.
        EdgecnnError: a worker of `helped_by` was lost several times.
    """
    helper = _HELPER.get()
    if helper is not None:
        yield from in_order(helper, function, items)
        return
    started = time.monotonic()
    for done, item in enumerate(items):
        if done and (time.monotonic() - started) / done * (len(items) - done) > _PAYS_S:
            try:
                yield from workers().map(function, (items[left] for left in range(done, len(items))))
            finally:
                workers().rest()  # each would hold its 55 MB
            return
        yield function(item)
