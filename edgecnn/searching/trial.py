"""A short training on a part of the images. Runs in a worker.

A pretrained network trains its last layer on features that are computed once; one with random weights trains as a whole
for some epochs. A pruned one trains its last layer, loses its channels, and trains its last layer again.
"""

from __future__ import annotations

import dataclasses
import functools
import gc
import time
from collections.abc import Mapping
from typing import Any

from edgecnn.core.errors import EdgecnnError, WeightsError
from edgecnn.core.progress import silent
from edgecnn.data.settings import SplitSettings
from edgecnn.searching.candidate import Candidate
from edgecnn.searching.record import Trial

VALIDATION_IMAGES = 1000
"""That a trial is evaluated on, at most."""
_IMPORTANCE_IMAGES, _BATCH = 512, 32


def try_out(payload: Mapping[str, Any]) -> dict[str, Any]:
    """A `Trial` as JSON values.

    Args:
        payload: "candidate", "train" (keys of [train], data included), "images", "epochs", "seed".

    Raises:
        WeightsError: its pretrained weights can't be had now.
    """
    from edgecnn.core.compat.tensorflow import keras

    started, cpu_s, images = time.monotonic(), time.process_time(), payload["images"]
    try:
        trial = _tried(Candidate.from_dict(payload["candidate"]), payload)
    except WeightsError:  # perhaps only now: no result to keep
        raise
    except EdgecnnError as error:
        trial = Trial(images, error=str(error))
    finally:
        keras.backend.clear_session()
        gc.collect()
    wall_s, cpu_s = time.monotonic() - started, time.process_time() - cpu_s
    return dataclasses.replace(trial, wall_s=round(wall_s, 3), cpu_s=round(cpu_s, 3)).to_dict()


def _tried(candidate: Candidate, payload: Mapping[str, Any]) -> Trial:
    from edgecnn import tasks
    from edgecnn.builder import build_model
    from edgecnn.core.statistics import share
    from edgecnn.training.reading import annotated, decoded
    from edgecnn.training.settings import TrainOptions
    from edgecnn.training.trainer import Trainer

    options = TrainOptions.of(payload["train"])
    splits = _sampled(SplitSettings.of(_split_keys(payload["train"])), payload["images"], payload["seed"])
    classes = len({example.label for example in splits.train.examples})
    model, contract = build_model(candidate.architecture, **candidate.build_settings(classes, payload["seed"]))
    contract = options.hints.applied(contract)
    task = tasks.load(contract.task)
    parts = decoded(splits, task.seen_by(contract), options.images, silent)
    model, fitted = task.fitted(model, contract, parts["train"].data)
    contract = task.adapted(fitted, parts["train"].data, contract, options.anchors)
    rows = annotated(parts, contract)
    percent = _fitted(Trainer(model, rows["train"], rows["validation"], {"seed": payload["seed"]}), candidate, payload)
    count = len(rows["validation"])
    accuracy = share(round(percent * count / 100), count)
    return Trial(len(rows["train"]), accuracy, task.metric)


def _split_keys(train: Mapping[str, Any]) -> dict[str, Any]:
    names = [field.name for field in dataclasses.fields(SplitSettings)]
    return {name: train[name] for name in names if name in train}


@functools.lru_cache(maxsize=2)
def _splits(settings: SplitSettings) -> Any:
    """Every image is read to decide to which split it belongs: once per worker."""
    from edgecnn.data.split import open_splits

    return open_splits(
        settings.data, validation=settings.validation, test=settings.test, share=settings.validation_share
    )


def _sampled(settings: SplitSettings, images: int, seed: int) -> Any:
    """The splits with fewer images, balanced over the classes; a larger sample holds the smaller ones."""
    from edgecnn.data.split import Splits

    whole = _splits(settings)
    train, validation = whole.train.sample(images, seed), whole.validation.sample(VALIDATION_IMAGES, seed)
    return Splits(train, validation, None, (train.digests(), validation.digests()))


def _fitted(trainer: Any, candidate: Candidate, payload: Mapping[str, Any]) -> float:
    """Train; the metric on the validation images, in percent, after the best epoch."""
    from edgecnn.training.strategies import head, scratch

    if candidate.weights == "none":
        overrides = {**trainer.overrides, "epochs": payload["epochs"]}
        phases = scratch.run(dataclasses.replace(trainer, overrides=overrides))
    else:
        phases = head.run(trainer)
    if candidate.keep < 1:
        phases = head.run(dataclasses.replace(trainer, model=_pruned(trainer, candidate.keep)))
    return float(phases[-1].history.best.validation_accuracy_percent)


def _pruned(trainer: Any, keep: float) -> Any:
    import numpy as np

    from edgecnn.compression.channel_pruning import pruned
    from edgecnn.compression.job import Job
    from edgecnn.compression.methods.channels import Options
    from edgecnn.training.learner import normalized

    rows = trainer.train
    chosen = np.random.default_rng(trainer.overrides["seed"]).permutation(len(rows))[:_IMPORTANCE_IMAGES]
    parts = np.array_split(chosen, -(-len(chosen) // _BATCH))
    batches = [(normalized(rows.batch(part), rows.preprocessing), rows.truths[part]) for part in parts]
    trainer.model.trainable = True
    job = Job(trainer.model, rows.contract, batches, lambda model, callbacks=(): model, 0)
    return pruned(job, **dataclasses.asdict(Options(keep=keep)))
