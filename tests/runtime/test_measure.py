"""Measuring: the figures follow from the samples, and the timed steps are the three that count."""

from __future__ import annotations

import ast
import dataclasses
import io
import os
import statistics
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tiny_models

from edgecnn.camera import remote
from edgecnn.devices import zipapp
from edgecnn.runtime.errors import ModelFileError
from edgecnn.runtime.measure import latency as latency_module
from edgecnn.runtime.measure import samples as samples_module
from edgecnn.runtime.measure import system
from edgecnn.runtime.run.engine import Engine


def test_summary_agrees_with_numpy_and_the_standard_library():
    samples = list(np.random.default_rng(0).gamma(2.0, 3.0, 501))
    found = samples_module.summary(samples)
    assert found["median"] == pytest.approx(statistics.median(samples), abs=1e-4)
    assert found["std"] == pytest.approx(np.std(samples, ddof=1), abs=1e-4)
    for share in (90, 95, 99):
        assert found[f"p{share}"] == pytest.approx(np.percentile(samples, share), abs=1e-4)
    assert (found["min"], found["max"]) == (round(min(samples), 4), round(max(samples), 4))


def test_one_sample_and_none():
    assert samples_module.summary([2.0])["std"] == 0
    with pytest.raises(ModelFileError, match="at least one run"):
        samples_module.summary([])


@pytest.mark.parametrize("count", [0, 1, 1999, 2000, 2001, 54321])
def test_thinned_samples_keep_their_order_and_both_ends(count):
    kept = samples_module.thinned(list(range(count)))
    assert len(kept) == min(count, samples_module.MAX_SAMPLES)
    assert kept == sorted(set(kept))
    if count:
        assert kept[0] == 0 and kept[-1] >= count * 0.999 - 1


class RecordingDouble:
    """A double of an interpreter that writes down what it is asked to do."""

    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        return lambda *_: self.calls.append(name)


def test_a_run_is_set_invoke_get_and_nothing_else():
    engine = Engine(tiny_models.classifier())
    engine.interpreter = RecordingDouble()
    assert len(latency_module.timed_runs(engine, np.zeros(1), 3)) == 3
    assert engine.interpreter.calls == ["set_tensor", "invoke", "get_tensor"] * 3


def test_budget_ends_the_runs_but_not_before_five():
    engine = Engine(tiny_models.classifier())
    tensor = latency_module.test_tensor(engine)
    assert len(latency_module.timed_runs(engine, tensor, 10**9, budget_s=0.05)) >= latency_module.MIN_RUNS
    assert len(latency_module.timed_runs(engine, tensor, 10**9, budget_s=1e-9)) == latency_module.MIN_RUNS


def test_measurement_of_a_model():
    plan = latency_module.Plan(threads=1, runs=40, warmup=3)
    found, golden = latency_module.measure(tiny_models.classifier, plan)
    latency = found.latency_ms
    order = [getattr(latency, name) for name in ("min", "median", "p90", "p95", "p99", "max")]
    assert order == sorted(order)
    assert (found.runs, len(found.samples_ms), found.warmup_runs, found.threads) == (40, 40, 3, 1)
    assert found.throughput_fps == pytest.approx(1000 / statistics.fmean(found.samples_ms), rel=0.01)
    assert found.peak_rss_bytes > 10_000_000
    assert golden is not None and golden.to_dict() == {
        "count": 4, "identical": 4, "max_steps": 0, "max_difference": 0.0, "same_answer": 4, "passed": True,
    }  # fmt: skip


def test_a_file_without_vectors_has_no_answer_to_them():
    file = tiny_models.classifier()
    bare = dataclasses.replace(file, contract=file.contract.replace(golden=None))
    assert latency_module.measure(lambda: bare, latency_module.Plan(runs=1, warmup=0))[1] is None


def test_reading_the_file_counts(monkeypatch):
    """Its time in the start, its bytes in what the process grew by."""
    sizes = [1000]
    # The kernel may take pages of ours meanwhile.
    monkeypatch.setattr(latency_module.machine, "rss_bytes", lambda: sum(sizes))

    def read():
        time.sleep(0.05)
        sizes.append(500)
        return tiny_models.classifier()

    found, _ = latency_module.measure(read, latency_module.Plan(runs=1, warmup=0))
    assert found.read_ms >= 50
    assert found.model_rss_bytes == 500


def test_warmup_that_the_budget_cut_short_is_told():
    found, _ = latency_module.measure(tiny_models.classifier, latency_module.Plan(runs=1, warmup=10**9, budget_s=1e-9))
    assert found.warmup_runs == latency_module.MIN_RUNS


def machine(root: Path, monkeypatch, node: str = "", vcgencmd: str = "", alarm: str = "") -> Path:
    """A machine that tells of throttling in up to three ways."""
    place = f"sys/devices/platform/{node}/{node}:firmware/get_throttled"
    files = {place: "50005" if node else "", "sys/class/hwmon/hwmon1/in0_lcrit_alarm": alarm}
    files["sys/class/hwmon/hwmon1/name"] = "rpi_volt"
    for name, text in files.items():
        if text:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(f"{text}\n")
    (root / "bin").mkdir()
    if vcgencmd:
        (root / "bin/vcgencmd").write_text(f"#!/bin/sh\necho '{vcgencmd}'\n")
        (root / "bin/vcgencmd").chmod(0o755)
    monkeypatch.setenv("PATH", str(root / "bin"))
    return root


@pytest.mark.parametrize(
    ("told", "bits", "now", "since"),
    [
        ({"node": "soc"}, 0x50005, ["under-voltage", "throttled"], ["under-voltage", "throttled"]),
        ({"node": "soc@107c000000", "vcgencmd": "throttled=0x0", "alarm": "0"}, 0x50005,
         ["under-voltage", "throttled"], ["under-voltage", "throttled"]),
        ({"vcgencmd": "throttled=0xe0008", "alarm": "0"}, 0xE0008, ["soft temperature limit"],
         ["clock capped", "throttled", "soft temperature limit"]),
        ({"vcgencmd": "VCHI initialization failed", "alarm": "0"}, 0, [], None),
        ({"alarm": "1"}, 1, ["under-voltage"], None),
        ({}, None, [], None),
    ],
)  # fmt: skip
def test_throttling(tmp_path, monkeypatch, told, bits, now, since):
    """0x50005 is what a Pi with a bad power supply says; the firmware knows more than the kernel's voltage alarm."""
    found = system.conditions(machine(tmp_path, monkeypatch, **told))
    assert (found["throttled_bits"], found["throttled_now"], found["throttled_since_start"]) == (bits, now, since)


def test_runtime_needs_nothing_but_itself(tmp_path: Path):
    """The zipapp runs where no edgecnn is, and imports neither it nor anything that a board lacks."""
    (tmp_path / "runtime.pyz").write_bytes(zipapp.build())
    (tmp_path / "tiny.tflite").write_bytes(tiny_models.classifier().data)
    command = [sys.executable, "runtime.pyz", "measure", "--model=tiny.tflite", "--runs=2"]
    environment = {**os.environ, "PYTHONPROFILEIMPORTTIME": "1", "TMPDIR": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 0, done.stderr
    lines = [line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")]
    modules = {name.split(".")[0] for name in lines}
    assert {"edgecnn_runtime", "numpy", "ai_edge_litert"} <= modules, done.stderr
    assert not {"edgecnn", "click", "rich", "tensorflow", "cv2", "pydantic"} & modules


def test_zipapp_is_the_same_every_time():
    first = zipapp.build()
    zipapp.build.cache_clear()
    assert zipapp.build() == first


@pytest.mark.parametrize("archive", [zipapp.build, remote.archive])
def test_what_travels_is_python_3_9(archive):
    """By its syntax; and what only newer Pythons take as arguments of built-in classes is not used."""
    with zipfile.ZipFile(io.BytesIO(archive())) as zipped:
        sources = {name: zipped.read(name).decode() for name in zipped.namelist() if name.endswith(".py")}
    assert len(sources) > 20
    for name, source in sources.items():
        tree = ast.parse(source, name, feature_version=(3, 9))
        newer = {keyword.arg for node in ast.walk(tree) if isinstance(node, ast.Call) for keyword in node.keywords}
        assert not newer & {"strict", "slots", "kw_only"}, name
        annotated = any(isinstance(node, (ast.arg, ast.AnnAssign)) for node in ast.walk(tree))
        assert "from __future__ import annotations\n" in source or not annotated, name
