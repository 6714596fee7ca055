"""What `--teacher` names and what is learned from it: answers while training, or outputs that are recorded before."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.core.errors import UsageError
from edgecnn.core.progress import Progress, silent
from edgecnn.core.text import counted
from edgecnn.data import DataSet, open_data
from edgecnn.data.fitted import fitted
from edgecnn.encoders import ImageEncoder, encoded, open_encoder
from edgecnn.float_model import keras_file
from edgecnn.runtime.model.contract import Contract, Preprocessing
from edgecnn.runtime.model.label_file import check_count, read_labels
from edgecnn.runtime.model.output_kind import LOGITS
from edgecnn.tasks import Task, task_of
from edgecnn.training.imitation import FeatureMatching, LogitMatching
from edgecnn.training.learner import Teacher
from edgecnn.training.reading import Decoded
from edgecnn.training.rows import Joined, TrainingRows
from edgecnn.training.settings import LessonSettings, TrainOptions

FEATURES = "features"
_SMALLEST = 1e-12  # of a probability whose logarithm is taken
_LEAST_DEVIATION = 1e-6  # of a feature that never changes


@dataclass(frozen=True)
class Teaching:
    """A teacher, before the model that learns from it is made.

    Attributes:
        path: of the teacher.
        kind: "logits" or "features".
        labels: of its logits.
        encoder: what records its outputs; None if it answers while the model trains, on augmented images.
        unlabeled: images that only the teacher says something of.
        notes: what a person should know of it, in sentences.
    """

    path: str
    kind: str
    labels: tuple[str, ...] = ()
    encoder: ImageEncoder | None = None
    unlabeled: Decoded | None = None
    notes: tuple[str, ...] = ()

    def record(self) -> dict[str, Any]:
        """For the provenance."""
        if self.encoder is None:
            return {"file": Path(self.path).name, "learned": self.kind}
        return {
            "file": self.encoder.name,
            "learned": self.kind,
            "size": self.encoder.size,
            "preprocessing": self.encoder.preprocessing.to_dict(),
            "unlabeled_images": 0 if self.unlabeled is None else len(self.unlabeled.data),
        }


def check(options: TrainOptions) -> None:
    """Refuse what can't be, before the data is decoded.

    Raises:
        UsageError: settings of a teacher without one, or that this teacher can't have.
        ModelFileError: there is no such teacher.
    """
    of_fit = [name for name in ("temperature", "distillation_weight") if name in options.overrides]
    said = [*of_fit, *options.lesson.said()]
    if options.teacher is None and said:
        raise UsageError(
            f"--{said[0].replace('_', '-')} is used only with a teacher model. Add --teacher, or remove it."
        )
    if options.teacher is not None:
        kind, _ = _kind_and_labels(options.teacher, options.lesson)
        if kind == FEATURES and of_fit:
            raise UsageError(
                f"--{of_fit[0].replace('_', '-')} is used only with a teacher's logits, but its features are learned. "
                "Remove it."
            )
        if kind != FEATURES and options.lesson.distill_epochs:
            raise UsageError("--distill-epochs is of learning features; with logits, use --epochs.")


def _contract_of(path: str) -> Contract | None:
    return keras_file.read_contract(path) if Path(path).suffix == ".keras" else None


def _kind_and_labels(path: str, lesson: LessonSettings) -> tuple[str, tuple[str, ...]]:
    """What is learned, and the classes of its logits."""
    contract = _contract_of(path)
    if lesson.distill == FEATURES:
        return FEATURES, ()
    if contract is not None:
        return LOGITS, contract.labels
    if lesson.teacher_labels is not None:
        return LOGITS, read_labels(lesson.teacher_labels)
    if lesson.distill == LOGITS:
        raise UsageError(
            f"The teacher {path} does not name the classes of its logits. Give them with --teacher-labels FILE, one "
            "name per line in output order, or learn its features: --distill features."
        )
    return FEATURES, ()


def is_labeled(spec: str) -> bool:
    """Whether a data set has labels or annotations."""
    data = open_data(spec).part("train")
    return bool(data.classes or data.task)


def opened(
    options: TrainOptions, splits: Mapping[str, Decoded], seen_by: Preprocessing, progress: Progress
) -> Teaching | None:
    """The teacher with the images of `--unlabeled`; None without a teacher.

    Args:
        options: what is asked for.
        splits: the decoded images of DATA, which are no part of the others again.
        seen_by: how images become the model's input.
        progress: told how many images are decoded.
    """
    if options.teacher is None:
        return None
    kind, labels = _kind_and_labels(options.teacher, options.lesson)
    unlabeled: Decoded | None = None
    notes: tuple[str, ...] = ()
    if options.lesson.unlabeled is not None:
        unlabeled, notes = _others(options, splits, seen_by, progress)
    contract = _contract_of(options.teacher)
    if contract is not None and kind == LOGITS and unlabeled is None and splits["train"].data.classes:
        return Teaching(options.teacher, kind, labels)
    encoder = open_encoder(options.teacher, options.lesson.encoder, features=kind == FEATURES, progress=progress)
    if kind == LOGITS:
        _check_labels(labels, encoder.size, options.teacher)
    return Teaching(options.teacher, kind, labels, encoder, unlabeled, (*encoder.notes, *notes))


def _check_labels(labels: tuple[str, ...], outputs: int, path: str) -> None:
    if not labels or outputs == 1:
        raise UsageError(
            f"The teacher {path} has {outputs} outputs and {len(labels)} class names; expected a logit per class, with "
            "names. Learn its features instead: --distill features."
        )
    check_count(labels, outputs, f"The teacher {path}")


def _others(
    options: TrainOptions, splits: Mapping[str, Decoded], seen_by: Preprocessing, progress: Progress
) -> tuple[Decoded, tuple[str, ...]]:
    """The images of another data set that are in no split, decoded; and what was left out."""
    spec = str(options.lesson.unlabeled)
    data = open_data(spec).part("train")
    known = {digest for part in splits.values() for digest in part.digests}
    digests = data.digests(progress)
    rows = [row for row, digest in enumerate(digests) if digest not in known]
    if not rows:
        raise UsageError(f"All images of --unlabeled {spec} are in --data too. Remove --unlabeled.")
    others = DataSet(spec, data.take(rows).examples)
    chosen = tuple(digests[row] for row in rows)
    pictures = fitted(others, chosen, seen_by, images=options.images, progress=progress)
    errors = pictures.survey.errors
    said = f"unlabeled: {counted(len(rows) - len(errors), 'image')} for the teacher to teach on."
    left = len(digests) - len(rows)
    notes = [said, f"{counted(left, 'image')} of {spec} also in --data: left out." if left else ""]
    if errors:
        notes.append(f"{counted(len(errors), 'image')} of {spec} can't be read and are skipped.")
    return Decoded(others, chosen, pictures.survey, pictures), tuple(filter(None, notes))


def answering(teaching: Teaching | None, contract: Contract) -> Teacher | None:
    """The teacher that answers while the model trains; None for others.

    Raises:
        UsageError: it has other classes, or takes other images.
    """
    if teaching is None or teaching.encoder is not None:
        return None
    model, found = keras_file.load(teaching.path, trust=None)
    assert found is not None
    order = _order(teaching, contract, found)
    if found.preprocessing.color != contract.preprocessing.color:
        raise UsageError(
            f"The teacher {teaching.path} expects {found.preprocessing.color} images, but the model expects "
            f"{contract.preprocessing.color}. Choose a teacher with the model's channel order."
        )
    model.trainable = False
    return Teacher(model, found.preprocessing, order)


def _order(teaching: Teaching, student: Contract, teacher: Contract) -> tuple[int, ...] | None:
    try:
        return task_of(student).teacher_order(student, teacher)
    except UsageError as error:
        raise UsageError(
            f"{teaching.path}: {error} Or learn its features, which need no common classes: --distill features."
        ) from error


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
    if task_of(contract).name != "classification":
        task_of(contract).teacher_order(contract, contract)  # says that it can't
    order = None
    if teaching.kind == LOGITS:
        order = _order(teaching, contract, contract.replace(labels=teaching.labels, output=LOGITS))
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
    found = [part.groups for part in parts if part.groups is not None]
    starts = np.cumsum([0, *(each.max() + 1 for each in found)])
    return np.concatenate([each + start for each, start in zip(found, starts)]) if len(found) == len(parts) else None


def _standardized(rows: dict[str, TrainingRows]) -> dict[str, TrainingRows]:
    """Features of mean 0 and deviation 1 over the training images: their common part would hide what differs."""
    truths = rows["train"].truths
    mean, deviation = truths.mean(axis=0), np.maximum(truths.std(axis=0), _LEAST_DEVIATION)
    return {name: dataclasses.replace(each, truths=(each.truths - mean) / deviation) for name, each in rows.items()}
