"""`edgecnn prune` as a function: data, method, fine-tuning, test, and the contract that tells of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.compression.job import Job, Outcome
from edgecnn.compression.settings import Tuning
from edgecnn.core.compat.tensorflow import keras, tf
from edgecnn.core.errors import UsageError
from edgecnn.core.options import Settings
from edgecnn.core.progress import Progress, silent
from edgecnn.core.registry import COMPRESSION
from edgecnn.data.report import DataReport
from edgecnn.float_model import keras_file
from edgecnn.graph import keras_macs
from edgecnn.runtime.model.contract import Contract
from edgecnn.training.evaluate import Score, score
from edgecnn.training.fit import fit
from edgecnn.training.history import History
from edgecnn.training.learner import Teacher, normalized
from edgecnn.training.rows import Source
from edgecnn.training.settings import FitSettings
from edgecnn.training.sources import open_sources

SAMPLES, BATCH = 512, 32


@dataclass(frozen=True)
class Compressed:
    """The result.

    Attributes:
        model: an ordinary Keras model.
        contract: its contract.
        account: what the method did.
        before: score of the model as it was, on the test pictures (or the validation pictures, without any).
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

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            **self.account,
            "pictures": self.pictures[0],
            "split": self.pictures[1],
            "before_top1_percent": self.before.accuracy_percent,
            "after_top1_percent": self.after.accuracy_percent,
            "training_s": self.history.wall_s if self.history else 0.0,
        }


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
        model_file: a .keras file of ours, trained on the classes of the data.
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
    plugin = COMPRESSION.load(method)
    chosen = options if isinstance(options, Settings) else plugin.Options(**(options or {}))
    settings = tuning.settings(plugin.DEFAULTS)
    model, contract = keras_file.load(model_file, trust=None)
    contract = _trained(contract, model_file, tuning)
    keras.utils.set_random_seed(settings.seed)
    sources, report = open_sources(
        tuning.data, contract, validation=tuning.validation, test=tuning.test, share=tuning.validation_share,
        progress=progress,
    )  # fmt: skip
    show_report(report)
    trainer = _Trainer(model, contract, sources, settings, tuning.distill, folder, progress)
    batches = _sample(sources["train"], contract, settings.seed)
    job = Job(model, contract, batches, trainer, trainer.steps, folder, progress)
    return _compressed(job, trainer, sources, lambda: plugin.compress(job, chosen))


def _compressed(job: Job, trainer: _Trainer, sources: Mapping[str, Source], run: Callable[[], Outcome]) -> Compressed:
    """Run a method, with a score before and after."""
    split = "test" if "test" in sources else "validation"
    before = _score(job.model, job.contract, sources[split])
    outcome = run()
    after = _score(outcome.model, job.contract, sources[split])
    pictures = (len(sources[split]), split)
    contract = _described(job.contract, outcome, (before, after), pictures)
    return Compressed(outcome.model, contract, outcome.account, before, after, pictures, trainer.history)


def _trained(contract: Contract | None, model_file: str | Path, tuning: Tuning) -> Contract:
    """The contract of a model that has learned its classes and ends in logits, which is what the losses take."""
    if contract is None or not contract.labels:
        problem = "doesn't know its classes, so there is nothing to keep while it gets smaller"
    elif contract.output != "logits":
        problem = f"ends in {contract.output}, and fine-tuning needs logits"
    else:
        return contract
    raise UsageError(
        f"{model_file} {problem}. Train it first: edgecnn train {model_file} --data {tuning.data} -o trained.keras"
    )


def _sample(source: Source, contract: Contract, seed: int) -> list[tuple[Any, np.ndarray]]:
    """A few batches of training pictures, drawn at random and as even in size as can be: each counts the same."""
    chosen = np.random.default_rng(seed).permutation(len(source))[:SAMPLES]
    parts = np.array_split(chosen, math.ceil(len(chosen) / BATCH))
    return [(normalized(source.batch(part), contract.preprocessing), source.labels[part]) for part in parts]


def _score(model: Any, contract: Contract, source: Source) -> Score:
    return score(tf.function(lambda inputs: model(normalized(inputs, contract.preprocessing), training=False)), source)


def _described(
    contract: Contract, outcome: Outcome, scores: tuple[Score, Score], pictures: tuple[int, str]
) -> Contract:
    count, split = pictures
    before, after = (round(score.accuracy_percent, 3) for score in scores)
    top1 = {"before": before, "after": after, "pictures": count, "split": split}
    model = {key: value for key, value in contract.model.items() if key != "qat"}  # ranges of the old weights
    history = [*model.get("compression", ()), {**outcome.account, "top1_percent": top1}]
    counts = {"parameters": outcome.model.count_params(), "macs": keras_macs.total(outcome.model)}
    accuracy = {f"{split}_top1_percent": after}
    return contract.replace(
        model={**model, **counts, "compression": history, **outcome.facts},
        accuracy={**contract.accuracy, "float": accuracy},
        golden={},
    )


class _Trainer:
    """Fine-tunes for a method; see `_job.Train`."""

    def __init__(
        self,
        teacher: Any,
        contract: Contract,
        sources: Mapping[str, Source],
        settings: FitSettings,
        distill: bool,
        folder: Path | None,
        progress: Progress,
    ) -> None:
        order = tuple(range(len(contract.labels)))
        self._teacher = Teacher(teacher, contract.preprocessing, order) if distill else None
        self._sources, self._settings, self._folder, self._progress = sources, settings, folder, progress
        self.steps = settings.epochs * max(len(sources["train"]) // min(settings.batch_size, len(sources["train"])), 1)
        self.history: History | None = None

    def __call__(self, model: Any, callbacks: Sequence[Any] = ()) -> Any:
        """Train in place."""
        self.history = fit(
            model,
            self._sources["train"],
            self._sources["validation"],
            self._settings,
            teacher=self._teacher,
            callbacks=callbacks,
            folder=self._folder and self._folder / "tune",
            progress=self._progress,
        )
        return model
