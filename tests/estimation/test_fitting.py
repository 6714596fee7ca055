"""Fitting laws to synthetic boards whose true prices are known, and to published measurements."""

from __future__ import annotations

import csv
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from requirements import WITHOUT_SHARED

from edgecnn.estimation import graphs
from edgecnn.models import catalog

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

from law_fitting import (
    COLUMNS,
    Column,
    Fitter,
    Observation,
    Strength,
    spread,
    without_families,
    without_thirds,
)

TRUE = {"gemm.macs": 0.1, "gemm.inputs": 1.5, "ADD.elements": 0.8}
COLUMNS_OF_THREE = (
    Column("start", {}, 1e5, 0.05),
    Column("multiply", {"gemm.macs": 1.0}, 1.0),
    Column("read", {"gemm.inputs": 1.0}, 4.0),
    Column("elements", {"*.elements": 1.0}, 4.0),
)


def synthetic(noise: float = 0.0, start_ms: float = 0.4, factors: tuple[float, ...] = (1.0, 2.5)) -> list[Observation]:
    """Models on boards that differ by a factor; times are exact but for the noise."""
    draw, found = np.random.default_rng(0), []
    for number in range(24):
        macs = float(10 ** draw.uniform(7, 9))
        amounts = {
            "gemm.macs": macs,
            "gemm.inputs": macs / draw.uniform(20, 100),
            "ADD.elements": macs / draw.uniform(50, 500),
        }
        exact = start_ms + sum(TRUE[name] * amount for name, amount in amounts.items()) / 1e6
        for board, factor in enumerate(factors):
            ms = exact * factor * float(np.exp(noise * draw.normal()))
            found.append(
                Observation(f"board {board}", f"model {number}", f"family {number % 4}", amounts, ms, 5.0 + board)
            )
    return found


@pytest.mark.parametrize("factor", [1.0, 2.5])
def test_true_prices_are_found_again(factor):
    pool = synthetic()
    group = "board 0" if factor == 1.0 else "board 1"
    law = Fitter(COLUMNS_OF_THREE, pool, Strength(1e-9, 1e-9)).law(group, 0.1)
    for name, price in TRUE.items():
        assert law.prices_ns[name] == pytest.approx(price * factor, rel=0.001)
    assert law.start_ms == pytest.approx(0.4 * factor, rel=0.001) and law.measurements == 24
    assert law.power.watts == (5.0 if factor == 1.0 else 6.0)


def test_models_that_a_fit_did_not_see_are_predicted_within_the_noise():
    pool = synthetic(noise=0.05)
    fitter = Fitter(COLUMNS_OF_THREE, pool)
    left = np.abs(list(without_families(fitter, "board 0", pool).values()))
    assert len(left) == 24 and np.median(left) < 0.06
    assert np.mean(np.abs(without_thirds(fitter, "board 0", pool)) < 0.2) > 0.95


def test_what_is_held_out_is_seen_neither_by_the_fit_nor_by_its_prior():
    pool = synthetic()
    spoiled = [
        Observation(each.group, each.model, each.family, each.amounts, each.latency_ms * 100)
        if each.family == "family 1"
        else each
        for each in pool
    ]
    prices = [
        Fitter(COLUMNS_OF_THREE, each).prices("board 0", lambda one: one.family == "family 1")
        for each in (pool, spoiled)
    ]
    np.testing.assert_allclose(*prices)


def test_the_spread_holds_nine_of_ten():
    errors = np.random.default_rng(0).normal(scale=0.1, size=1000)
    found = spread(errors.tolist())
    inside = [1 / (1 + found) <= 1 / (1 + error) <= 1 + found for error in errors]
    assert 0.9 <= np.mean(inside) <= 0.91


def test_an_operator_that_costs_nothing_measurable_is_priced_zero_and_known():
    pool = [
        Observation(e.group, e.model, e.family, {**e.amounts, "gemm.weights over 1M": 3.0}, e.latency_ms)
        for e in synthetic()
    ]
    assert Fitter(COLUMNS_OF_THREE, pool).law("board 0", 0.1).prices_ns["gemm.weights over 1M"] == 0.0


TABLE = Path(os.environ.get("EDGECNN_SHARED", "/nowhere")) / "reference" / "boards_measured.csv"
PI4 = "raspberry_pi_4 4x Cortex-A72 1.8 GHz TFLite 2.7.1 ruy"
A76 = "rk3588s 4x Cortex-A76 2.4 GHz + 4x A55 (the Pi 5 has 4x A76 2.4 GHz) TFLite 2.11 ruy"
needs_table = pytest.mark.skipif(not TABLE.exists(), reason=WITHOUT_SHARED)


def published(number_format: str) -> list[Observation]:
    with TABLE.open(newline="") as stream:
        table = [row for row in csv.DictReader(stream) if row["dtype"] == number_format and "orin" not in row["board"]]
    known = json.loads(Path(graphs.__file__).with_name("amounts.json").read_text())
    found = []
    for row in table:
        key = graphs.key(row["model"], float(row["width"]), int(row["input_size"]))
        group = f"{row['board']} {row['processor']} {row['runtime']}"
        found.append(Observation(group, key, catalog.family(row["model"]), known[key], float(row["median_ms"])))
    return found


@needs_table
@pytest.mark.parametrize("number_format", sorted(COLUMNS))
def test_a_family_that_was_left_out_on_a_pi_4(number_format):
    pool = published(number_format)
    errors = np.abs(list(without_families(Fitter(COLUMNS[number_format], pool), PI4, pool).values()))
    assert len(errors) >= 20 and np.median(errors) <= 0.08 and errors.max() <= 0.20


@needs_table
@pytest.mark.parametrize("number_format", sorted(COLUMNS))
def test_a_random_third_that_was_left_out_on_a_pi_4(number_format):
    pool = published(number_format)
    errors = np.abs(without_thirds(Fitter(COLUMNS[number_format], pool), PI4, pool))
    assert np.median(errors) <= 0.04 and np.mean(errors <= 0.10) >= 0.90


@needs_table
@pytest.mark.parametrize("number_format", sorted(COLUMNS))
def test_a_random_third_that_was_left_out_on_a_cortex_a76(number_format):
    pool = published(number_format)
    errors = np.abs(without_thirds(Fitter(COLUMNS[number_format], pool), A76, pool))
    assert np.median(errors) <= 0.08 and np.mean(errors <= 0.20) >= 0.90
