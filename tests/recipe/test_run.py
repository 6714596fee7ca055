"""Runs that are stopped, changed and repeated."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from commands import check_clean_failure, run_cli

from edgecnn.core.errors import BoundNotMetError, DataError, EdgecnnError, RecipeError
from edgecnn.core.progress import silent
from edgecnn.recipe.run import STATE, run
from edgecnn.recipe.sections import read
from edgecnn.recipe.stage import Context, stages_of

RECIPE = """
[model]
name = "mobilenet_v1"
input_size = 32
width = 0.25
classes = 5
[quantize]
samples = 8
[verify]
data = "photos:test"
samples = 12
[profile]
threads = [1]
runs = 5
"""
ALL = ("model", "quantize", "verify", "profile", "report")


@pytest.fixture()
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(RECIPE)
    return path


def test_second_run_does_nothing_and_changes_redo_what_depends_on_them(recipe: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    first = run(recipe, folder=folder)
    assert first.ran == ALL
    assert first.artifact == folder / "small.tflite" and first.report.is_file()
    before = first.artifact.read_bytes()
    assert run(recipe, folder=folder).ran == ()

    recipe.write_text(RECIPE.replace("runs = 5", "runs = 6"))
    assert run(recipe, folder=folder).ran == ("profile", "report")

    recipe.write_text(RECIPE.replace("samples = 12", "samples = 10"))
    assert run(recipe, folder=folder).ran == ("verify", "profile", "report")

    recipe.write_text(RECIPE)
    first.artifact.unlink()
    assert "verify" in run(recipe, folder=folder).ran
    assert first.artifact.read_bytes() == before


def test_damaged_output_is_made_again(recipe: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    run(recipe, folder=folder)
    whole = (folder / "quantized.tflite").read_bytes()
    (folder / "quantized.tflite").write_bytes(whole[:1000])
    assert run(recipe, folder=folder).ran == ("quantize",)  # the same bytes again: what follows is still right
    assert (folder / "quantized.tflite").read_bytes() == whole
    (folder / STATE).write_text("{ not json")
    assert run(recipe, folder=folder).ran == ALL


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT])
def test_stopped_anywhere_it_goes_on(recipe: Path, tmp_path: Path, stop: signal.Signals) -> None:
    folder = tmp_path / "out"
    command = [sys.executable, "-m", "edgecnn", "run", str(recipe), "-o", str(folder)]
    stopped_with: list[set[str]] = []
    for awaited in ("model.keras", "quantized.tflite"):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 120
        while not (folder / awaited).exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(stop)
        _, errors = process.communicate(timeout=60)
        assert "Traceback" not in errors
        stopped_with.append({path.name for path in folder.iterdir()})
    assert "small.tflite" not in stopped_with[0]
    result = run(recipe, folder=folder)
    assert "report" in result.ran and result.artifact.is_file()
    if stop == signal.SIGINT:
        assert not [path.name for path in folder.iterdir() if ".tmp" in path.name]
    reference = run(recipe, folder=tmp_path / "reference")
    assert result.artifact.read_bytes() == reference.artifact.read_bytes()


def test_bound_that_is_not_met_fails_after_the_work(recipe: Path, tmp_path: Path, picture_folder: Path) -> None:
    for number, name in enumerate(("ant", "bee")):  # the model has no labels: a class is an index
        (picture_folder / name).rename(picture_folder / str(number))
    text = RECIPE.replace("photos:test", str(picture_folder))
    recipe.write_text(text.replace("samples = 12", "samples = 6\nmax_drop = -100"))
    with pytest.raises(BoundNotMetError, match=r"top-1 drops by -?[\d.]+ \[.*\] points; expected at most -100"):
        run(recipe, folder=tmp_path / "out")
    assert (tmp_path / "out" / "report.html").is_file()


def test_golden_vectors_that_differ_fail_a_run_too(recipe: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    run(recipe, folder=folder)
    found = json.loads((folder / "verification.json").read_text())
    found["golden"]["same_answer"] -= 1
    (folder / "verification.json").write_text(json.dumps(found))
    context = Context(read(recipe)[0], "", folder, "small", silent)
    with pytest.raises(BoundNotMetError, match="golden vectors"):
        next(stage for stage in stages_of(context.recipe) if stage.name == "verify").check_bounds(context)


def test_bound_on_accuracy_without_labels_is_refused_before_any_stage(recipe: Path, tmp_path: Path) -> None:
    recipe.write_text(RECIPE.replace("samples = 12", "samples = 12\nmax_drop = 0.5"))
    with pytest.raises(RecipeError, match=r"verify\.max_drop is 0\.5, which needs labels, but photos:test has none"):
        run(recipe, folder=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("section", ["train", "prune", "qat", "quantize", "verify"])
def test_data_that_is_not_there_is_told_before_any_stage(recipe: Path, tmp_path: Path, section: str) -> None:
    keys = {"prune": 'method = "channels"\ndata = "none"', "quantize": 'calibration = "none"'}
    text = RECIPE.partition("[quantize]")[0]
    recipe.write_text(f"{text}[{section}]\n" + keys.get(section, 'data = "none"'))
    with pytest.raises(DataError, match="There is no data set 'none'"):
        run(recipe, folder=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_two_runs_in_one_folder_do_not_mix(recipe: Path, tmp_path: Path) -> None:
    import fcntl

    folder = tmp_path / "out"
    folder.mkdir()
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(EdgecnnError, match="Another run"):
            run(recipe, folder=folder)


def test_folder_that_cannot_be_written(recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = run_cli("run", recipe, "-o", tmp_path / "file" / "out")
    assert "Can't write" in check_clean_failure(done)


def test_recipe_faults_exit_with_2(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("[model]\nnme = 1\n")
    assert "model.nme: unknown key" in check_clean_failure(run_cli("run", tmp_path / "bad.toml"), status=2)


def test_one_thread_is_no_threads() -> None:
    from edgecnn.cli.run import _latency

    profile: Any = SimpleNamespace(device="local", emulated=False)
    for threads, name in ((1, "local, 1 thread"), (2, "local, 2 threads")):
        latency = SimpleNamespace(median=2.0, p95=3.0)
        measurement = SimpleNamespace(threads=threads, latency_ms=latency)
        row: Any = SimpleNamespace(measurement=measurement, noise=SimpleNamespace(too_noisy=False))
        assert _latency(row, profile)[0] == name
