"""What `--teacher` names: a model that answers while another one trains, or whose outputs are recorded before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecnn.core.errors import UsageError
from edgecnn.core.progress import Progress
from edgecnn.core.text import counted
from edgecnn.data import DataSet, open_data
from edgecnn.data.fitted import fitted
from edgecnn.encoders import ImageEncoder, open_encoder
from edgecnn.float_model import keras_file
from edgecnn.runtime.model.contract import Contract, Preprocessing
from edgecnn.runtime.model.label_file import check_count, read_labels
from edgecnn.runtime.model.output_kind import LOGITS
from edgecnn.tasks import task_of
from edgecnn.training.learner import Teacher
from edgecnn.training.reading import Decoded
from edgecnn.training.settings import LessonSettings, TrainOptions

FEATURES = "features"


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
    order = order_of(teaching, contract, found)
    if found.preprocessing.color != contract.preprocessing.color:
        raise UsageError(
            f"The teacher {teaching.path} expects {found.preprocessing.color} images, but the model expects "
            f"{contract.preprocessing.color}. Choose a teacher with the model's channel order."
        )
    model.trainable = False
    return Teacher(model, found.preprocessing, order)


def order_of(teaching: Teaching, student: Contract, teacher: Contract) -> tuple[int, ...] | None:
    """Which of a teacher's logits belongs to each class of the student; None where they are taken as they are.

    Raises:
        UsageError: it has other classes.
    """
    try:
        return task_of(student).teacher_order(student, teacher)
    except UsageError as error:
        raise UsageError(
            f"{teaching.path}: {error} Or learn its features, which need no common classes: --distill features."
        ) from error
