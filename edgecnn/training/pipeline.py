"""`edgecnn train` as a function: data, head, strategy, test, and the contract that records it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn import tasks
from edgecnn.core.compat.tensorflow import keras, tf
from edgecnn.core.errors import DataError, UsageError
from edgecnn.core.progress import Progress, silent
from edgecnn.core.registry import MODEL_FAMILIES, TRAINING_STRATEGIES
from edgecnn.core.text import counted
from edgecnn.core.version import __version__
from edgecnn.data import DataSet
from edgecnn.data.report import DataReport
from edgecnn.data.seen import Seen
from edgecnn.data.split import open_splits
from edgecnn.float_model import loading
from edgecnn.graph import keras_macs
from edgecnn.models.spec import Family
from edgecnn.runtime.model.contract import Contract
from edgecnn.runtime.model.output_kind import LOGITS
from edgecnn.runtime.model.provenance import Provenance, TrainedPhase, TrainingOrigin
from edgecnn.tasks import Task, task_of
from edgecnn.training import distill, teaching
from edgecnn.training.distill import learn_features
from edgecnn.training.distribution import cluster_config, is_chief, local_worker, plain_copy
from edgecnn.training.distribution import strategy as strategy_of
from edgecnn.training.evaluate import Score, score
from edgecnn.training.learner import Trainee, normalized
from edgecnn.training.model import check_blocks
from edgecnn.training.reading import Decoded, annotated, decoded, examined
from edgecnn.training.record import PhaseRecord, ScoreRecord, TrainingRecord
from edgecnn.training.recording import recorded
from edgecnn.training.rows import TrainingRows
from edgecnn.training.settings import TrainOptions
from edgecnn.training.teaching import Teaching
from edgecnn.training.trainer import Phase, Strategy, Trainer


@dataclass(frozen=True)
class Trained:
    """The result.

    Attributes:
        model: Keras model to what the task trains: logits.
        contract: with the classes as labels, and the accuracy.
        phases: what the strategy did.
        validation: the model's score on the validation images.
        test: its score on the test images; None if there are none.
        report: what was found in the data.
        is_chief: whether this process is the one that writes files; the other workers leave that to it.
        lesson: whose scores these are, where there were no labels but a teacher.
    """

    model: Any
    contract: Contract
    phases: tuple[Phase, ...]
    validation: Score
    test: Score | None
    report: DataReport
    is_chief: bool = True
    lesson: Task | None = None

    def _repr_html_(self) -> str:
        """Learning curves and figures, for notebooks."""
        return "".join(phase.history._repr_html_() for phase in self.phases) + self.record()._repr_html_()

    def record(self) -> TrainingRecord:
        """What is written as JSON."""
        phases = tuple(
            PhaseRecord(phase.name, dataclasses.asdict(phase.settings), phase.history, phase.auxiliary_weights)
            for phase in self.phases
        )
        task = self.lesson or task_of(self.contract)
        return TrainingRecord(
            classes=self.contract.labels,
            phases=phases,
            validation=ScoreRecord.of(self.validation, task.metric),
            test=None if self.test is None else ScoreRecord.of(self.test, task.metric),
            data=self.report,
            metric=task.titles[task.metric],
        )


def train(
    model_file: str | Path,
    options: TrainOptions,
    *,
    folder: Path | None = None,
    progress: Progress = silent,
    show_report: Callable[[DataReport], None] = lambda report: None,
    show_model: Callable[[Any], None] = lambda model: None,
) -> Trained:
    """Train a model on a data set.

    Args:
        model_file: a Keras file, ours or by others.
        options: what is asked for.
        folder: where checkpoints and the TensorBoard log live; an interrupted run with the same files and options
            goes on there.
        progress: told what is being done.
        show_report: called with what was found in the data, before training starts.
        show_model: called with the model that is about to be trained.

    Raises:
        UsageError: an option is wrong.
        DataError: the data can't be trained on.
        ModelFileError: the model can't be read.
    """
    strategy = _strategy(options)
    config = cluster_config(options.cluster, options.worker, os.environ)
    parts, report, task, teacher = _data(model_file, options, progress, show_report)
    with strategy_of(config).scope():
        keras.utils.set_random_seed(int(options.overrides.get("seed") or 0))
        model, contract = _fitting_model(model_file, options, _classes(parts["train"].data, teacher), task)
        check_blocks(model, options.unfreeze)  # `auto` would find out only after it trained the head
        show_model(model)
        start = _Start(model, contract, parts, teacher)
        rows, phases = _fitted(start, strategy, options, folder, progress)
        model.trainable = True
        weights, chief, several = model.get_weights(), is_chief(), local_worker()[1] > 1
    model = plain_copy(model, weights) if several else model
    result = _result(dataclasses.replace(start, model=model), phases, rows, report, options)
    return dataclasses.replace(result, is_chief=chief)


def _strategy(options: TrainOptions) -> Strategy:
    """The strategy, after what is out of range or would be ignored was refused."""
    strategy = TRAINING_STRATEGIES.plugin(options.strategy, Strategy)
    strategy.DEFAULTS.replace(**options.overrides)
    if options.unfreeze is not None and not strategy.UNFREEZES:
        raise UsageError(
            f"--unfreeze sets the number of last blocks that are trained, but the strategy {options.strategy} "
            "trains a fixed set of layers. Use --strategy finetune, or remove --unfreeze."
        )
    teaching.check(options)
    return strategy


def _data(
    model_file: str | Path, options: TrainOptions, progress: Progress, show_report: Callable[[DataReport], None]
) -> tuple[dict[str, Decoded], DataReport, Task, Teaching | None]:
    """The images of each split, decoded; what was found in them; the task that they are for; and the teacher."""
    contract = loading.contract_of(model_file, options.hints)
    labeled = options.teacher is None or teaching.is_labeled(options.data)
    splits = open_splits(
        options.data, validation=options.validation, test=options.test, share=options.validation_share,
        labeled=labeled, progress=progress,
    )  # fmt: skip
    task = tasks.load(splits.train.task or contract.task)
    task.check_settings(options.overrides)
    parts = decoded(splits, task.seen_by(contract), options.images, progress)
    teacher = teaching.opened(options, parts, task.seen_by(contract), progress)
    report = examined(parts)
    report = dataclasses.replace(report, notes=(*report.notes, *(teacher.notes if teacher else ())))
    show_report(report)
    _check(report, options, task, labeled)
    return parts, report, task, teacher


def _classes(data: DataSet, teacher: Teaching | None) -> DataSet:
    """The data set whose classes the model gets: of images without labels those of the teacher, if it has any."""
    labels = teacher.labels if teacher and not data.classes else ()
    return DataSet(data.name, (), labels) if labels else data


@dataclass(frozen=True)
class _Start:
    """What a training begins with."""

    model: Any
    contract: Contract
    parts: Mapping[str, Decoded]
    teacher: Teaching | None


def _fitted(
    start: _Start, strategy: Strategy, options: TrainOptions, folder: Path | None, progress: Progress
) -> tuple[dict[str, TrainingRows], tuple[Phase, ...]]:
    """Fit the model; the images that it was fitted to and evaluated on, and the phases."""
    model, contract, teacher, data = start.model, start.contract, start.teacher, start.parts["train"].data
    rows = annotated(start.parts, contract) if data.classes or data.task else {}
    before: tuple[Phase, ...] = ()
    if teacher is not None and teacher.encoder is not None:
        taught = recorded(teacher, start.parts, contract, progress)
        if teacher.kind == LOGITS:
            rows = {**taught, **rows, "train": taught["train"]}
        else:
            before = (learn_features(model, taught, strategy, options, folder, progress),)
        if not rows:
            return taught, before
    answering = teaching.answering(teacher, contract)
    trainer = Trainer(
        model, rows["train"], rows["validation"], options.overrides, options.unfreeze, answering, folder, progress,
        _trainee_of(contract),
    )  # fmt: skip
    return rows, (*before, *strategy.run(trainer))


def _check(report: DataReport, options: TrainOptions, task: Task, labeled: bool) -> None:
    if options.strict and report.unreadable_count:
        names = [name for rows in report.unreadable.values() for name, _ in rows]
        raise DataError(
            f"--strict: can't read {counted(len(names), 'image')}: {', '.join(names[:10])}. Replace or remove them, or "
            "remove --strict."
        )
    if labeled:
        task.check_data(report.counts["train"], options.data)


def _fitting_model(model_file: str | Path, options: TrainOptions, data: DataSet, task: Task) -> tuple[Any, Contract]:
    """The model with a head for what the data set says: its own if it fits, otherwise a new one."""
    model, contract = loading.trainable(model_file, options.hints)
    if not data.classes and not data.task:
        return model, contract  # images without labels, and a teacher without classes
    fitted, changed = task.fitted(model, contract, data)
    changed = task.adapted(changed, data, contract, options.anchors)
    if fitted is model:
        return model, changed
    counts = {"parameters": fitted.count_params(), "macs": keras_macs.total(fitted)}
    return fitted, changed.replace(model=dataclasses.replace(changed.model, **counts))


def _trainee_of(contract: Contract) -> Callable[[Any], Trainee]:
    """What gives the model auxiliary classifiers, if its family has a `training_model`."""
    family = contract.model.family
    if family not in MODEL_FAMILIES.names():
        return Trainee.of
    plugin = MODEL_FAMILIES.plugin(family, Family)
    return lambda model: Trainee(model, *extended) if (extended := plugin.training_model(model)) else Trainee.of(model)


def _result(
    start: _Start,
    phases: tuple[Phase, ...],
    rows: Mapping[str, TrainingRows],
    report: DataReport,
    options: TrainOptions,
) -> Trained:
    contract = start.contract
    scores, lesson = _scores(start, phases, rows), rows["validation"].lesson
    metric = rows["validation"].task.metric
    found = {f"{name}_{metric}_percent": round(measured.accuracy_percent, 3) for name, measured in scores.items()}
    origin = TrainingOrigin(
        data=options.data,
        strategy=options.strategy,
        pictures={name: len(each) for name, each in rows.items()},
        digests={name: each.key for name, each in rows.items()},
        phases=tuple(
            TrainedPhase(phase.name, dataclasses.asdict(phase.settings), phase.auxiliary_weights) for phase in phases
        ),
        versions={"edgecnn": __version__, "tensorflow": tf.version.VERSION, "numpy": np.__version__},
    )
    contract = contract.replace(
        provenance=_provenance(start, origin, rows["train"].digests),
        accuracy=dataclasses.replace(contract.accuracy, trained=found),
        golden=None,
    )
    if phases[-1].name == distill.NAME:
        contract = contract.replace(assumed=(*contract.assumed, distill.UNTRAINED_HEAD))
    return Trained(start.model, contract, phases, scores["validation"], scores.get("test"), report, lesson=lesson)


def _scores(start: _Start, phases: tuple[Phase, ...], rows: Mapping[str, TrainingRows]) -> dict[str, Score]:
    """Of the model; where only its features were taught, of these, which the best epoch tells."""
    if phases[-1].name == distill.NAME:
        best = phases[-1].history.best
        return {"validation": Score(best.validation_loss, best.validation_accuracy_percent)}
    model, preprocessing = start.model, start.contract.preprocessing
    answer = tf.function(lambda inputs: model(normalized(inputs, preprocessing), training=False))
    return {name: score(answer, rows[name]) for name in ("validation", "test") if name in rows}


def _provenance(start: _Start, origin: TrainingOrigin, digests: tuple[str, ...]) -> Provenance:
    before, teacher = start.contract.provenance, start.teacher
    if teacher is not None and teacher.unlabeled is not None:  # of the images that a phase before was fitted to
        digests = (*digests, *(digest for digest in teacher.unlabeled.digests if digest not in {*digests}))
    extra = {**before.extra, "teacher": teacher.record()} if teacher else before.extra
    trained_on = Seen.read(before).with_images(digests).record()
    return dataclasses.replace(before, training=origin, trained_on=trained_on, extra=extra)


def remove_checkpoints(folder: Path) -> None:
    """Forget an interrupted run, or tidy up after a finished one."""
    for checkpoint in folder.glob("*/checkpoint.*"):
        checkpoint.unlink()
