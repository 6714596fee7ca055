"""`edgecnn prune` as a function: data, method, fine-tuning, test, and the contract that records it."""

from __future__ import annotations

import dataclasses
import math
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.compression.fine_tuner import FineTuner
from edgecnn.compression.importance import Loss
from edgecnn.compression.job import Job, Method, Outcome
from edgecnn.compression.settings import Tuning
from edgecnn.core.compat.tensorflow import keras, tf
from edgecnn.core.errors import UsageError
from edgecnn.core.options import Settings
from edgecnn.core.progress import Progress, silent
from edgecnn.core.registry import COMPRESSION
from edgecnn.data import open_data
from edgecnn.data.augmentation import preset
from edgecnn.data.augmentation.draw import draw
from edgecnn.data.report import DataReport
from edgecnn.data.seen import Seen
from edgecnn.float_model import loading
from edgecnn.graph import keras_macs
from edgecnn.runtime.model.contract import Contract
from edgecnn.runtime.model.records import Change, CompressionStep
from edgecnn.runtime.model.validation import Record, renamed
from edgecnn.tasks import Score, task_of
from edgecnn.training.evaluate import score
from edgecnn.training.history import History
from edgecnn.training.learner import normalized
from edgecnn.training.reading import open_rows
from edgecnn.training.rows import TrainingRows
from edgecnn.training.settings import FitSettings

SAMPLES, BATCH = 512, 32
_BEFORE = re.compile("before_(.+)_percent")


@dataclass(frozen=True)
class CompressionRecord(Record):
    """What `edgecnn prune` and `edgecnn train --qat` write as JSON.

    Attributes:
        method: a file of `edgecnn/compression/methods/`.
        pictures: how many images the model was tested on, before and after.
        split: of which split.
        before: the task's metric of the model as it was, in percent.
        after: the same of the compressed model.
        training_s: time of the fine-tuning.
        metric: name of the metric; in JSON the keys are before_METRIC_percent and after_METRIC_percent.
        title: what it is called, for people.
        extra: what the method records.
    """

    EXTRA = "extra"

    method: str
    pictures: int
    split: str
    before: float
    after: float
    training_s: float = 0.0
    metric: str = "top1"
    title: str = "top-1"
    extra: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        values = super().to_dict()
        metric = values.pop("metric")
        return renamed(values, {when: f"{when}_{metric}_percent" for when in ("before", "after")})

    @classmethod
    def upgraded(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """The keys of the metric as its name and two values."""
        metric = next((found[1] for found in map(_BEFORE.fullmatch, values) if found), "")
        names = {f"{when}_{metric}_percent": when for when in ("before", "after")}
        return {**renamed(values, names), "metric": metric}


@dataclass(frozen=True)
class Compressed:
    """The result.

    Attributes:
        model: an ordinary Keras model.
        contract: its contract.
        account: what the method did.
        before: score of the model as it was, on the test images (or the validation images, without any).
        after: the same of the compressed model.
        pictures: how many these are, and of which split.
        history: of the fine-tuning.
    """

    model: Any
    contract: Contract
    account: dict[str, Any]
    before: Score
    after: Score
    pictures: tuple[int, str]
    history: History | None

    def _repr_html_(self) -> str:
        """Learning curves and figures, for notebooks."""
        drawn = self.history._repr_html_() if self.history else ""
        return drawn + self.record()._repr_html_()

    def record(self) -> CompressionRecord:
        """What is written as JSON."""
        task, account = task_of(self.contract), dict(self.account)
        return CompressionRecord(
            method=account.pop("method"),
            pictures=self.pictures[0],
            split=self.pictures[1],
            before=self.before.accuracy_percent,
            after=self.after.accuracy_percent,
            training_s=self.history.wall_s if self.history else 0.0,
            metric=task.metric,
            title=task.titles[task.metric],
            extra=account,
        )


_ASSUMED_CLASSES = "Assumed that the model's outputs are the data's classes"


def compress(
    model_file: str | Path,
    method: str,
    tuning: Tuning,
    options: Settings | Mapping[str, Any] | None = None,
    *,
    folder: Path | None = None,
    progress: Progress = silent,
    show_report: Callable[[DataReport], None] = lambda report: None,
) -> Compressed:
    """Compress a trained model and fine-tune it.

    Args:
        model_file: a Keras file, trained on the classes of the data; by others, with their names in `tuning.hints`.
        method: a file of `edgecnn/compression/`.
        tuning: data and fine-tuning.
        options: the method's `Options`, or fields of it.
        folder: where checkpoints live; an interrupted fine-tuning goes on there.
        progress: told what is being done.
        show_report: called with what was found in the data, before training starts.

    Raises:
        UsageError: an option is wrong, or the method can't do what was asked for with this model.
        DataError: the data can't be trained on.
    """
    plugin = COMPRESSION.plugin(method, Method)
    chosen = options if isinstance(options, Settings) else plugin.Options(**(options or {}))
    tuning.settings(plugin.DEFAULTS)  # refuses wrong ones before the model is loaded
    model, contract = _trained(model_file, tuning)
    settings = tuning.settings(plugin.DEFAULTS.replace(**task_of(contract).fits.get("compression", {})))
    keras.utils.set_random_seed(settings.seed)
    sources, report = open_rows(
        tuning.data, contract, validation=tuning.validation, test=tuning.test, share=tuning.validation_share,
        images=tuning.images, progress=progress,
    )  # fmt: skip
    show_report(report)
    trainer = FineTuner(model, contract, sources, settings, tuning.distill, folder, progress)
    batches, loss = _sample(sources["train"], contract, settings.replace(augment="none", label_smoothing=0.0))
    job = Job(model, contract, batches, trainer, trainer.steps, folder, progress, loss)
    return _compressed(job, trainer, sources, lambda: plugin.compress(job, chosen))


def _compressed(
    job: Job, trainer: FineTuner, sources: Mapping[str, TrainingRows], run: Callable[[], Outcome]
) -> Compressed:
    """Run a method, with a score before and after."""
    split = "test" if "test" in sources else "validation"
    before = _score(job.model, job.contract, sources[split])
    if any(sentence.startswith(_ASSUMED_CLASSES) for sentence in job.contract.assumed):
        _check_order(before, job.contract)
    outcome = run()
    after = _score(outcome.model, job.contract, sources[split])
    pictures = (len(sources[split]), split)
    trained_on = Seen.read(job.contract.provenance).with_images(sources["train"].digests)
    provenance = dataclasses.replace(job.contract.provenance, trained_on=trained_on.record())
    contract = _described(job.contract.replace(provenance=provenance), outcome, (before, after), pictures)
    return Compressed(outcome.model, contract, outcome.account, before, after, pictures, trainer.history)


def _trained(model_file: str | Path, tuning: Tuning) -> tuple[Any, Contract]:
    """A model that has learned something."""
    model, contract = loading.trainable(model_file, tuning.hints)
    contract = _named(contract, model, tuning.data)
    _check_trained(contract, model_file, tuning)
    return model, contract


def _named(contract: Contract, model: Any, data: str) -> Contract:
    """A model by others without class names, but with as many outputs as the data has classes: it has their names."""
    if contract.labels or contract.output != task_of(contract).trained_output:
        return contract
    classes = tuple(open_data(data).part("train").classes)
    if model.output_shape[-1] != len(classes):
        return contract
    said = f"{_ASSUMED_CLASSES} in their order ({', '.join(classes[:3])}, ...). If not, give --labels."
    return contract.replace(labels=classes, assumed=(*contract.assumed, said))


def _check_order(before: Score, contract: Contract) -> None:
    """Classes in another order would be learned anew, in silence.

    Raises:
        UsageError: in the order that was assumed, the model is hardly better than chance.
    """
    chance = 100 / len(contract.labels)
    if before.accuracy_percent < 1.5 * chance:
        raise UsageError(
            "The model has no class names. If its outputs are the data's classes in their order, it is right on "
            f"only {before.accuracy_percent:.1f} % of the images (chance: {chance:.1f} %). Give the order of its "
            "outputs with --labels FILE."
        )


def _check_trained(contract: Contract, model_file: str | Path, tuning: Tuning) -> None:
    """Refuse a model that has learned nothing, or doesn't end in what the losses take."""
    problem = task_of(contract).untrainable(contract)
    if problem:
        command = shlex.join(["edgecnn", "train", str(model_file), "--data", str(tuning.data), "-o", "trained.keras"])
        raise UsageError(f"{model_file} {problem}. Train it first: {command}")


def _sample(
    source: TrainingRows, contract: Contract, settings: FitSettings
) -> tuple[list[tuple[Any, np.ndarray]], Loss]:
    """A few batches of training images, drawn at random and as even in size as can be: each counts the same; and the
    loss of their targets.
    """
    random = np.random.default_rng(settings.seed)
    chosen = random.permutation(len(source))[:SAMPLES]
    encode = source.task.encoder(source.truths, contract, settings)
    size = contract.preprocessing.shape[:2]

    def batch(rows: np.ndarray) -> tuple[Any, np.ndarray]:
        targets, _ = encode(rows, rows, draw(preset(settings.augment), len(rows), *size, random))
        return normalized(source.batch(rows), contract.preprocessing), targets

    batches = [batch(rows) for rows in np.array_split(chosen, math.ceil(len(chosen) / BATCH))]
    return batches, lambda outputs, targets: source.task.losses(outputs, targets, settings)


def _score(model: Any, contract: Contract, source: TrainingRows) -> Score:
    return score(tf.function(lambda inputs: model(normalized(inputs, contract.preprocessing), training=False)), source)


def _described(
    contract: Contract, outcome: Outcome, scores: tuple[Score, Score], pictures: tuple[int, str]
) -> Contract:
    count, split = pictures
    task = task_of(contract)
    before, after = (round(score.accuracy_percent, 3) for score in scores)
    change = Change(before, after, count, split, task.titles[task.metric])
    step = CompressionStep.from_dict({**outcome.account, "score": change.to_dict()})
    model = dataclasses.replace(
        contract.model,
        parameters=outcome.model.count_params(),
        macs=keras_macs.total(outcome.model),
        compression=(*contract.model.compression, step),
        qat=outcome.qat,  # those of before are of the old weights
    )
    trained = {f"{split}_{task.metric}_percent": after}
    return contract.replace(model=model, accuracy=dataclasses.replace(contract.accuracy, trained=trained), golden=None)
