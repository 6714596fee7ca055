"""A search that really trains, quantizes and verifies, killed on its way."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from color_pictures import write_pictures
from fake_jobs import Inline

from edgecnn.estimation import known
from edgecnn.parallel import opening
from edgecnn.recipe.run import run
from edgecnn.recipe.search_settings import SearchSettings
from edgecnn.searching import search

OPTIONS = {"architectures": "mobilenet_v1", "widths": "0.25", "input_sizes": "32,48", "weights": "none",
           "device": "local", "trials": "2", "trial_epochs": "1", "finalists": "1", "max_size_mb": "1"}  # fmt: skip


def keep_some_laws() -> None:
    """A Pi 4's prices for this machine, also for tiny models."""
    laws = known.of_board("raspberry_pi_4")[0]
    small = {name: dataclasses.replace(law, least_ms=1e-6) for name, law in laws.laws.items()}
    known.keep("local", dataclasses.replace(laws, device="local", threads=1, laws=small))


def kill_when(process: subprocess.Popen[bytes], made: Path) -> set[str]:
    """Kill -9 once a file is there; the workers that were left behind."""
    deadline = time.monotonic() + 300
    while not made.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    workers = set(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split())
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return workers


@pytest.mark.slow()
def test_killed_it_goes_on_and_its_recipe_gives_the_same_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    keep_some_laws()
    data, folder = write_pictures(tmp_path / "colors", 12), tmp_path / "out"
    (tmp_path / "small.toml").write_text('[search]\n[train]\nepochs = 1\n[quantize]\nsamples = 8\nimprove = "none"\n')
    options = [word for name, value in OPTIONS.items() for word in (f"--{name.replace('_', '-')}", value)]
    command = [sys.executable, "-m", "edgecnn", "search", str(tmp_path / "small.toml"), "--data", str(data), *options]
    process = subprocess.Popen([*command, "--workers", "1", "-o", str(folder)], stderr=subprocess.DEVNULL)
    workers = kill_when(process, folder / "estimates/mobilenet_v1-w0.25-32.json")
    assert not (folder / "search.json").exists()
    before = (folder / "estimates/mobilenet_v1-w0.25-32.json").read_bytes()

    monkeypatch.setattr(opening, "open_executor", lambda *args, **more: Inline(1))
    numbers = {name: tuple(map(float, text.split(","))) for name, text in OPTIONS.items() if name == "widths"}
    given = {
        **OPTIONS, **numbers, "architectures": ("mobilenet_v1",), "input_sizes": (32, 48), "data": str(data),
        **{name: int(OPTIONS[name]) for name in ("trials", "trial_epochs", "finalists", "max_size_mb")},
    }  # fmt: skip
    recipe = {"train": {"epochs": 1}, "quantize": {"samples": 8, "improve": "none"}}
    found = search(SearchSettings.of(given), recipe, folder=folder)
    assert (folder / "estimates/mobilenet_v1-w0.25-32.json").read_bytes() == before
    assert not any(Path("/proc", worker).exists() for worker in workers), "workers end with a killed search"
    best = found.rows[0]
    assert best.state == "best" and best.latency_ms and best.accuracy and found.board_runs == 1
    made = run(folder / "best.toml", folder=tmp_path / "again")
    artifact = folder / "finalists" / found.best
    assert (tmp_path / "again/quantized.tflite").read_bytes() == (artifact / "quantized.tflite").read_bytes()
    assert made.artifact.read_bytes() == (artifact / "model.tflite").read_bytes()
