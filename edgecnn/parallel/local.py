"""Processes of this machine."""

from __future__ import annotations

import concurrent.futures
import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait as wait_for
from typing import Any

from edgecnn.parallel.executor import ONE_THREAD, Job, LostWorkerError

_MOST_WORKERS = 8  # each holds TensorFlow and a model: about a gigabyte


class Local:
    """A pool that is made again when one of its processes is lost.

    Args:
        workers: processes; None for all processors, at most 8.
        one_thread: whether each computes on one thread.
    """

    def __init__(self, workers: int | None, *, one_thread: bool) -> None:
        self.slots = workers or min(_MOST_WORKERS, os.cpu_count() or 1)
        self._one_thread = one_thread
        self._pool: ProcessPoolExecutor | None = None

    def submit(self, job: Job, payload: Any) -> Future[Any]:
        """See `Executor.submit`."""
        if self._pool is None:
            context = multiprocessing.get_context("spawn")  # TensorFlow's locks don't survive a fork
            self._pool = ProcessPoolExecutor(self.slots, context, _begin, (self._one_thread,))
        try:
            return self._pool.submit(job, payload)
        except BrokenProcessPool:
            self._pool = None
            return self.submit(job, payload)

    def wait(self, handles: Sequence[Future[Any]]) -> Future[Any]:
        """See `Executor.wait`."""
        done = concurrent.futures.wait(handles, return_when=concurrent.futures.FIRST_COMPLETED).done
        return next(handle for handle in handles if handle in done)

    def result(self, handle: Future[Any]) -> Any:
        """See `Executor.result`."""
        try:
            return handle.result()
        except BrokenProcessPool as error:
            raise LostWorkerError("A worker process was killed, or ran out of memory.") from error

    def close(self) -> None:
        """End the processes, also those that are at work."""
        if self._pool is None:
            return
        processes = list((self._pool._processes or {}).values())
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            with contextlib.suppress(OSError, ValueError):
                process.terminate()
        self._pool = None


def _begin(one_thread: bool) -> None:
    """In a new worker: limit its threads before TensorFlow is imported, and leave when its parent is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is the parent's, which ends its workers
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if one_thread:
        os.environ.update(ONE_THREAD)
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        os._exit(1)
