"""Calibrating a board over ssh: the same path as for profiling."""

from __future__ import annotations

import pytest
from commands import check_clean_failure, run_cli

from edgecnn.core.errors import EdgecnnError
from edgecnn.estimation.calibration import calibrate
from edgecnn.estimation.probe_graph import ProbeGraph
from edgecnn.estimation.probe_networks import NETWORKS


def tiny(graph: ProbeGraph) -> int:
    """Three operators: emulated, each run of a real probe network would take a second."""
    return graph.dense(graph.mean(graph.conv(graph.conv(graph.image(32), 8, 3, 2), 16)), 10)


def test_a_board_is_probed_with_the_runtime_that_it_has(pi, reach, monkeypatch):
    monkeypatch.setitem(NETWORKS, "tiny", tiny)
    with reach(pi) as device:
        found = calibrate(device, threads=1, networks=("tiny",), budget_s=4.0)
    assert {check.network for check in found.checks} == {"probe tiny float32", "probe tiny int8"}
    assert "2.3.0" in found.laws.runtime and found.laws.threads == 1 and "Raspberry Pi 4" in found.laws.processor
    assert any("EMULATED" in note for note in found.laws.notes)
    for law in found.laws.laws.values():
        assert law.measurements == 5 and max(law.prices_ns.values()) > 0 and law.spread >= 0.15


def test_a_board_that_lacks_the_runtime_is_told_so_once(bare_pi, reach):
    with reach(bare_pi) as device, pytest.raises(EdgecnnError, match="devices check"):
        calibrate(device, networks=("gated",))


def test_a_device_that_is_not_calibrated_is_named_with_the_remedy():
    done = run_cli("estimate", "mobilenet_v2", "--device", "nowhere")
    assert "edgecnn devices calibrate nowhere" in check_clean_failure(done)
