"""`edgecnn estimate`, and estimates beside what other commands show."""

from __future__ import annotations

import dataclasses
import json

import pytest
import tiny_models
from commands import check_clean_failure, run_cli

import edgecnn
from edgecnn.estimation import cross_check, graphs, known
from edgecnn.estimation.law import Law, Laws
from edgecnn.profiling import profile

BOARD = ("--board", "raspberry_pi_4")


def test_a_name_is_estimated_as_float_and_as_int8():
    done = run_cli("estimate", "mobilenet_v2", *BOARD, "--json", "-")
    assert done.returncode == 0, done.stderr
    float32, int8 = json.loads(done.stdout)["estimates"]
    assert (float32["number_format"], int8["number_format"]) == ("float32", "int8")
    # Measured: 62.41 and 23.04 ms (MLPerf Inference v2.0).
    assert float32["latency_ms"] == pytest.approx(62.41, rel=0.1) and int8["latency_ms"] == pytest.approx(
        23.04, rel=0.1
    )
    assert float32["basis"]["runtime"] == "TFLite 2.7.1 ruy" and float32["basis"]["threads"] == 4
    low, high = int8["energy_interval_mj"]
    assert low < int8["energy_mj"] < high and int8["energy_mj"] == pytest.approx(int8["latency_ms"] * 6.4, rel=0.05)
    assert edgecnn.estimate("mobilenet_v2", board="raspberry_pi_4")[1].to_dict() == int8


def test_the_word_estimated_and_what_it_rests_on_are_on_the_terminal():
    done = run_cli("estimate", "mobilenet_v2", *BOARD, "--runtime", "arm nn")
    assert done.stdout.startswith("Estimated, not measured")
    assert "Arm NN 21.11 on 4x Cortex-A72 1.8 GHz (MLPerf Inference" in done.stdout and "measurements" in done.stdout


def test_an_operator_that_nobody_measured_is_named():
    done = run_cli("estimate", "vit_tiny_16", "mobilenet_v2", *BOARD)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "BATCH_MATMUL is no operator that was measured" in done.stdout and "23." in done.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("mobilenet_v2",), 2, "Name a board or a device"),
        (("mobilenet_v2", *BOARD, "--device", "local"), 2, "Name a board or a device"),
        (
            ("mobilenet_v2", *BOARD, "--threads", "1"),
            2,
            "was not measured so. Its measurements: TFLite 2.7.1 ruy, delegate cpu, 4",
        ),
        (("mobilenet_v2", "--board", "raspberry_pi_3"), 1, "There are no measurements of raspberry_pi_3"),
        (("mobilenet_v9", *BOARD), 2, "mobilenet_v9"),
        (("nothing.tflite", *BOARD), 1, "nothing.tflite"),
        (("TINY", *BOARD, "--width", "0.5"), 2, "--width can't be used with the file"),
    ],
)
def test_what_cannot_be_estimated_is_one_sentence(arguments, status, said, tmp_path):
    path = tmp_path / "tiny.tflite"
    path.write_bytes(tiny_models.classifier().data)
    done = run_cli("estimate", *(str(path) if each == "TINY" else each for each in arguments))
    assert said in check_clean_failure(done, status)


def test_models_have_a_column_that_says_estimated():
    done = run_cli("models", "mobilenet_v2", *BOARD)
    assert "estimated float32" in done.stdout and "23.7 ms" in done.stdout
    rows = json.loads(run_cli("models", "mobilenet_v2", *BOARD, "--json", "-").stdout)
    assert [each["kind"] for each in rows[0]["estimates"]] == ["estimated", "estimated"]
    assert "estimates" not in json.loads(run_cli("models", "mobilenet_v2", "--json", "-").stdout)[0]


def test_inspect_and_report_show_estimates_marked_as_such(tmp_path):
    path, page = tmp_path / "tiny.tflite", tmp_path / "tiny.html"
    path.write_bytes(tiny_models.classifier(64).data)
    values = json.loads(run_cli("inspect", path, *BOARD, "--json", "-").stdout)
    assert values["estimates"][0]["device"] == "raspberry_pi_4"
    assert "Estimated, not measured" in run_cli("inspect", path, *BOARD).stdout
    assert run_cli("report", path, "-o", page, *BOARD).returncode == 0
    assert "Speed, estimated and not measured" in page.read_text()
    assert run_cli("report", path, "-o", page).returncode == 0
    assert "not measured" not in page.read_text()


def laws_that_say(ms: float, spread: float) -> Laws:
    file = tiny_models.classifier()
    (amounts,) = graphs.of_file(file).values()
    nothing = dict.fromkeys(amounts, 0.0)
    law = Law(ms, nothing, nothing, ms, ms, spread, 10)
    return Laws("local", "some processor", "some runtime", "cpu", 1, "calibrated by a test", {"int8": law})


def test_a_measurement_outside_of_its_estimate_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    file = tiny_models.classifier()
    found = profile(file, "local", threads=1, runs=20, warmup=3)
    quiet = dataclasses.replace(found.rows[0].noise, too_noisy=False, reasons=(), causes=())
    found = dataclasses.replace(found, rows=(dataclasses.replace(found.rows[0], noise=quiet),))
    median = found.rows[0].measurement.latency_ms.median
    assert list(cross_check.remarks(found, file, "local")) == []  # nothing is known of this machine
    known.keep("local", laws_that_say(median * 1.1, 0.2))
    assert list(cross_check.remarks(found, file, "local")) == []
    known.keep("local", laws_that_say(median * 2, 0.2))
    (remark,) = cross_check.remarks(found, file, "local")
    assert "outside the interval of the estimate" in remark and "some runtime (calibrated by a test)" in remark
    noisy = dataclasses.replace(quiet, too_noisy=True)
    found = dataclasses.replace(found, rows=(dataclasses.replace(found.rows[0], noise=noisy),))
    assert list(cross_check.remarks(found, file, "local")) == []
