"""The stage itself: temperature, scores and threshold, written into the contract."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from edgecnn import artifact
from edgecnn.core.errors import UsageError
from edgecnn.core.hints import NO_HINTS, Hints
from edgecnn.core.progress import Progress, silent
from edgecnn.core.statistics import Share, share
from edgecnn.core.text import did_you_mean
from edgecnn.data import DataSet, class_indices, open_data
from edgecnn.open_set.images import Outputs, outputs_of, refuse_known
from edgecnn.open_set.record import OpenSet
from edgecnn.open_set.settings import OpenSetSettings
from edgecnn.open_set.temperature import FEWEST_WRONG, fitted_temperature
from edgecnn.open_set.threshold import check_count, exceeded
from edgecnn.runtime.model.contract import TASK, Contract
from edgecnn.runtime.model.model_file import ModelFile
from edgecnn.runtime.model.output_kind import LOGITS
from edgecnn.runtime.model.rejection import NONE_OF_THESE, OTHERS, OWN, Rejection
from edgecnn.runtime.process import guard
from edgecnn.runtime.run.engine import Engine
from edgecnn.runtime.tasks.classification import probabilities, score, scores_of
from edgecnn.tasks.confidence import confidence

_OWN, _OTHERS = "images of the classes", "images of other things"
_NO_TEMPERATURE = (
    f"Fewer than {FEWEST_WRONG} of the images are classified wrongly, so no temperature was fitted: the probabilities "
    "stay as they are."
)
_NO_OTHERS = (
    "Without images of other things it is not known how many of them are accepted. Measure it with: edgecnn verify "
    "MODEL --against FLOAT --data DATA --others DATA."
)


def set_rejection(
    model: str | Path | ModelFile,
    output: str | Path,
    settings: OpenSetSettings,
    *,
    hints: Hints = NO_HINTS,
    progress: Progress = silent,
) -> OpenSet:
    """Write a classifier with a contract that says when its answer is "none of these"; graph and golden vectors stay.

    Args:
        model: the artifact.
        output: the `.tflite` file to write, whole or not at all.
        settings: on which images, and for which rate.
        hints: what is known of a model by others.
        progress: called with (stage, done, total).

    Raises:
        UsageError: the model is no classifier, has no such score or class, or the images are too few for the rate.
        DataError: the images can't be read or don't match the labels.
        ModelFileError: the model is damaged, or the runtime can't load it.
    """
    file = model if isinstance(model, ModelFile) else hints.read(model)
    plain = file.contract.replace(rejection=None)
    check(plain, settings)
    data = open_data(settings.data).part("test", "validation")
    others = open_data(settings.others) if settings.others else None
    _check_data(data, others, plain, settings)
    guard.try_out(file)
    engine = Engine(file)
    own = outputs_of(engine, data, "Images of the classes", progress)
    other = outputs_of(engine, others, "Images of other things", progress) if others else None
    found = found_on(own, other, class_indices(data, plain, own.values.shape[1]), plain, settings, file.name)
    rejection = dataclasses.replace(found.rejection, data=data.name, data_sha256=data.digest())
    if others is not None:
        rejection = dataclasses.replace(rejection, others=others.name, others_sha256=others.digest())
    artifact.rewrite(output, file, plain.replace(rejection=rejection))
    return dataclasses.replace(found, rejection=rejection)


def check(contract: Contract, settings: OpenSetSettings) -> None:
    """Refuse what the model can't do.

    Raises:
        UsageError: see `set_rejection`.
    """
    if contract.task != TASK:
        raise UsageError(f"The model is for the task {contract.task}; expected a model for {TASK}.")
    known = scores_of(contract.output)
    if settings.score is not None and settings.score not in known:
        raise UsageError(
            f"--score {settings.score} needs logits, but the model's output is {contract.output}; expected "
            f"{' or '.join(known)}."
        )
    for label in settings.background:
        if label not in contract.labels:
            meant = did_you_mean(label, contract.labels)
            raise UsageError(
                f"--background {label} is none of the model's {len(contract.labels)} labels.{' ' if meant else ''}"
                f"{meant} `edgecnn inspect` lists them."
            )
    if NONE_OF_THESE in contract.labels and NONE_OF_THESE not in settings.background:
        raise UsageError(
            f"The model has a class {NONE_OF_THESE!r}, so its answer would be ambiguous. Add --background "
            f'"{NONE_OF_THESE}".'
        )


def _check_data(data: DataSet, others: DataSet | None, contract: Contract, settings: OpenSetSettings) -> None:
    """Before the model runs on all of it."""
    if not data.classes:
        raise UsageError(f"--data {data.name} has no labels; expected a folder for each class, or a manifest.")
    labels = class_indices(data, contract)
    background = sum(contract.label(labels[str(each.label)]) in settings.background for each in data.examples)
    rate, count = settings.false_alarm_rate / 100, background + (len(others) if others else 0)
    if others is not None:
        refuse_known(others, contract, settings.background)
    check_count(*((count, rate, _OTHERS) if count else (len(data), rate, _OWN)))


def found_on(
    own: Outputs,
    others: Outputs | None,
    indices: Mapping[str, int],
    contract: Contract,
    settings: OpenSetSettings,
    model: str = "",
) -> OpenSet:
    """The rejection that outputs lead to.

    Args:
        own: outputs for the labeled images of the classes; those of a background class are others.
        others: outputs for the images of other things.
        indices: output of each label.
        contract: of the model, without a rejection.
        settings: for which rate.
        model: name of the artifact.
    """
    truths = np.array([indices[str(label)] for label in own.labels])
    known = np.array([contract.label(int(truth)) not in settings.background for truth in truths])
    start, notes = _without_threshold(own, truths, contract, settings)
    tempered = contract.replace(rejection=start)
    inside = _passing(own.values[known], tempered)
    outside = _passing(np.concatenate([own.values[~known], *([others.values] if others else [])]), tempered)
    threshold, own_rejected, others_accepted = _threshold(inside, outside, settings.false_alarm_rate / 100)
    side, measured = (OWN, own_rejected) if others_accepted is None else (OTHERS, others_accepted)
    right = probabilities(own.values, tempered).argmax(axis=1) == truths
    return OpenSet(
        model=model,
        rejection=dataclasses.replace(start, threshold=threshold, rate_of=side, measured=measured),
        own_rejected=own_rejected,
        others_accepted=others_accepted,
        auroc=_auroc(inside, outside) if len(outside) else None,
        confidence=confidence(own.values, right, tempered),
        skipped={**own.skipped, **(others.skipped if others else {})},
        notes=(*notes, *((_NO_OTHERS,) if others_accepted is None else ())),
    )


def _without_threshold(
    own: Outputs, truths: np.ndarray, contract: Contract, settings: OpenSetSettings
) -> tuple[Rejection, tuple[str, ...]]:
    """Score and temperature, and what a person should know of them."""
    temperature = fitted_temperature(own.values, truths) if contract.output == LOGITS else None
    kind = settings.score or scores_of(contract.output)[0]
    start = Rejection(kind, None, temperature or 1.0, settings.background, asked_percent=settings.false_alarm_rate)
    unfitted = (_NO_TEMPERATURE,) if contract.output == LOGITS and temperature is None else ()
    return start, (*_trained_on(own, contract, settings.data), *unfitted)


def _trained_on(own: Outputs, contract: Contract, data: str) -> Sequence[str]:
    count = own.trained_on(contract)
    if not count:
        return ()
    return (
        f"The model was trained on {count:,} of the {len(own.labels):,} images, whose scores are too high: other "
        f"images of the classes will be rejected more often. Give held-out images, for example --data held-out:{data}.",
    )


def _passing(outputs: np.ndarray, contract: Contract) -> np.ndarray:
    """The scores, (images,); minus infinity where the answer is a background class."""
    assert contract.rejection is not None
    if not len(outputs):
        return np.zeros(0)
    found = score(outputs, contract)
    if contract.rejection.background:
        answers = probabilities(outputs, contract).argmax(axis=1)
        found[[contract.label(int(answer)) in contract.rejection.background for answer in answers]] = -np.inf
    return found


def _threshold(inside: np.ndarray, outside: np.ndarray, rate: float) -> tuple[float | None, Share, Share | None]:
    """The threshold, the share of the images of the classes below it, and that of the others above it."""
    if len(outside):
        check_count(len(outside), rate, _OTHERS)
        threshold, accepted = exceeded(outside, rate, _OTHERS)
        others: Share | None = share(accepted, len(outside))
    else:
        check_count(len(inside), rate, _OWN)
        if not np.isfinite(inside).all():
            raise UsageError(
                f"{np.count_nonzero(~np.isfinite(inside)):,} of the {len(inside):,} {_OWN} are answered with a "
                "background class, and there are no images of other things. Give some: --others DATA."
            )
        found, _ = exceeded(-inside, rate, _OWN)
        threshold, others = None if found is None else -found, None
    lowest = -np.inf if threshold is None else threshold
    rejected = int((~np.isfinite(inside) | (inside < lowest)).sum())
    return threshold, share(rejected, len(inside)), others


def _auroc(inside: np.ndarray, outside: np.ndarray) -> float:
    """Mann-Whitney: the share of pairs in which the image of the classes scores higher; a tie counts half."""
    ordered = np.sort(outside)
    lower = np.searchsorted(ordered, inside, "left")
    wins = lower + (np.searchsorted(ordered, inside, "right") - lower) / 2
    return round(float(wins.mean() / len(outside)), 4)
