"""Temperature, expected calibration error and risk-coverage curve against independent ones."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from scipy.special import softmax as reference_softmax

from edgecnn.open_set.temperature import fitted_temperature, negative_log_likelihood
from edgecnn.runtime.model.contract import Contract, Preprocessing
from edgecnn.runtime.model.rejection import Rejection
from edgecnn.tasks.confidence import Confidence, confidence, expected_calibration_error, risk_by_coverage


def drawn(temperature: float, images: int = 4000, classes: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """Logits whose true classes are drawn from their softmax at a temperature."""
    random = np.random.default_rng(0)
    logits = random.normal(0, 4, (images, classes)).astype(np.float32)
    chances = reference_softmax(logits / temperature, axis=1).cumsum(axis=1)
    return logits, (random.random((images, 1)) > chances).sum(axis=1).clip(0, classes - 1)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5, 6.0])
def test_the_temperature_of_the_truth_is_found(temperature: float) -> None:
    logits, truths = drawn(temperature)
    found = fitted_temperature(logits, truths)
    assert found == pytest.approx(temperature, rel=0.08)

    def reference(inverse: float) -> float:
        return -log_softmax(logits.astype(float) * inverse, axis=1)[np.arange(len(truths)), truths].mean()

    assert found == pytest.approx(1 / minimize_scalar(reference, bounds=(0.05, 20), method="bounded").x, rel=1e-3)
    assert negative_log_likelihood(logits, truths, found) == pytest.approx(reference(1 / found))


def test_nothing_is_fitted_where_hardly_an_answer_is_wrong() -> None:
    logits = np.eye(5, dtype=np.float32)[np.arange(200) % 5]
    truths = np.arange(200) % 5
    assert fitted_temperature(logits, truths) is None
    truths[:4] += 1
    assert fitted_temperature(logits, truths % 5) is None
    truths[4] += 1
    assert fitted_temperature(logits, truths % 5) is not None


def test_calibration_error_by_hand() -> None:
    best = np.array([0.96, 0.98, 0.5, 0.5, 0.5, 0.34])
    right = np.array([True, True, True, False, False, False])
    # bins of 1/15: {0.96, 0.98} right 1, mean 0.97; {0.5 x 3} right 1/3; {0.34} right 0
    expected = (2 * abs(1 - 0.97) + 3 * abs(1 / 3 - 0.5) + 0.34) / 6
    assert expected_calibration_error(best, right) == pytest.approx(expected)
    assert expected_calibration_error(np.array([0.0, 1.0]), np.array([False, True])) == 0


def test_risk_by_coverage_by_hand() -> None:
    ranking, right = np.array([0.2, 0.9, 0.7, 0.4]), np.array([False, True, False, True])
    assert risk_by_coverage(ranking, right).tolist() == [0, 1 / 2, 1 / 3, 1 / 2]
    # the order of equals decides nothing: both halves of a wrong answer
    tied = np.array([0.9, 0.7, 0.7])
    for order in ([True, False, True], [True, True, False]):
        assert risk_by_coverage(tied, np.array(order)) == pytest.approx([0, 0.25, 1 / 3])


def test_the_record_has_both_errors_and_is_read_again() -> None:
    logits, truths = drawn(3.0, 500)
    contract, right = Contract(Preprocessing(32, 32)), logits.argmax(axis=1) == truths
    plain = confidence(logits, right, contract)
    scaled = confidence(logits, right, contract.replace(rejection=Rejection("max_logit", 1.0, 3.0)))
    assert plain.ece_without_temperature_percent is None and plain.ranked_by == "probability"
    assert scaled.ece_without_temperature_percent == plain.ece_percent > 10 > scaled.ece_percent
    assert (scaled.ranked_by, scaled.temperature, len(scaled.coverage)) == ("max_logit", 3.0, 50)
    assert scaled.coverage[-1] == 1 and scaled.risk[-1] == pytest.approx(1 - right.mean(), abs=1e-6)
    assert Confidence.from_dict(scaled.to_dict()) == scaled and Confidence.from_dict(plain.to_dict()) == plain
    assert len(confidence(logits[:3], right[:3], contract).coverage) == 3
