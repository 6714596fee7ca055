"""What a law says, and what it refuses to say."""

from __future__ import annotations

import pytest

from edgecnn.estimation.estimating import of_totals
from edgecnn.estimation.law import Law, Laws, NotEstimatedError, Power
from edgecnn.estimation.record import Estimate
from edgecnn.estimation.text import rows, sentences

FLOAT = Law(
    start_ms=1.0,
    prices_ns={"gemm.macs": 0.1, "ADD.elements": 2.0, "operator.count": 0.0},
    largest={"gemm.macs": 5e8, "ADD.elements": 1e6, "operator.count": 60},
    least_ms=4.0,
    most_ms=80.0,
    spread=0.25,
    measurements=24,
    power=Power(6.0, 5.4, 6.6),
)
INT8 = Law(0.25, {"gemm.macs": 0.05}, {"gemm.macs": 5e8}, 2.0, 30.0, 0.1, 20)
LAWS = Laws("board", "4x Core", "TFLite 9", "cpu", 4, "Somebody", {"float32": FLOAT, "int8": INT8}, ("Note.",))


def test_probabilities_of_a_few_classes_cost_nothing_worth_a_refusal():
    amounts = {"gemm.macs": 1e8, "SOFTMAX.elements": 2002.0}
    made = of_totals("model", "float32", {"float32": amounts}, LAWS)
    without = of_totals("model", "float32", {"float32": {"gemm.macs": 1e8}}, LAWS)
    assert made.latency_ms == without.latency_ms and made.left_out == ("SOFTMAX",) and not without.left_out
    inside = of_totals("model", "float32", {"float32": {**amounts, "SOFTMAX.elements": 1e6}}, LAWS)
    assert inside.refusal == "SOFTMAX is no operator that was measured."


def test_prices_times_amounts_and_the_start():
    found = LAWS.predict({"float32": {"gemm.macs": 1e8, "ADD.elements": 1e6, "operator.count": 30}})
    assert found.latency_ms == pytest.approx(1.0 + 10.0 + 2.0)
    assert found.interval_ms == pytest.approx((13 / 1.25, 13 * 1.25)) and found.measurements == 24


def test_energy_is_power_times_latency_with_both_errors():
    energy, least, most = LAWS.predict({"float32": {"gemm.macs": 1e8}}).energy_mj
    assert energy == pytest.approx(11 * 6.0)
    assert least == pytest.approx(energy * (1 - (0.2**2 + 0.1**2) ** 0.5))
    assert most == pytest.approx(energy * (1 + (0.25**2 + 0.1**2) ** 0.5))
    assert LAWS.predict({"int8": {"gemm.macs": 1e8}}).energy_mj is None  # nobody measured it


def test_mixed_precision_adds_both_formats_up_and_takes_the_wider_interval():
    found = LAWS.predict({"float32": {"gemm.macs": 1e8}, "int8": {"gemm.macs": 1e8}})
    assert found.latency_ms == pytest.approx(1.0 + 10.0 + 5.0) and found.spread == 0.25 and found.measurements == 44


@pytest.mark.parametrize(
    ("totals", "said"),
    [
        ({"float32": {"LOGISTIC.elements": 10.0}}, "LOGISTIC is no operator that was measured"),
        ({"int16": {"gemm.macs": 1e8}}, "Models with int16 operators were not measured"),
        ({"float32": {"gemm.macs": 2.1e9}}, "CONV_2D has 4 times as much to do"),
        ({"int8": {"gemm.macs": 1e3}}, "far from those that were measured, 2 to 30 ms"),
        ({"float32": {"depthwise 7x7.macs": 1e6}}, "DEPTHWISE_CONV_2D 7x7 is no operator that was measured"),
        ({}, "It has no operator"),
    ],
)
def test_what_was_not_measured_is_refused_by_name(totals, said):
    with pytest.raises(NotEstimatedError, match=said):
        LAWS.predict(totals)
    refused = of_totals("model", "float32", totals, LAWS)
    assert said in refused.refusal and refused.latency_ms is None and refused.fps is None
    assert refused.kind == "not estimated" and rows([refused])[0][2] == "not estimated"
    assert any(said in line for line in sentences([refused]))


def test_a_small_part_far_outside_is_no_reason_to_refuse():
    assert LAWS.predict({"float32": {"gemm.macs": 4e8, "ADD.elements": 4.5e6}}).latency_ms == pytest.approx(50.0)


def test_an_estimate_is_read_back_from_its_json():
    made = of_totals("model", "float32", {"float32": {"gemm.macs": 1e8}}, LAWS)
    assert Estimate.from_dict(made.to_dict()) == made
    assert made.to_dict()["kind"] == "estimated" and made.fps == pytest.approx(1000 / 11, rel=1e-3)
    assert made.fps_interval == pytest.approx((1000 / 13.75, 1000 / 8.8), rel=1e-3)


def test_what_an_estimate_rests_on_is_said_once():
    made = [of_totals(name, "float32", {"float32": {"gemm.macs": 1e8}}, LAWS) for name in ("a", "b")]
    made.append(of_totals("a", "int8", {"int8": {"gemm.macs": 1e8}}, LAWS))
    assert sentences(made) == [
        "Estimated for board, 4 threads: TFLite 9 on 4x Core (Somebody); float32 from 24 measurements, int8 from 20 "
        "measurements.",
        "Note.",
    ]
