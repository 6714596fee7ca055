"""A board computes what this machine computes, and says what it is."""

from __future__ import annotations

import json
from pathlib import Path

import fake_pi
import numpy as np
import pytest
import tiny_models
from commands import run_cli
from requirements import CORAL, needs_shared

from edgecnn import artifact
from edgecnn.data import open_data
from edgecnn.devices import open_device
from edgecnn.profiling import profile, text
from edgecnn.runtime.model import model_file
from edgecnn.runtime.run import golden
from edgecnn.runtime.run.engine import Engine
from edgecnn.verification import verify


def coral() -> model_file.ModelFile:
    """Coral's small MobileNet with golden vectors that were made on this machine."""
    file = model_file.read(CORAL / "mobilenet_v1_0.25_128_quant.tflite")
    contract = file.contract.replace(golden=golden.make(Engine(file, threads=1)))
    return model_file.from_bytes(artifact.seal(file.data, contract), file.name)


@pytest.mark.parametrize("make", [tiny_models.classifier, pytest.param(coral, marks=needs_shared)])
def test_golden_vectors(each_pi, reach, make):
    """Bit by bit the same on a Cortex-A72 and A76; on an A53 within 6 steps."""
    result = profile(make(), reach(each_pi), runs=5, warmup=0, threads=2)
    assert result.golden.count == golden.COUNT
    assert result.golden.same_answer == golden.COUNT
    if each_pi.cpu == "cortex-a53":
        assert result.golden.max_steps <= 7  # measured: 6 before uint8 models by others got the raw image, 7 since
    else:
        assert result.golden.identical == golden.COUNT
    assert fake_pi.BOARDS[each_pi.cpu].model in result.system["board"]
    assert result.system["machine"] == "aarch64"
    before = result.rows[0].measurement.before
    assert (before["temperature_c"], before["throttled_bits"]) == (48.312, 0)


def test_golden_vectors_that_differ_are_seen(pi, reach):
    """The same board with vectors of another model: the replay must not pass."""
    file = tiny_models.classifier()
    other = tiny_models.classifier(16).contract.golden
    wrong = model_file.from_bytes(
        artifact.seal(tiny_models.graph(), file.contract.replace(golden=other)), "wrong.tflite"
    )
    result = profile(wrong, reach(pi), runs=5, warmup=0)
    assert result.golden.identical < golden.COUNT
    assert any("Golden vectors on fake-pi: 0 of 4 identical" in line for line in text.remarks([result]))


def test_times_are_marked_emulated(pi, reach):
    result = profile(tiny_models.classifier(), reach(pi), runs=5, warmup=1, threads=[1, 2])
    assert result.emulated and result.to_dict()["emulated"] is True
    _, rows = text.table([result])
    assert len(rows) == 2
    assert all("emulated" in row for row in rows)
    marked = "EMULATED: these latencies are not representative of a real board"
    assert any(marked in line for line in text.remarks([result]))


def test_command_puts_devices_side_by_side(pi, reach, tmp_path):
    reach(pi)
    path = tmp_path / "tiny.tflite"
    path.write_bytes(tiny_models.classifier().data)
    words = ("profile", path, "--device", "local", "--device", "fake-pi", "--runs", "5", "--threads", "1")
    done = run_cli(*words, "--json", tmp_path / "found.json")
    assert done.returncode == 0, done.stderr
    rows = [words[0] for words in map(str.split, done.stdout.splitlines()) if len(words) > 10 and words[1] != "threads"]
    assert [word for word in rows if word in ("local", "emulated:")] == ["local", "emulated:"]
    profiles = json.loads((tmp_path / "found.json").read_text())["profiles"]
    assert [entry["emulated"] for entry in profiles] == [False, True]


def test_one_board_that_is_off_does_not_spoil_the_others(config, tmp_path):
    path = tmp_path / "tiny.tflite"
    path.write_bytes(tiny_models.classifier().data)
    words = ("profile", path, "--device", "ssh://127.0.0.1:9", "--device", "local", "--runs", "2", "--json", "-")
    done = run_cli(*words)
    assert done.returncode == 1
    assert "runs no ssh server" in done.stderr
    assert [entry["device"] for entry in json.loads(done.stdout)["profiles"]] == ["local"]


def test_this_machine_is_not_emulated():
    with open_device() as device:
        assert device.run("info")["system"]["emulated"] is False


def test_prepared_tensors_in_batches(pi, reach, monkeypatch):
    """Outputs come back in order, over several frames, and are the host's own."""
    from edgecnn.devices import model_session

    file = tiny_models.classifier()
    monkeypatch.setattr(model_session, "FRAME_BYTES", 5 * 32 * 32 * 3)
    tensors = [np.random.default_rng(seed).integers(-128, 128, (1, 32, 32, 3), np.int8) for seed in range(23)]
    engine = Engine(file)
    got = list(reach(pi).outputs(file, iter(tensors)))
    assert [output.tobytes() for output in got] == [engine.invoke(tensor).tobytes() for tensor in tensors]


def test_runtime_and_model_are_copied_once(spare_pi, reach):
    device, file = reach(spare_pi), tiny_models.classifier()
    device.run("info", [file])
    cache = spare_pi.home / ".cache/edgecnn"
    before = {path.name: path.stat().st_ino for path in cache.iterdir()}
    assert {Path(name).suffix for name in before} == {".pyz", ".tflite"}
    assert cache.stat().st_mode & 0o777 == 0o700
    device.run("info", [file])
    assert {path.name: path.stat().st_ino for path in cache.iterdir()} == before


def test_verify_on_the_board(pi, reach, tmp_path):
    """Accuracy and golden vectors by what the board answers: a board that runs another model is found out."""
    reach(pi)
    path = tmp_path / "tiny.tflite"
    path.write_bytes(tiny_models.classifier().data)
    words = (
        "verify",
        path,
        "--against",
        path,
        "--data",
        "photos",
        "--samples",
        "6",
        "--device",
        "fake-pi",
        "--json",
        "-",
    )
    done = run_cli(*words)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["device"].startswith("fake-pi (Raspberry Pi 4") and "emulated" in found["device"]
    assert found["pictures"] == 6 and found["agreement"]["percent"] == 100
    assert found["golden"]["identical"] == golden.COUNT


def test_verify_uses_what_the_device_answers(tmp_path):
    """The same through the API, with a device that runs another model than it should."""
    file, other = tiny_models.classifier(), tiny_models.classifier(16)
    path = tmp_path / "tiny.tflite"
    path.write_bytes(file.data)
    with open_device() as device, device.session(other) as session:
        found = verify(file, path, open_data("photos").sample(6), device="wrong", runner=session)
    assert found.golden.identical == 0
    assert found.snr_db < 20


def test_session_answers_call_after_call():
    file = tiny_models.classifier()
    tensor = np.full((1, 32, 32, 3), 7, np.int8)
    expected = Engine(file).invoke(tensor).tobytes()
    with open_device() as device, device.session(file, threads=1) as session:
        assert session.threads == 1
        for count in (1, 0, 3):
            assert [output.tobytes() for output in session([tensor] * count)] == [expected] * count
