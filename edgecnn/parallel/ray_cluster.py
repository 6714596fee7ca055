"""A Ray cluster: every node has edgecnn, and the data under the same path."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgecnn.core.errors import EdgecnnError, MissingExtraError
from edgecnn.parallel.executor import ONE_THREAD, Job, LostWorkerError

_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "2"}


def _in_folder(folder: str, job: Job, payload: Any) -> Any:
    """Run a job where it was submitted, so that relative paths of data mean the same."""
    with contextlib.suppress(OSError):
        os.chdir(folder)
    return job(payload)


class RayCluster:
    """Tasks of a cluster, one processor each, or a node each.

    Args:
        address: of the cluster, or "auto".
        whole: whether each job gets a node to itself.

    Raises:
        MissingExtraError: Ray is not installed.
        EdgecnnError: the cluster can't be reached.
    """

    def __init__(self, address: str, *, whole: bool) -> None:
        try:
            import ray
        except ImportError as error:
            raise MissingExtraError('--ray needs Ray. Install it with: pip install "edgecnn[ray]"') from error
        self._ray = ray
        try:
            ray.init(address, log_to_driver=False, logging_level=logging.ERROR, ignore_reinit_error=True)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise EdgecnnError(
                f"Can't reach the Ray cluster {address}: {str(error).splitlines()[0]} Start it with: ray start --head"
            ) from error
        processors = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
        processors = [count for count in processors if count]
        if not processors:
            raise EdgecnnError(f"The Ray cluster {address} has no node with processors. Add one: ray start --address")
        self.slots = len(processors) if whole else sum(processors)
        self._options: dict[str, Any] = {
            "num_cpus": min(processors) if whole else 1,
            "max_retries": 0,  # the loop of `edgecnn.parallel.executor` starts lost jobs again
            "scheduling_strategy": "SPREAD",
            "runtime_env": {"env_vars": _QUIET if whole else {**_QUIET, **ONE_THREAD}},
        }

    def submit(self, job: Job, payload: Any) -> Any:
        """See `Executor.submit`."""
        return self._ray.remote(**self._options)(_in_folder).remote(str(Path.cwd()), job, payload)

    def wait(self, handles: Sequence[Any]) -> Any:
        """See `Executor.wait`."""
        done, _ = self._ray.wait(list(handles), num_returns=1)
        return done[0]

    def result(self, handle: Any) -> Any:
        """See `Executor.result`."""
        errors = self._ray.exceptions
        try:
            found = self._ray.get(handle)
        except errors.RayTaskError as error:
            raise error.as_instanceof_cause() from None
        except errors.RayError as error:
            raise LostWorkerError("A worker of the Ray cluster, or its node, was lost.") from error
        return found

    def close(self) -> None:
        """Leave the cluster; it ends the jobs of this program."""
        self._ray.shutdown()
