"""A teacher's outputs for training and validation images, as the truths that are learned."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from edgecnn.core.errors import UsageError
from edgecnn.core.progress import Progress, silent
from edgecnn.data import DataSet
from edgecnn.encoders import encoded
from edgecnn.runtime.model.contract import Contract
from edgecnn.runtime.model.output_kind import LOGITS
from edgecnn.tasks import Task, task_of
from edgecnn.training.imitation import FeatureMatching, LogitMatching
from edgecnn.training.reading import Decoded
from edgecnn.training.rows import Joined, TrainingRows
from edgecnn.training.teaching import Teaching, order_of

_SMALLEST = 1e-12  # of a probability whose logarithm is taken
_LEAST_DEVIATION = 1e-6  # of a feature that never changes


def recorded(
    teaching: Teaching, parts: Mapping[str, Decoded], contract: Contract, progress: Progress = silent
) -> dict[str, TrainingRows]:
    """Training and validation images with the teacher's outputs as their truths.

    Args:
        teaching: with an encoder.
        parts: "train" and "validation".
        contract: of the model.
        progress: told how many outputs are recorded.

    Raises:
        UsageError: it has other classes, or the task has no such lesson.
        ModelFileError: the teacher gives up.
    """
    task = task_of(contract)
    if task.device.followed:
        raise UsageError(
            f"The model is {task.noun}, which learns from another one as it trains: --teacher DETECTOR.keras, without "
            "--distill features and --unlabeled."
        )
    order = None
    if teaching.kind == LOGITS:
        order = order_of(teaching, contract, contract.replace(labels=teaching.labels, output=LOGITS))
    splits = {"train": [parts["train"]], "validation": [parts["validation"]]}
    if teaching.unlabeled is not None:
        splits["train"].append(teaching.unlabeled)
    found = {name: [_rows(teaching, part, contract, order, progress) for part in of] for name, of in splits.items()}
    rows = {name: _joined(of) for name, of in found.items()}
    return rows if teaching.kind == LOGITS else _standardized(rows)


def _rows(
    teaching: Teaching, part: Decoded, contract: Contract, order: tuple[int, ...] | None, progress: Progress
) -> TrainingRows:
    assert teaching.encoder is not None
    found = encoded(teaching.encoder, part.data, part.digests, progress=progress)
    unreadable = {*part.survey.errors, *found.errors}
    rows = np.array([row for row in range(len(part.data)) if row not in unreadable], np.int64)
    truths = found.vectors[rows]
    lesson: Task = FeatureMatching()
    if teaching.kind == LOGITS:
        lesson = LogitMatching()
        logits = _logits(truths)[:, list(order or range(truths.shape[1]))]
        truths = np.concatenate((_known(part.data, contract, rows)[:, np.newaxis], logits), axis=1).astype(np.float32)
    digests = tuple(part.digests[row] for row in rows)
    key = f"{part.pictures.key} {teaching.encoder.key}"
    groups = None if part.pictures.groups is None else part.pictures.groups[rows]
    return TrainingRows(
        part.pictures.pictures, rows, truths, contract, key, digests=digests, lesson=lesson, groups=groups
    )


def _known(data: DataSet, contract: Contract, rows: np.ndarray) -> np.ndarray:
    """The class of each image; -1 where it isn't known."""
    truth_of = task_of(contract).truth_of(data, contract) if data.classes else None
    if truth_of is None:
        return np.full(len(rows), -1)
    return np.array([truth_of(data.examples[row]) for row in rows])


def _logits(outputs: np.ndarray) -> np.ndarray:
    """Of probabilities the logarithm, which are logits up to a number that no softmax sees."""
    sums = outputs.sum(axis=1)
    if outputs.min() >= 0 and np.abs(sums - 1).max() < 1e-3:
        return np.log(np.maximum(outputs, _SMALLEST))
    return outputs


def _joined(parts: list[TrainingRows]) -> TrainingRows:
    if len(parts) == 1:
        return parts[0]
    starts = np.cumsum([0, *(part.inputs.shape[0] for part in parts)])
    return dataclasses.replace(
        parts[0],
        inputs=Joined(*(part.inputs for part in parts)),
        rows=np.concatenate([part.rows + start for part, start in zip(parts, starts)]),
        truths=np.concatenate([part.truths for part in parts]),
        key=" ".join(part.key for part in parts),
        digests=tuple(digest for part in parts for digest in part.digests),
        groups=_groups(parts),
    )


def _groups(parts: list[TrainingRows]) -> np.ndarray | None:
    """The shards of all parts; None where one of them is not in shards."""
    found: list[np.ndarray] = []
    for part in parts:
        if part.groups is None:
            return None
        found.append(part.groups + (found[-1].max() + 1 if found else 0))
    return np.concatenate(found)


def _standardized(rows: dict[str, TrainingRows]) -> dict[str, TrainingRows]:
    """Features of mean 0 and deviation 1 over the training images: their common part would hide what differs."""
    truths = rows["train"].truths
    mean, deviation = truths.mean(axis=0), np.maximum(truths.std(axis=0), _LEAST_DEVIATION)
    return {name: dataclasses.replace(each, truths=(each.truths - mean) / deviation) for name, each in rows.items()}
