"""How far a classifier's probabilities can be trusted, and what rejecting its least sure answers gains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from edgecnn.runtime.model.contract import Contract
from edgecnn.runtime.model.rejection import PROBABILITY, Percent
from edgecnn.runtime.model.validation import Range, Record
from edgecnn.runtime.tasks.classification import probabilities, score

BINS = 15
_POINTS = 50  # of the curve
_Share = Annotated[float, Range(0, 1)]


@dataclass(frozen=True)
class Confidence(Record):
    """How far a classifier's probabilities can be trusted, on labeled images.

    Attributes:
        ece_percent: expected calibration error (Naeini et al. 2015; Guo et al. 2017) over 15 bins of equal width: how
            far the probability of the best class is from the share of right answers, in percentage points.
        ece_without_temperature_percent: the same at temperature 1; None where the contract has no temperature.
        temperature: of the contract.
        ranked_by: what ranks the images of the curve: the score of the contract's rejection, or the probability.
        aurc: area under the risk-coverage curve (Geifman et al. 2019), 0 to 1; smaller is better.
        coverage: shares of the images that are answered, the surest, ascending.
        risk: share of wrong answers among them.
    """

    ece_percent: Percent
    ece_without_temperature_percent: Percent | None
    temperature: float | None
    ranked_by: str
    aurc: _Share
    coverage: tuple[_Share, ...]
    risk: tuple[_Share, ...]


def confidence(outputs: np.ndarray, right: np.ndarray, contract: Contract) -> Confidence:
    """How far the probabilities can be trusted.

    Args:
        outputs: of the model as real values, (images, outputs).
        right: whether the best class is the true one, bool (images,).
        contract: of the model.
    """
    rejection = contract.rejection
    best = probabilities(outputs, contract).max(axis=-1)
    plain = probabilities(outputs, contract.replace(rejection=None)).max(axis=-1)
    risks = risk_by_coverage(score(outputs, contract) if rejection else best, right)
    counts = np.unique(np.ceil(np.linspace(0, 1, _POINTS + 1)[1:] * len(right)).astype(int))
    tempered = rejection is not None and rejection.temperature != 1
    return Confidence(
        ece_percent=round(100 * expected_calibration_error(best, right), 3),
        ece_without_temperature_percent=(
            round(100 * expected_calibration_error(plain, right), 3) if tempered else None
        ),
        temperature=rejection.temperature if rejection and tempered else None,
        ranked_by=rejection.score if rejection else PROBABILITY,
        aurc=round(float(risks.mean()), 6),
        coverage=tuple(round(float(count) / len(right), 6) for count in counts),
        risk=tuple(round(float(risks[count - 1]), 6) for count in counts),
    )


def expected_calibration_error(best: np.ndarray, right: np.ndarray, bins: int = BINS) -> float:
    """Mean distance between the probability of the best class and the share of right answers, over bins of equal width.

    Args:
        best: probability of the best class, (images,).
        right: whether it is the true one, bool (images,).
        bins: how many.

    Returns:
        0 to 1.
    """
    numbers = np.clip(np.ceil(best * bins).astype(int) - 1, 0, bins - 1)  # (0, 1/15], (1/15, 2/15], ...
    differences = np.bincount(numbers, best.astype(np.float64) - right, minlength=bins)
    return float(np.abs(differences).sum() / len(best))


def risk_by_coverage(ranking: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Share of wrong answers among the 1, 2, ... highest-ranking images, float64 (images,); ties share their errors."""
    order = np.argsort(-ranking, kind="stable")
    _, groups, counts = np.unique(-ranking[order], return_inverse=True, return_counts=True)
    errors = np.bincount(groups, ~right[order]) / counts
    found: np.ndarray = np.cumsum(errors[groups]) / np.arange(1, len(right) + 1)
    return found
