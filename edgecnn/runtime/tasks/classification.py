"""What is on an image: the best classes of a model, by its contract."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from ..errors import ModelFileError
from ..model.contract import Contract
from ..model.label_file import check_count
from ..model.output_kind import (
    BINARY,
    BINARY_LOGIT,
    BINARY_PROBABILITY,
    INDEPENDENT_LOGITS,
    INDEPENDENT_PROBABILITIES,
    LOGITS,
    ONE_LOGIT,
    PROBABILITIES,
    of_activation,
)
from ..model.rejection import ENERGY, MAX_LOGIT, PROBABILITY, SCORES, Rejection
from ..opencv import ACCENT, GRAY, opencv, shade, unit_of, write_text
from . import Answer, DeviceTask, Outputs, check_finite


def softmax(logits: np.ndarray) -> np.ndarray:
    """exp(x) / sum(exp(x)) over the last axis, without overflow."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    result: np.ndarray = powers / powers.sum(axis=-1, keepdims=True)
    return result


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), without overflow."""
    result: np.ndarray = np.exp(-np.logaddexp(0, -logits)).astype(logits.dtype)
    return result


def _both(probability: np.ndarray) -> np.ndarray:
    """(..., 1) probabilities of the second class -> (..., 2) of both."""
    return np.concatenate((1 - probability, probability), axis=-1)


def _as_it_is(probabilities: np.ndarray) -> np.ndarray:
    return probabilities


TO_PROBABILITIES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    LOGITS: softmax,
    PROBABILITIES: _as_it_is,
    INDEPENDENT_LOGITS: sigmoid,
    INDEPENDENT_PROBABILITIES: _as_it_is,
    BINARY_LOGIT: lambda logit: _both(sigmoid(logit)),
    BINARY_PROBABILITY: _both,
}
"""Kinds of output: of classes that exclude each other (softmax), of classes that don't (a sigmoid each), and of two
classes in one number, which is that of the second; each as probabilities, or as the logits before."""
_EXCLUSIVE = (LOGITS, PROBABILITIES)


class Classification(DeviceTask):
    """One output tensor, (classes,), or (1,) for two classes."""

    name = "classification"
    outputs = tuple(TO_PROBABILITIES)
    answers_key = "classes"
    summary = "Picture classifier"
    smoothed = True

    def check(self, contract: Contract, shapes: Sequence[tuple[int, ...]]) -> None:
        """See `DeviceTask.check`."""
        size = math.prod(shapes[0])
        if len(shapes) != 1 or size != max(shapes[0], default=1):
            listed = ", ".join(str(["batch", *shape]).replace("'", "") for shape in shapes)
            raise ModelFileError(
                f"The model has an output of shape {listed}; expected [batch, classes], one score per class."
            )
        if contract.output in BINARY and size != 1:
            raise ModelFileError(
                f"The contract's output is {contract.output}, which is one number, but the model outputs {size}. Set "
                "--output-kind."
            )
        classes = 2 if contract.output in BINARY else size
        check_count(contract.labels, classes, "The model")
        if contract.rejection is not None:
            check_rejection(contract.rejection, contract)

    def described(self, contract: Contract, outputs: Outputs, activation: str = "") -> Contract:
        """Tells apart what the activation, or a sum of 1, tells; other kinds are as the contract says."""
        self.check(contract, [output.shape for output in outputs])
        if contract.output not in _EXCLUSIVE:
            return contract
        values = outputs[0]
        kind = of_activation(activation, values.size)
        if kind == LOGITS and bool((values >= 0).all()) and abs(float(values.sum()) - 1) < 1e-3:
            kind = PROBABILITIES
        assumed = (*contract.assumed, ONE_LOGIT) if kind == BINARY_LOGIT else contract.assumed
        contract = dataclasses.replace(contract, output=kind, assumed=assumed)
        self.check(contract, [output.shape for output in outputs])
        return contract

    def interpret(self, outputs: Outputs, contract: Contract) -> np.ndarray:
        """Probabilities, float32 (classes,).

        Raises:
            OutputValueError: the output holds NaN or infinite values.
        """
        check_finite(outputs)
        return probabilities(outputs[0].reshape(-1), contract)

    def margin(self, outputs: Outputs, contract: Contract) -> float | None:
        """See `DeviceTask.margin`; 0 where the background classes alone decide."""
        if contract.rejection is None:
            return None
        if contract.rejection.threshold is None:
            return 0.0
        return float(score(outputs[0].reshape(1, -1), contract)[0]) - contract.rejection.threshold

    def answers(self, values: np.ndarray, contract: Contract, count: int = 5) -> list[Answer]:
        """The best classes, see `top`."""
        return best(values, contract, count)

    def same(self, expected: Outputs, found: Outputs, contract: Contract) -> bool:
        """Whether the best class is the same; also where it shares the first place, as rounded scores do.

        What shares it must have been near it: a device that computes nothing puts all classes there.
        """
        if contract.output in _EXCLUSIVE:
            check_finite([*expected, *found])
            first, second = expected[0].reshape(-1), found[0].reshape(-1)
        else:
            first, second = self.interpret(expected, contract), self.interpret(found, contract)
        best = second == second.max()
        return bool(best[first.argmax()] and first[best].min() >= (first.min() + first.max()) / 2)

    def caption(self, answers: Sequence[Answer]) -> str:
        """The best class."""
        return str(answers[0]["label"])

    def draw(self, canvas: np.ndarray, answers: Sequence[Answer], caption: str, contract: Contract) -> None:
        """The caption and a bar for each class at the bottom."""
        unit = unit_of(canvas)
        bottom = canvas.shape[0] - unit * (2 * len(answers) + 3)
        shade(canvas, max(0, bottom))
        write_text(canvas, caption, (unit, bottom + 2 * unit), unit * 1.4)
        for row, answer in enumerate(answers):
            _bar(canvas, answer, (unit, bottom + (2 * row + 3) * unit), unit)


TASK = Classification()


def scores_of(output: str) -> tuple[str, ...]:
    """The scores of a rejection that a kind of output has, the best first."""
    if output == LOGITS:
        return SCORES
    return (MAX_LOGIT, PROBABILITY) if output == INDEPENDENT_LOGITS else (PROBABILITY,)


def probabilities(outputs: np.ndarray, contract: Contract) -> np.ndarray:
    """Outputs (..., outputs) as probabilities (..., classes), by the contract's temperature."""
    if contract.rejection is not None and contract.output == LOGITS:
        outputs = outputs / outputs.dtype.type(contract.rejection.temperature)
    return TO_PROBABILITIES[contract.output](outputs)


def score(outputs: np.ndarray, contract: Contract) -> np.ndarray:
    """How much each image looks like one of the classes, float64 (images,), by the contract's rejection.

    Args:
        outputs: (images, outputs).
        contract: one that has a rejection.
    """
    assert contract.rejection is not None
    kind, temperature = contract.rejection.score, contract.rejection.temperature
    values = outputs.astype(np.float64)
    if kind == MAX_LOGIT:
        found: np.ndarray = values.max(axis=-1)
    elif kind == ENERGY:
        highest = values.max(axis=-1)
        powers = np.exp((values - highest[..., np.newaxis]) / temperature)
        found = highest + temperature * np.log(powers.sum(axis=-1))
    else:
        found = probabilities(values, contract).max(axis=-1)
    return found


def check_rejection(rejection: Rejection, contract: Contract) -> None:
    """Refuse a rejection that the model's outputs have no score for.

    Raises:
        ModelFileError: it is so, or a background class is none of the labels.
    """
    known = scores_of(contract.output)
    if rejection.score not in known:
        raise ModelFileError(
            f"Contract: rejection.score is {rejection.score}, but the output is {contract.output}; expected "
            f"{' or '.join(known)}."
        )
    if rejection.temperature != 1 and contract.output != LOGITS:
        raise ModelFileError(
            f"Contract: rejection.temperature is {rejection.temperature}, but the output is {contract.output}; "
            f"expected 1, since only {LOGITS} have a temperature."
        )
    for label in rejection.background:
        if label not in contract.labels:
            raise ModelFileError(f"Contract: rejection.background names {label!r}, which is none of the labels.")


class Contracted(Protocol):
    """An engine, or anything else that has a contract."""

    @property
    def contract(self) -> Contract:
        """How to use it."""


def top(probabilities: np.ndarray, engine: Contracted, count: int = 5) -> list[dict[str, Any]]:
    """`best` for what has a contract."""
    return best(probabilities, engine.contract, count)


def best(probabilities: np.ndarray, contract: Contract, count: int = 5) -> list[dict[str, Any]]:
    """The best classes, best first; a tie goes to the lower index.

    Returns:
        One dictionary each: index, label, id (WordNet id or None), probability.
    """
    count = min(count, len(probabilities))
    candidates = np.flatnonzero(probabilities >= np.partition(probabilities, -count)[-count])
    order = candidates[np.argsort(-probabilities[candidates], kind="stable")][:count]
    ids = contract.label_ids
    return [
        {
            "index": int(index),
            "label": contract.label(int(index)),
            "id": ids[index] if index < len(ids) else None,
            "probability": round(float(probabilities[index]), 6),
        }
        for index in order
    ]


def _bar(canvas: np.ndarray, answer: Answer, place: tuple[int, int], unit: int) -> None:
    share = answer["probability"]  # "none of these" has none
    width = round((canvas.shape[1] - 2 * unit) * (share or 0))
    end = (place[0] + width, place[1] + unit + unit // 3)
    opencv().rectangle(canvas, (place[0], place[1] + unit), end, ACCENT, -1)
    text = str(answer["label"]) if share is None else f"{share:4.0%}  {answer['label']}"
    write_text(canvas, text, (place[0], place[1] + round(0.8 * unit)), unit * 0.8, GRAY)
