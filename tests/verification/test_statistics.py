"""Intervals against published values and against simulation."""

from __future__ import annotations

import numpy as np
import pytest

from edgecnn.core.statistics import in_top, paired_drop, share, sqnr_db


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    # Newcombe 1998, Statistics in Medicine 17:857, table I, method 3 (score, no continuity correction)
    [(81, 263, 25.53, 36.62), (15, 148, 6.24, 16.05), (0, 20, 0.0, 16.11), (1, 29, 0.61, 17.18)],
)
def test_wilson_interval_equals_newcombes_table(count: int, total: int, low: float, high: float) -> None:
    found = share(count, total)
    assert (found.low_percent, found.high_percent) == pytest.approx((low, high), abs=0.01)
    assert found.percent == pytest.approx(100 * count / total, abs=1e-3)


def test_paired_interval_covers_the_true_difference() -> None:
    random = np.random.default_rng(0)
    covered = 0
    for _ in range(400):
        before = random.random(300) < 0.8
        after = np.where(random.random(300) < 0.05, ~before, before)
        truth = 100 * (0.8 - (0.8 * 0.95 + 0.2 * 0.05))
        found = paired_drop(before, after)
        covered += found.low_percent <= truth <= found.high_percent
    assert 0.92 <= covered / 400 <= 0.99


def test_signal_to_noise_of_a_known_error() -> None:
    reference = np.ones((5, 10), np.float32)
    assert sqnr_db(reference, reference * 1.1) == pytest.approx(20, abs=0.01)
    assert sqnr_db(reference, reference) == 120
    assert sqnr_db(reference.ravel(), reference.ravel() * 0.99) == pytest.approx(40, abs=0.01)
    assert np.isfinite(sqnr_db(np.zeros(10), np.ones(10)))


def test_top_k_breaks_ties_toward_the_lower_index() -> None:
    scores = np.array([[1.0, 1.0, 0.0], [0.0, 2.0, 2.0]])
    assert in_top(scores, np.array([0, 2]), 1).tolist() == [True, False]
    assert in_top(scores, np.array([1, 2]), 2).tolist() == [True, True]
