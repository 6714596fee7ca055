"""`edgecnn train` as a function: data, head, strategy, test, and the contract that tells of it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.core.compat.tensorflow import keras, tf
from edgecnn.core.errors import DataError, UsageError
from edgecnn.core.progress import Progress, silent
from edgecnn.core.registry import MODEL_FAMILIES, TRAINING_STRATEGIES
from edgecnn.core.version import __version__
from edgecnn.data import class_indices
from edgecnn.data.report import DataReport, examine
from edgecnn.data.split import Splits, open_splits
from edgecnn.float_model import keras_file
from edgecnn.graph import keras_macs
from edgecnn.runtime.model.contract import Contract
from edgecnn.training.distribution import cluster_config, is_chief, local_worker, plain_copy
from edgecnn.training.distribution import strategy as strategy_of
from edgecnn.training.evaluate import Score, score
from edgecnn.training.learner import Teacher, Trainee, normalized
from edgecnn.training.model import check_blocks, with_head
from edgecnn.training.rows import Source
from edgecnn.training.settings import TrainOptions
from edgecnn.training.sources import decoded, labeled
from edgecnn.training.task import Stage, Task


@dataclass(frozen=True)
class Trained:
    """The result.

    Attributes:
        model: Keras model to logits.
        contract: with the classes as labels, and the accuracy.
        stages: what the strategy did.
        validation: the model's score on the validation pictures.
        test: its score on the test pictures; None if there are none.
        report: what was found in the data.
        is_chief: whether this process is the one that writes files; the other workers leave that to it.
    """

    model: Any
    contract: Contract
    stages: tuple[Stage, ...]
    validation: Score
    test: Score | None
    report: DataReport
    is_chief: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "classes": list(self.contract.labels),
            "stages": [dataclasses.asdict(stage) for stage in self.stages],
            "validation": _score_dict(self.validation),
            "test": None if self.test is None else _score_dict(self.test),
            "data": self.report.to_dict(),
        }


def _score_dict(score: Score) -> dict[str, Any]:
    return {"loss": score.loss, "top1_percent": score.accuracy_percent, "confusion": score.confusion.tolist()}


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
        model_file: a .keras file of ours.
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
    strategy = TRAINING_STRATEGIES.load(options.strategy)
    strategy.DEFAULTS.replace(**options.overrides)  # refuses what is out of range before anything is read
    _check_options(options, strategy)
    config = cluster_config(options.cluster, options.worker, os.environ)
    contract = _contract(model_file, options.crop)
    splits = open_splits(options.data, validation=options.validation, test=options.test, share=options.validation_share)
    parts = decoded(splits, contract.preprocessing, progress)
    report = examine(parts, splits.train.name)
    show_report(report)
    _check(report, options)
    distribution = strategy_of(config)
    with distribution.scope():
        keras.utils.set_random_seed(int(options.overrides.get("seed") or 0))
        model, contract = _fitting_model(model_file, contract, splits)
        check_blocks(model, options.unfreeze)  # `auto` would find out only after it trained the head
        show_model(model)
        sources = labeled(parts, contract)
        teacher = _teacher(options.teacher, contract)
        task = Task(
            model,
            sources["train"],
            sources["validation"],
            options.overrides,
            options.unfreeze,
            teacher,
            folder,
            progress,
            _trainee_of(contract),
        )
        stages = tuple(strategy.run(task))
        model.trainable = True
        weights, chief, several = model.get_weights(), is_chief(), local_worker()[1] > 1
    model = plain_copy(model, weights) if several else model
    result = _result(model, contract, stages, sources, report, options)
    return dataclasses.replace(result, is_chief=chief)


def _check_options(options: TrainOptions, strategy: Any) -> None:
    """Refuse what would be ignored."""
    if options.unfreeze is not None and not getattr(strategy, "UNFREEZES", False):
        raise UsageError(
            f"--unfreeze says how many of the last blocks are trained; the strategy {options.strategy} doesn't choose "
            "blocks. Use finetune, or leave --unfreeze out."
        )
    of_teacher = [name for name in ("temperature", "distillation_weight") if name in options.overrides]
    if of_teacher and options.teacher is None:
        raise UsageError(f"--{of_teacher[0].replace('_', '-')} needs a --teacher to learn from.")
    if options.teacher is not None:
        keras_file.read_contract(options.teacher)  # refuses a file that isn't there before the data is decoded


def _contract(model_file: str | Path, crop: float | None) -> Contract:
    contract = keras_file.read_contract(model_file)
    if contract is None:
        raise UsageError(
            f"{model_file} has no contract: how a picture becomes its input is not known. "
            "Build the model with `edgecnn build MODEL --weights FILE`."
        )
    if crop is None:
        return contract
    return contract.replace(preprocessing=dataclasses.replace(contract.preprocessing, crop=crop, fit="crop"))


def _check(report: DataReport, options: TrainOptions) -> None:
    if options.strict and report.unreadable_count:
        names = [name for rows in report.unreadable.values() for name, _ in rows]
        raise DataError(f"--strict: {len(names)} pictures can't be read: {', '.join(names[:10])}.")
    trained = [name for name, count in report.counts["train"].items() if count]
    if len(trained) < 2:
        raise DataError(f"{options.data} has readable training pictures of {len(trained)} class; expected two or more.")


def _fitting_model(model_file: str | Path, contract: Contract, splits: Splits) -> tuple[Any, Contract]:
    """The model with one output per class: its own head if it knows these classes, otherwise a new one."""
    model, _ = keras_file.load(model_file, trust=None)
    classes = splits.train.classes
    if contract.output == "logits" and len(contract.labels) == len(classes):
        try:
            class_indices(splits.train, contract)
            return model, contract
        except DataError:
            pass
    model = with_head(model, len(classes))
    arguments = {**contract.model.get("arguments", {}), "classes": len(classes)}
    counts = {"parameters": model.count_params(), "macs": keras_macs.total(model)}
    described = {**contract.model, "arguments": arguments, **counts}
    return model, contract.replace(labels=classes, label_ids=(), output="logits", model=described)


def _teacher(path: str | None, contract: Contract) -> Teacher | None:
    if path is None:
        return None
    model, found = keras_file.load(path, trust=None)
    if found is None or sorted(found.labels) != sorted(contract.labels) or found.output != "logits":
        known = ", ".join(found.labels[:5]) if found else "none"
        raise UsageError(
            f"The teacher {path} has the classes {known}; expected those of the data: train it on them first."
        )
    if found.preprocessing.color != contract.preprocessing.color:
        raise UsageError(
            f"The teacher {path} sees {found.preprocessing.color}, the model {contract.preprocessing.color}."
        )
    model.trainable = False
    return Teacher(model, found.preprocessing, tuple(found.labels.index(label) for label in contract.labels))


def _trainee_of(contract: Contract) -> Callable[[Any], Trainee]:
    """What gives the model auxiliary classifiers, if its family has a `training_model`."""
    family = contract.model.get("family")
    plugin = MODEL_FAMILIES.load(family) if family in MODEL_FAMILIES.names() else None
    extended = getattr(plugin, "training_model", None)
    return Trainee.of if extended is None else lambda model: Trainee(model, *extended(model))


def _result(
    model: Any,
    contract: Contract,
    stages: tuple[Stage, ...],
    sources: Mapping[str, Source],
    report: DataReport,
    options: TrainOptions,
) -> Trained:
    logits = tf.function(lambda inputs: model(normalized(inputs, contract.preprocessing), training=False))
    scores = {name: score(logits, sources[name]) for name in ("validation", "test") if name in sources}
    accuracy = {f"{name}_top1_percent": round(measured.accuracy_percent, 3) for name, measured in scores.items()}
    pictures = {name: len(source) for name, source in sources.items()}
    training = {
        "data": options.data,
        "strategy": options.strategy,
        "pictures": pictures,
        "digests": {name: source.key for name, source in sources.items()},
        "stages": [_account(stage) for stage in stages],
        "versions": {"edgecnn": __version__, "tensorflow": tf.version.VERSION, "numpy": np.__version__},
    }
    contract = contract.replace(
        provenance={**contract.provenance, "training": training},
        accuracy={**contract.accuracy, "float": accuracy},
        golden={},
    )
    return Trained(model, contract, stages, scores["validation"], scores.get("test"), report)


def _account(stage: Stage) -> dict[str, Any]:
    account: dict[str, Any] = {"name": stage.name, "settings": dataclasses.asdict(stage.settings)}
    return {**account, "auxiliary_weights": list(stage.auxiliary_weights)} if stage.auxiliary_weights else account


def remove_checkpoints(folder: Path) -> None:
    """Forget an interrupted run, or tidy up after a finished one."""
    for checkpoint in folder.glob("*/checkpoint.*"):
        checkpoint.unlink()
