"""Where jobs run: processes of this machine, or a Ray cluster; one loop for both.

A job is a function of a module and a payload that can be pickled, so that it can run anywhere. A worker that is lost
(killed, out of memory, its machine switched off) loses its job only, which runs again.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from edgecnn.core.errors import EdgecnnError

Job = Callable[[Any], Any]
MOST_LOSSES = 3
"""Workers that one job may lose before it is given up: it takes them with it."""
_AHEAD = 32  # jobs per slot; then those that are slow are waited for


class LostWorkerError(EdgecnnError):
    """The worker of a job is gone."""


class Executor(Protocol):
    """One kind of place where jobs run.

    Attributes:
        slots: jobs that run at the same time.
    """

    slots: int

    def submit(self, job: Job, payload: Any) -> Any:
        """Start a job; a handle for `wait` and `result`."""

    def wait(self, handles: Sequence[Any]) -> Any:
        """The first of some handles whose job has ended."""

    def result(self, handle: Any) -> Any:
        """What an ended job returned.

        Raises:
            LostWorkerError: its worker is gone.
            Exception: what the job raised.
        """

    def close(self) -> None:
        """End all workers."""


def run(executor: Executor, job: Job, payloads: Sequence[Any]) -> Iterator[tuple[int, Any]]:
    """Run a job for each payload; (its position, result or `EdgecnnError`), in the order in which they end."""
    queue, losses = deque(range(len(payloads))), Counter[int]()
    running: dict[Any, int] = {}
    while queue or running:
        while queue and len(running) < executor.slots:
            position = queue.popleft()
            running[executor.submit(job, payloads[position])] = position
        handle = executor.wait(list(running))
        position = running.pop(handle)
        try:
            yield position, executor.result(handle)
        except LostWorkerError as error:
            losses[position] += 1
            if losses[position] < MOST_LOSSES:
                queue.appendleft(position)
            else:
                yield position, EdgecnnError(f"{error} This happened {MOST_LOSSES} times; it may need more memory.")
        except EdgecnnError as error:
            yield position, error


def in_order(executor: Executor, job: Job, payloads: Sequence[Any]) -> Iterator[Any]:
    """The result of each payload, in their order; payloads are made, and results kept, for a while ahead only.

    Raises:
        EdgecnnError: what a job raised, or its worker was lost too often.
    """
    ahead = _AHEAD * executor.slots
    for start in range(0, len(payloads), ahead):
        group = [payloads[place] for place in range(start, min(start + ahead, len(payloads)))]
        found = dict(run(executor, job, group))
        for position in range(len(group)):
            if isinstance(found[position], EdgecnnError):
                raise found[position]
            yield found[position]


ONE_THREAD = dict.fromkeys(
    (
        *("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"),
        *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"),
    ),
    "1",
)
"""Environment of a worker that shares its machine: sums don't depend on how many processors that has."""
