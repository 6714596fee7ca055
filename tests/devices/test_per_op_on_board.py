"""Operators timed one by one on a board: the same path as for the whole model."""

from __future__ import annotations

import tiny_models

from edgecnn.graph.cost import total_macs
from edgecnn.profiling import per_op


def test_every_operator_is_timed_there_and_held_against_no_real_limits(pi, reach):
    file = tiny_models.classifier()
    with reach(pi) as device:
        result = per_op.measure(file, device, threads=1, runs=10, warmup=1, budget=20.0)
    assert [row.type for row in result.operators] == [operator.name for operator in file.model.graph.operators]
    assert all(row.latency_ms is not None for row in result.operators)
    assert sum(row.cost.macs for row in result.operators) == total_macs(file.model.graph)
    assert result.system["machine"] == "aarch64" and result.system["emulated"]
    assert result.peaks is None and result.bound is None and all(row.bound is None for row in result.operators)
    assert any("EMULATED" in line for line in result.remarks)
