"""Calibrating: laws from operators of known prices, and the whole way on this machine."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from click.testing import CliRunner
from commands import check_clean_failure, run_cli

from edgecnn.cli import cli
from edgecnn.core.errors import UsageError
from edgecnn.devices import open_device
from edgecnn.estimation import known
from edgecnn.estimation.calibration import LEAST_SPREAD, Probed, calibrate, fitted
from edgecnn.estimation.probe_networks import NETWORKS, probes
from edgecnn.estimation.settings import EstimateSettings
from edgecnn.estimation.work import FORMATS, work_of
from edgecnn.graph import tflite_network
from edgecnn.runtime.model.model_file import AnyFile
from edgecnn.runtime.run.program import Program

PRICES = {"float32": 0.05, "int8": 0.02}


def price_ns(name: str, number_format: str) -> float:
    """Made up, but larger for what is rarer: products, elements and weights differ by decades."""
    unit = name.rpartition(".")[2]
    return PRICES[number_format] * {"macs": 1, "count": 4000, "positions": 80}.get(unit, 10)


def on_a_known_device(noise: float = 0.0) -> list[Probed]:
    """The probe networks as a device with those prices would time them."""
    draw, found = np.random.default_rng(0), []
    for number_format, file in probes():
        works = work_of(tflite_network.read(file.model, file.name))
        exact = [
            sum(price_ns(name, number_format) * amount for name, amount in work.amounts.items()) / 1e6 for work in works
        ]
        times = [ms * float(np.exp(noise * draw.normal())) for ms in exact]
        whole = sum(exact) * float(np.exp(0.1 * noise * draw.normal()))
        found.append(Probed(file.name, number_format, whole, tuple(zip(works, times))))
    return found


def test_known_prices_are_found_again():
    laws, checks = fitted(on_a_known_device())
    for number_format, law in laws.items():
        for probed in on_a_known_device():
            if probed.number_format == number_format:
                assert law.cost_ms(probed.amounts) + law.start_ms == pytest.approx(probed.whole_ms, rel=1e-3)
        assert law.prices_ns["gemm.macs"] == pytest.approx(PRICES[number_format], rel=0.02)
        assert law.prices_ns["LOGISTIC.elements"] == pytest.approx(10 * PRICES[number_format], rel=0.02)
        assert law.spread == LEAST_SPREAD
    assert len(checks) == 2 * len(NETWORKS)
    assert all(check.without_ms == pytest.approx(check.measured_ms, rel=0.05) for check in checks)


def test_noise_of_single_operators_averages_out():
    laws, _ = fitted(on_a_known_device(noise=0.2))
    for probed in on_a_known_device():
        law = laws[probed.number_format]
        assert law.cost_ms(probed.amounts) + law.start_ms == pytest.approx(probed.whole_ms, rel=0.1)


def test_the_interval_is_as_wide_as_networks_that_were_left_out_are_off():
    odd = [
        Probed(each.name, each.number_format, each.whole_ms * 2, tuple((work, ms * 2) for work, ms in each.works))
        if "separable" in each.name
        else each
        for each in on_a_known_device()
    ]
    laws, checks = fitted(odd)
    assert all(law.spread > 0.5 for law in laws.values())
    worst = max(max(each.without_ms / each.measured_ms, each.measured_ms / each.without_ms) for each in checks)
    assert max(law.spread for law in laws.values()) == pytest.approx(worst - 1, abs=0.01)


@pytest.mark.parametrize(("number_format", "file"), [pytest.param(*each, id=each[1].name) for each in probes()])
def test_every_probe_network_runs_and_all_of_its_work_has_a_name(number_format: str, file: AnyFile):
    program = Program(file, 1)
    answer = program.run(tuple(info.test_values() for info in program.inputs))
    assert np.isfinite(np.asarray(answer[0], float)).all() and np.std(np.asarray(answer[0], float)) > 0
    formats = {work.number_format for work in work_of(tflite_network.read(file.model, file.name))}
    assert formats == {number_format} and number_format in FORMATS


def test_a_device_is_calibrated_and_then_estimated_for(tmp_path, monkeypatch, tiny_int8):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with open_device("local") as device:
        found = calibrate(device, threads=1, networks=("gated", "separable"), budget_s=8.0)
    assert not found.failures and set(found.laws.laws) == {"float32", "int8"} and found.laws.threads == 1
    known.keep("local", found.laws)
    assert known.chosen(EstimateSettings(device="local")) == found.laws
    done = run_cli("estimate", "mobilenet_v1", "--width", "0.5", "--device", "local", "--json", "-")
    assert done.returncode == 0, done.stderr
    for each in json.loads(done.stdout)["estimates"]:
        low, high = each["interval_ms"]
        assert each["kind"] == "estimated" and 0 < low < each["latency_ms"] < high
        assert each["basis"]["runtime"] == found.laws.runtime and each["basis"]["threads"] == 1
    refused = run_cli("estimate", "resnet18", "--input-size", "64", "--device", "local")  # no pooling was probed
    assert refused.returncode == 1 and "no operator that was measured" in refused.stdout
    with_threads = run_cli("estimate", "mobilenet_v1", "--device", "local", "--threads", "3")
    assert "was not measured so" in check_clean_failure(with_threads, 2)


def test_another_calibration_with_the_same_threads_takes_the_place_of_the_first(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    laws = known.of_board("raspberry_pi_4")
    first = laws[0].__class__.from_dict({**laws[0].to_dict(), "threads": 1})
    for each in (first, laws[0], first):
        known.keep("a board/by address", each)
    assert [each.threads for each in known.of_device("a board/by address")] == [1, 4]
    assert known.path_of("a board/by address").parent == tmp_path / "edgecnn" / "laws"
    known.keep("a board/by address", first.__class__.from_dict({**first.to_dict(), "delegate": "/lib/npu.so"}))
    place = EstimateSettings(device="a board/by address")
    assert known.chosen(place).delegate == "cpu"
    assert known.chosen(dataclasses.replace(place, delegate="/lib/npu.so")).delegate == "/lib/npu.so"
    with pytest.raises(UsageError, match="1 threads"):
        known.chosen(dataclasses.replace(place, delegate="edgetpu"))


def test_a_removed_device_leaves_no_law(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    run_in_process = CliRunner().invoke
    assert run_in_process(cli, ["devices", "add", "pi4", "pi@pi4.local"]).exit_code == 0
    known.keep("pi4", known.of_board("raspberry_pi_4")[0])
    done = run_in_process(cli, ["devices", "remove", "pi4"])
    assert done.exit_code == 0 and "Removed pi4 and its calibration." in done.output
    assert not known.of_device("pi4") and not known.path_of("pi4").exists()


def test_a_name_that_is_given_to_another_board_leaves_no_law(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    added = lambda target: CliRunner().invoke(cli, ["devices", "add", "pi4", target])  # noqa: E731
    assert added("pi@old-board").exit_code == 0
    known.keep("pi4", known.of_board("raspberry_pi_4")[0])
    assert "before" not in added("pi@old-board").output and known.of_device("pi4")
    assert "pi4 was pi@old-board before. Its calibration, of another board, is forgotten" in added("pi@new").output
    assert not known.of_device("pi4")


def test_an_edge_tpu_is_refused_before_anything_is_sent():
    with open_device("local") as device, pytest.raises(UsageError, match="can't be timed apart"):
        calibrate(device, "edgetpu:usb")
