"""Which executor was asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from edgecnn.parallel.executor import Executor
from edgecnn.parallel.local import Local


def open_executor(ray: str | None, workers: int | None, *, whole: bool = False) -> Executor:
    """The executor that was asked for.

    Args:
        ray: address of a Ray cluster, or "auto"; None for processes of this machine.
        workers: processes; None for all processors, at most 8.
        whole: whether each job gets a machine to itself, with all its processors, rather than one thread: what
            `edgecnn run` would do, so that it gives the same model.

    Raises:
        MissingExtraError: Ray is not installed.
        EdgecnnError: the cluster can't be reached.
    """
    if ray is not None:
        from edgecnn.parallel.ray_cluster import RayCluster  # Ray is an extra

        return RayCluster(ray, whole=whole)
    return Local(1 if whole else workers, one_thread=not whole)


@contextlib.contextmanager
def opened(ray: str | None, workers: int | None = None, *, whole: bool = False) -> Iterator[Executor]:
    """The same, whose workers end with the block. Arguments and errors as of `open_executor`."""
    executor = open_executor(ray, workers, whole=whole)
    try:
        yield executor
    finally:
        executor.close()
