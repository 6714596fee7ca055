"""Profiles on this machine: records that add up, crashes that are messages, and no TensorFlow."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tiny_models
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from commands import check_clean_failure, run_cli
from edgetpu_graphs import options
from small_graphs import Graph

from edgecnn.core.errors import CrashError, EdgecnnError, UsageError
from edgecnn.devices import open_device
from edgecnn.graph import arena
from edgecnn.profiling import facts, profile, text
from edgecnn.runtime.model import model_file, tflite

# A delegate (a double) that kills the process that loads it.
_KILLER = """
#include <stdlib.h>
void* tflite_plugin_create_delegate(char** k, char** v, size_t n, void (*r)(const char*)) { abort(); }
void tflite_plugin_destroy_delegate(void* d) {}
"""


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.tflite"
    path.write_bytes(tiny_models.classifier().data)
    return path


def test_record(tiny):
    found = profile(tiny, threads=[1, 2], runs=30, warmup=2)
    values = json.loads(json.dumps(found.to_dict()))
    assert [row["threads"] for row in values["rows"]] == [1, 2]
    assert values["model"]["size_bytes"] == tiny.stat().st_size
    # 16x16 outputs of 8 filters over 3x3x3, then 10 over 8.
    assert values["model"]["macs"] == 16 * 16 * 8 * 27 + 16 * 16 * 10 * 8
    assert (values["device"], values["delegate"], values["emulated"]) == ("local", "cpu", False)
    assert values["golden"]["passed"]
    for row in values["rows"]:
        latency = row["latency_ms"]
        assert len(row["samples_ms"]) == row["runs"] == 30
        assert row["gmac_per_s"] == pytest.approx(values["model"]["macs"] / latency["median"] / 1e6, rel=0.01, abs=1e-3)
        assert row["median_interval_ms"][0] <= latency["median"] <= row["median_interval_ms"][1]
        parts_ms = values["import_ms"] + row["read_ms"] + row["init_ms"] + latency["first"]
        assert row["cold_start_ms"] == pytest.approx(parts_ms, abs=0.1)
        assert set(row["noise"]) == {"too_noisy", "reasons", "causes"}
    assert {"cpu", "cores", "governor", "runtime"} <= set(values["system"])
    assert "load_1min" in values["rows"][0]["before"]


def test_several_models_and_devices_make_one_table(tiny):
    with open_device() as device:
        found = [profile(tiny, device, runs=5), profile(tiny_models.classifier(16), device, threads=1, runs=5)]
    columns, rows = text.table(found)
    assert len(rows) == 2 and all(len(row) == len(columns) for row in rows)
    assert {row[columns.index("model")] for row in rows} == {"tiny", "tiny16"}
    assert "device" not in columns, "a column with one value only is left out"
    warned = any("on a Pi's ARM cores another model may be faster" in line for line in text.remarks(found))
    assert warned == (platform.machine() == "x86_64")


def test_crash_of_the_runtime_is_a_message(tiny, tmp_path):
    (tmp_path / "killer.c").write_text(_KILLER)
    library = tmp_path / "killer_double.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, tmp_path / "killer.c"], check=True)
    with pytest.raises(CrashError, match="SIGABRT"):
        profile(tiny, delegate=str(library), runs=1)


@pytest.mark.parametrize(
    "options", [{"runs": 0}, {"warmup": -1}, {"threads": 0}, {"threads": []}, {"threads": [1, 999]}]
)
def test_numbers_that_make_no_sense(tiny, options):
    with pytest.raises(UsageError, match="expected"):
        profile(tiny, **options)


def test_outputs_of_prepared_tensors_must_fit(tiny):
    with open_device() as device, pytest.raises(UsageError, match=r"expected int8 \[1, 32, 32, 3\]"):
        list(device.outputs(tiny_models.classifier(), [np.zeros((1, 32, 32, 3), np.float32)]))


def test_a_model_that_the_runtime_refuses(tmp_path):
    graph = Graph()
    picture = graph.tensor("picture", (1, 8, 8, 3))
    axes, mean = graph.tensor("axes", (2,), "i4", values=[1, 2]), graph.tensor("mean", (1, 3))
    graph.operator("MEAN", [picture, axes], [mean], options("Reducer"))
    (tmp_path / "odd.tflite").write_bytes(graph.build([picture], [graph.unary("FLOOR", "floor", mean)]))
    with pytest.raises(EdgecnnError):
        profile(tmp_path / "odd.tflite", runs=1)
    with open_device() as device, pytest.raises(EdgecnnError):
        list(device.outputs(model_file.read(tmp_path / "odd.tflite"), [np.zeros((1, 8, 8, 3), np.int8)]))
    file = model_file.read(tmp_path / "odd.tflite")
    for job in ("measure", "per_op"):
        with open_device() as device, pytest.raises(EdgecnnError, match=r"^odd\.tflite: "):
            device.run(job, [file, file])


@pytest.mark.parametrize("make", [lambda: tiny_models.graph(), lambda: tiny_models.graph(32), lambda: _branches()])
def test_planned_arena_is_what_the_interpreter_uses(make):
    """TFLite's own planner lays the activations out in the same number of bytes (no delegate, no scratch buffers)."""
    data = make()
    graph = tflite.parse(data).graph
    interpreter = Interpreter(
        model_content=data, experimental_op_resolver_type=OpResolverType.BUILTIN_REF, num_threads=1
    )
    interpreter.allocate_tensors()
    spans = []
    for number in sorted({n for op in graph.operators for n in [*op.inputs, *op.outputs] if n >= 0} | {*graph.inputs}):
        if not graph.tensors[number].is_constant:
            place = interpreter.tensor(number)().__array_interface__["data"][0]
            spans.append((place, place + graph.tensors[number].size_bytes))
    used = max(end for _, end in spans) - min(start for start, _ in spans)
    assert arena.planned_bytes(graph) == pytest.approx(used, abs=64)


def _branches() -> bytes:
    """Tensors of several sizes, some of which live long."""
    graph = Graph()
    picture = graph.tensor("picture", (1, 24, 24, 3))
    wide = graph.conv("wide", picture, 24)
    narrow = graph.conv("narrow", wide, 4, stride=2)
    again = graph.conv("again", narrow, 24, kernel=3)
    small = graph.conv("small", wide, 24, stride=2)
    total = graph.tensor("total", (1, 12, 12, 24))
    graph.operator("ADD", [again, small], [total], None, 2)
    return graph.build([picture], [total])


def test_facts_need_no_run():
    assert facts(tiny_models.classifier()).arena_bytes_estimated >= 16 * 16 * (8 + 10)


def test_command_writes_json_only(tiny):
    done = run_cli("profile", tiny, "--runs", "5", "--threads", "1,2", "--json", "-")
    assert done.returncode == 0, done.stderr
    assert [row["threads"] for row in json.loads(done.stdout)["profiles"][0]["rows"]] == [1, 2]


def test_command_shows_a_table(tiny):
    done = run_cli("profile", tiny, "--runs", "5", "--threads", "1")
    assert done.returncode == 0, done.stderr
    for word in (
        "median",
        "p99",
        "GMAC/s",
        "tiny",
        "governor",
        "load",
        "Golden vectors on local: all 4 outputs are identical",
    ):
        assert word in done.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("missing.tflite",), 1, "no file"),
        (("tiny.tflite", "--threads", "x"), 2, "1,2,4"),
        (("tiny.tflite", "--threads", "0"), 2, "from 1 to 256"),
        (("tiny.tflite", "--device", "ssh://a b"), 2, "Unknown device"),
        (
            ("tiny.tflite", "--device", "fax://pi"),
            2,
            "Unknown device 'fax'. Choose one of: adb, browser, local, phone, ssh",
        ),
        (("tiny.tflite", "--delegate", "warp"), 2, "Unknown delegate"),
        (("tiny.tflite", "--delegate", "/nowhere/libx.so"), 1, "libx.so"),
    ],
)
def test_what_a_user_can_do_wrong(tiny, arguments, status, words):
    assert words in check_clean_failure(run_cli("profile", *arguments, cwd=tiny.parent), status)


def test_profile_imports_no_tensorflow(tiny):
    code = (
        "import sys; from edgecnn.cli import cli\n"
        f"cli.main(['profile', {str(tiny)!r}, '--runs', '2', '--json', '-'], standalone_mode=False)\n"
        "assert not {'tensorflow', 'tf_keras', 'keras'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("signal_number", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_nothing_runs_on_after_an_interrupted_command(tiny, tmp_path, signal_number, status):
    """Ctrl-C reaches the whole process group, as from a terminal; kill -9 only the command."""
    command = [sys.executable, "-m", "edgecnn", "profile", tiny, "--runs", "1000000000", "--budget", "600"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               start_new_session=True, env=environment)  # fmt: skip
    deadline = time.monotonic() + 120
    while len(found := _descendants(process.pid)) < 3:  # supervisor, job, the child that measures
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)
    (os.killpg if signal_number == signal.SIGINT else os.kill)(process.pid, signal_number)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == status
    assert "Traceback" not in stderr
    while any(map(_is_alive, found)):
        assert time.monotonic() < deadline + 30, "it runs on"
        time.sleep(0.05)


def _descendants(pid: int) -> list[int]:
    try:
        children = [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
    return [*children, *(below for child in children for below in _descendants(child))]


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
