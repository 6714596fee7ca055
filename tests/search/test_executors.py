"""Workers that are lost."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import fake_jobs
import pytest

from edgecnn.core.errors import EdgecnnError
from edgecnn.data import examination
from edgecnn.data.examination import examine_data
from edgecnn.data.settings import SplitSettings
from edgecnn.parallel.executor import Executor, in_order, run
from edgecnn.parallel.opening import open_executor, opened


def payloads(tmp_path: Path, count: int, killers: tuple[int, ...]) -> list[dict[str, Any]]:
    return [{"number": n, "kills": n in killers, "marker": str(tmp_path / str(n))} for n in range(count)]


def test_a_lost_process_loses_its_jobs_only(tmp_path: Path) -> None:
    executor = open_executor(None, 2)
    try:
        found = dict(run(executor, fake_jobs.lose_worker_once, payloads(tmp_path, 5, (1,))))
        assert [found[n]["number"] for n in range(5)] == list(range(5))
        assert {found[n]["threads"] for n in range(5)} == {"1"}
        given_up = dict(run(executor, fake_jobs.always_lose_worker, payloads(tmp_path, 1, (0,))))
        assert isinstance(given_up[0], EdgecnnError) and "3 times" in str(given_up[0])
    finally:
        executor.close()


@pytest.fixture()
def short_folder() -> Iterator[str]:
    """Ray's sockets lie deep in its temporary folder, and the path of a socket has 107 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="r", dir="/tmp", ignore_cleanup_errors=True) as folder:
        yield folder


@pytest.mark.slow()
def test_a_lost_node_of_a_ray_cluster_loses_its_jobs_only(
    monkeypatch: pytest.MonkeyPatch, short_folder: str, picture_folder: Path
) -> None:
    """Two nodes; one is killed while it works."""
    pytest.importorskip("ray", reason='Ray is not installed: pip install "edgecnn[ray]"')
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_TMPDIR", short_folder)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))  # its workers find the jobs of the tests
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        node = cluster.add_node(num_cpus=1)
        executor = open_executor(cluster.address, None)
        assert executor.slots == 2
        jobs = [{"number": n, "seconds": 1.0} for n in range(5)]
        found: dict[int, Any] = {}
        for position, result in run(executor, fake_jobs.slow, jobs):
            found[position] = result["number"]
            if len(found) == 1:
                cluster.remove_node(node, allow_graceful=False)
        assert found == {n: n for n in range(5)}
        executor.close()
        pictures = SplitSettings(str(picture_folder), validation_share=0.5)
        here = examine_data(pictures)
        monkeypatch.setenv("EDGECNN_CACHE", short_folder)  # nothing was seen before
        assert examine_data(pictures, ray=cluster.address) == here
    finally:
        cluster.shutdown()


def test_results_in_order_and_only_so_far_ahead(tmp_path: Path) -> None:
    """A lost worker's job runs again; its error is raised where its result would be."""
    executor = open_executor(None, 2)
    try:
        jobs = payloads(tmp_path, 70, (3,))
        found = [result["number"] for result in in_order(executor, fake_jobs.lose_worker_once, jobs)]
        assert found == list(range(70))
        results = in_order(executor, fake_jobs.always_lose_worker, payloads(tmp_path, 2, (1,)))
        with pytest.raises(EdgecnnError, match="3 times"):
            list(results)
    finally:
        executor.close()


def test_a_data_report_by_workers_elsewhere_is_the_same(
    picture_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = examine_data(SplitSettings(str(picture_folder), validation_share=0.5))
    asked = []

    def opened_here(ray: str) -> AbstractContextManager[Executor]:
        asked.append(ray)
        return opened(None, 2)

    monkeypatch.setattr(examination, "opened", opened_here)
    monkeypatch.setenv("EDGECNN_CACHE", str(tmp_path))  # nothing was seen before
    assert examine_data(SplitSettings(str(picture_folder), validation_share=0.5), ray="10.0.0.1:6379") == here
    assert asked == ["10.0.0.1:6379"]
