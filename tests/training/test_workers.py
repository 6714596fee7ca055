"""Two worker processes on loopback do what one process does, and a killed one costs nothing but time."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgecnn.core.errors import UsageError
from edgecnn.training.distribution import cluster_config

# 20 steps of the whole batch of 16; augmentation, mixing, dropout and stochastic depth at work.
SETTINGS = {
    "epochs": 5,
    "batch_size": 16,
    "augment": "strong_mix",
    "backbone_learning_rate": 1e-4,
    "save_every_steps": 3,
    "keep_best": False,
}


def start(job: dict[str, Any], log: Path, **more: Any) -> subprocess.Popen[bytes]:
    script = Path(__file__).with_name("one_worker.py")
    with log.open("wb") as stream:
        return subprocess.Popen([sys.executable, str(script), json.dumps({**job, **more})], stderr=stream)


def free_addresses() -> list[str]:
    sockets = [socket.socket() for _ in range(2)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    return addresses


@pytest.mark.slow
def test_two_workers_equal_one_process_even_after_a_kill(small_keras: Path, pictures: Path, tmp_path: Path) -> None:
    job = {"model": str(small_keras), "data": str(pictures), "settings": SETTINGS}
    alone = start({**job, "run": str(tmp_path / "alone"), "out": str(tmp_path / "alone.npz")}, tmp_path / "alone.log")

    def workers(**dying: Any) -> list[subprocess.Popen[bytes]]:
        addresses = free_addresses()
        return [
            start(
                {**job, "run": str(tmp_path / f"run{number}"), "out": str(tmp_path / "together.npz")},
                tmp_path / f"worker{number}.log",
                addresses=addresses,
                worker=number,
                **(dying if number == 1 else {}),
            )
            for number in range(2)
        ]

    chief, dying = workers(die_at_step=7)
    assert dying.wait(300) == -9
    assert chief.wait(300) == 1
    said = (tmp_path / "worker0.log").read_text()
    assert "Error: The connection to another worker was lost" in said
    assert "last checkpoint" in said and "Traceback" not in said

    for process in workers():
        assert process.wait(300) == 0, (tmp_path / "worker0.log").read_text()
    assert alone.wait(300) == 0
    with np.load(tmp_path / "alone.npz") as one, np.load(tmp_path / "together.npz") as two:
        assert two["resumed_at_step"] == 6 and one["resumed_at_step"] == 0
        differences = [np.abs(one[name] - two[name]).max() for name in one.files if name != "resumed_at_step"]
    assert max(differences) <= 1e-4


def test_cluster_from_options_and_environment() -> None:
    addresses = ["a:1", "b:2"]
    by_hand = json.loads(cluster_config(addresses, 1, {}) or "")
    assert by_hand == {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": 1}}
    assert json.loads(cluster_config(addresses, None, {"SLURM_PROCID": "1"}) or "") == by_hand
    assert json.loads(cluster_config(addresses, None, {"JOB_COMPLETION_INDEX": "1"}) or "") == by_hand
    assert cluster_config([], None, {}) is None
    assert cluster_config([], None, {"TF_CONFIG": "{}"}) == "{}"


@pytest.mark.parametrize(
    ("addresses", "worker", "message"),
    [
        (["a"], 0, "host:port"),
        (["a:1", "b:2"], 2, "numbers 0 to 1"),
        (["a:1", "b:2"], None, "--worker N, with N from 0 to 1"),
    ],
)
def test_wrong_clusters_are_refused(addresses: list[str], worker: int | None, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        cluster_config(addresses, worker, {})
