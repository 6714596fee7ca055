"""Non-negative least squares against the best of all subsets of columns, each solved without a constraint."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from edgecnn.estimation.nnls import nonnegative_least_squares


def best_of_all_subsets(matrix: np.ndarray, target: np.ndarray) -> float:
    """The smallest squared error that a non-negative solution reaches: it is the free solution of some subset."""
    least = float(target @ target)
    for count in range(1, matrix.shape[1] + 1):
        for columns in itertools.combinations(range(matrix.shape[1]), count):
            part = matrix[:, columns]
            solved = np.linalg.lstsq(part, target, rcond=None)[0]
            if (solved >= 0).all():
                least = min(least, float(((part @ solved - target) ** 2).sum()))
    return least


@pytest.mark.parametrize("seed", range(20))
def test_it_is_the_best_non_negative_solution(seed):
    draw = np.random.default_rng(seed)
    matrix, target = draw.normal(size=(12, 6)), draw.normal(size=12)
    found = nonnegative_least_squares(matrix, target)
    assert (found >= 0).all()
    assert ((matrix @ found - target) ** 2).sum() == pytest.approx(best_of_all_subsets(matrix, target), abs=1e-9)


def test_exact_coefficients_are_found_again():
    draw = np.random.default_rng(0)
    matrix, truth = draw.uniform(size=(30, 8)), np.array([0, 1, 2, 0, 0.5, 3, 0, 1e-3])
    np.testing.assert_allclose(nonnegative_least_squares(matrix, matrix @ truth), truth, atol=1e-8)


def test_what_only_negative_coefficients_could_explain_is_zero():
    assert nonnegative_least_squares(np.eye(3), -np.ones(3)).tolist() == [0, 0, 0]
