"""The loop: epochs, validation, checkpoints, early stopping. Exact after an interruption at any moment."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import math
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from edgecnn.core.compat.tensorflow import keras, tf
from edgecnn.core.errors import EdgecnnError
from edgecnn.core.progress import Progress, silent
from edgecnn.training import checkpoint
from edgecnn.training import events as events_module
from edgecnn.training.batches import Batches
from edgecnn.training.checkpoint import Checkpoint
from edgecnn.training.distribution import from_chief, is_chief, local_worker, whole_batch_norms
from edgecnn.training.epoch import Epoch
from edgecnn.training.evaluate import Score, score
from edgecnn.training.history import History, best_of, kept_of
from edgecnn.training.learner import Learner, Teacher, Trainee
from edgecnn.training.rows import TrainingRows
from edgecnn.training.settings import FitSettings


def fit(
    model: Any,
    train: TrainingRows,
    validation: TrainingRows,
    settings: FitSettings,
    *,
    teacher: Teacher | None = None,
    callbacks: Iterable[Any] = (),
    folder: Path | None = None,
    progress: Progress = silent,
) -> History:
    """Fit a model's weights, in place.

    What learns is what the layers' `trainable` says when this is called; a batch norm that is not trainable uses its
    moving statistics and keeps them. Inside a distribution strategy's scope, all workers call this with the same
    arguments (the model must have been made in that scope too).

    Args:
        model: Keras model (TFMOT's wrapped models too), normalized images (or features) to outputs; or a `Trainee`.
        train: what to fit to.
        validation: what decides which epoch is the best.
        settings: see `FitSettings`.
        teacher: imitate this model (distillation).
        callbacks: Keras callbacks. One that has `state()` -> arrays and `restore(arrays)` goes on where it was, too;
            its `purpose` says as JSON values what it was made to do, and is part of the task.
        folder: where the checkpoint and the TensorBoard log live; an interrupted fit of the same model, data and
            settings is taken up there, and a finished one is not repeated. None keeps nothing.
        progress: told the epoch, the step in it, and the steps of an epoch.

    Returns:
        What happened.

    Raises:
        EdgecnnError: the loss is no longer a number, or the folder can't be written.
    """
    trainee = Trainee.of(model)
    with whole_batch_norms(trainee.network), _lost_workers():
        return _Fit(trainee, train, validation, settings, teacher, list(callbacks), folder, progress).run()


@contextlib.contextmanager
def _lost_workers() -> Iterator[None]:
    """Turn what TensorFlow says when another worker is gone into one sentence."""
    try:
        yield
    except tf.errors.OpError as error:
        if local_worker()[1] == 1:
            raise
        # TensorFlow's frames hold a pool of threads that it leaves open when a worker is lost. Collected together with
        # the pipes that it uses, it prints a traceback at exit.
        traceback.clear_frames(error.__traceback__)
        raise EdgecnnError(
            f"The connection to another worker was lost ({str(error).splitlines()[0][:200]}). Start all workers "
            "again with the same command: they resume from the last checkpoint."
        ) from error


class _Running:
    """TensorFlow's iterator over a data set, ended with the block.

    Python's frames would keep it in a traceback until the interpreter ends: then it waits for a batch that is being
    read by Python, for ever.
    """

    def __init__(self, dataset: Any) -> None:
        self._iterator: Any = iter(dataset)

    def __enter__(self) -> Iterator[Any]:
        return self

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return next(self._iterator)

    def __exit__(self, kind: object, error: object, frames: TracebackType | None) -> None:
        if frames is not None:
            traceback.clear_frames(frames)
        self._iterator = None


class _Fit:
    """The state of one call of `fit`."""

    def __init__(
        self,
        trainee: Trainee,
        train: TrainingRows,
        validation: TrainingRows,
        settings: FitSettings,
        teacher: Teacher | None,
        callbacks: list[Any],
        folder: Path | None,
        progress: Progress,
    ) -> None:
        worker, workers = local_worker()
        self.batches = Batches(train, settings, worker, workers)
        self.per_epoch = self.batches.steps_per_epoch
        self.total = self.per_epoch * settings.epochs
        self.model, self.validation, self.settings = trainee.model, validation, settings
        self.callbacks, self.folder, self.progress = callbacks, folder, progress
        self.learner = Learner(
            trainee, settings, train.preprocessing,
            steps=self.total, batch_size=self.batches.size, teacher=teacher, task=train.task,
            lean=settings.recompute == "always" or (settings.recompute == "auto" and train.are_streamed),
        )  # fmt: skip
        self.task = _task(trainee.network, train, validation, settings, teacher)
        self.task["callbacks"] = [callback.purpose for _, callback in self._lasting()]
        self.done, self.sums, self.history = 0, np.zeros(2), History()
        self.best: list[np.ndarray] | None = None
        self.started, self.cpu_started = time.monotonic(), time.process_time()

    def run(self) -> History:
        """All epochs that are left."""
        self._resume()
        hooks = keras.callbacks.CallbackList(self.callbacks, model=self.model)
        hooks.on_train_begin()
        left = _distributed(lambda: self.batches.dataset(self.done, self.total))
        with events_module.writer(self.folder if is_chief() else None) as events, _Running(left) as batches:
            while self.done < self.total and not self.history.stopped_early:
                self._epoch(batches, hooks)
                events(self.history.epochs[-1])
        hooks.on_train_end()
        if self.settings.keep_best and self.best is not None:
            self.model.set_weights(self.best)
        elif self.settings.weight_average:
            with self.learner.averaged():
                averages = self.model.get_weights()
            self.model.set_weights(averages)
        wall_s, cpu_s = time.monotonic() - self.started, time.process_time() - self.cpu_started
        return dataclasses.replace(self.history, wall_s=wall_s, cpu_s=cpu_s)

    def _epoch(self, batches: Any, hooks: Any) -> None:
        number, started = self.done // self.per_epoch, time.monotonic()
        hooks.on_epoch_begin(number)
        position = self.done % self.per_epoch
        try:
            for batch in itertools.islice(batches, self.per_epoch - position):
                self._train_on(batch, hooks)
        except tf.errors.OpError as error:
            if self.batches.failures:
                raise self.batches.failures[0] from error
            raise
        with self.learner.averaged():
            measured = score(self.learner.outputs, self.validation)
            record = self._record(number + 1, measured, time.monotonic() - started)
            hooks.on_epoch_end(number, {"val_accuracy": record.validation_accuracy_percent / 100})
            self._close_epoch(record)
        self._save()

    def _train_on(self, batch: Any, hooks: Any) -> None:
        position = self.done % self.per_epoch
        hooks.on_train_batch_begin(position)
        sums = np.asarray(self.learner.step(*batch), np.float64)
        if not math.isfinite(sums[0]):
            raise EdgecnnError(
                f"The loss is {sums[0]} at step {self.done}, so the training diverged. Use a lower --learning-rate."
            )
        self.sums += sums
        self.done += 1
        hooks.on_train_batch_end(position, {"loss": sums[0] / self.batches.size})
        self.progress(self._stage(), position + 1, self.per_epoch)
        if self.done % self.settings.save_every_steps == 0 and self.done % self.per_epoch:
            self._save()

    def _stage(self) -> str:
        epoch = (self.done - 1) // self.per_epoch + 1
        text = f"epoch {epoch} of {self.settings.epochs}"
        if not self.history.epochs:
            return text
        seconds = float(np.mean([record.wall_s for record in self.history.epochs])) * (self.settings.epochs - epoch + 1)
        return f"{text} (kept {self.history.best.validation_accuracy_percent:.1f} %, {_duration(seconds)} in total)"

    def _record(self, number: int, measured: Score, wall_s: float) -> Epoch:
        pictures = self.per_epoch * self.batches.size
        return Epoch(
            number,
            float(self.sums[0]) / pictures,
            100 * float(self.sums[1]) / pictures,
            measured.loss,
            measured.accuracy_percent,
            self.learner.learning_rate,
            wall_s,
            measured.standard_error_percent,
        )

    def _close_epoch(self, record: Epoch) -> None:
        self.sums = np.zeros(2)
        epochs = (*self.history.epochs, record)
        kept, waited = kept_of(epochs), record.epoch - best_of(epochs).epoch
        stopped = bool(self.settings.patience) and waited >= self.settings.patience
        self.history = dataclasses.replace(
            self.history,
            epochs=epochs,
            best_epoch=kept.epoch,
            stopped_early=stopped and record.epoch < self.settings.epochs,
        )
        if self.settings.keep_best and kept is record:
            self.best = self.model.get_weights()

    def _lasting(self) -> list[tuple[int, Any]]:
        return [(number, callback) for number, callback in enumerate(self.callbacks) if hasattr(callback, "restore")]

    def _state(self) -> dict[str, list[np.ndarray]]:
        callbacks = {f"callback{number}": callback.state() for number, callback in self._lasting()}
        return {**self.learner.state(), **callbacks}

    def _save(self) -> None:
        """All workers take part (some weights are averaged when they are read); the chief writes."""
        arrays = self._state()
        if self.best is not None:
            arrays["best"] = self.best
        meta = {**self.task, "done": self.done, "sums": self.sums.tolist(), "history": self.history.to_dict()}
        if self.folder is not None and is_chief():
            checkpoint.save(self._path(), Checkpoint(arrays, meta))

    def _resume(self) -> None:
        found = checkpoint.load(self._path()) if self.folder is not None and is_chief() else None
        if found is not None and {key: found.meta.get(key) for key in self.task} != self.task:
            found = None
        arrays = self._state()
        found = from_chief(found, like=Checkpoint({**arrays, "best": self.model.get_weights()}, {}))
        if found is None:
            return
        self.learner.restore(found.arrays)
        for number, callback in self._lasting():
            callback.restore(found.arrays[f"callback{number}"])
        self.done, self.sums = found.meta["done"], np.array(found.meta["sums"])
        self.best = list(found.arrays["best"]) if "best" in found.arrays else None
        self.history = _history(found.meta["history"], self.done)

    def _path(self) -> Path:
        assert self.folder is not None
        return self.folder / "checkpoint.npz"


def _task(
    model: Any, train: TrainingRows, validation: TrainingRows, settings: FitSettings, teacher: Teacher | None
) -> dict[str, Any]:
    """What is being fitted; a checkpoint of anything else is not taken up."""
    import hashlib

    digest = hashlib.sha256(model.to_json().encode())
    for array in (*model.get_weights(), *(teacher.model.get_weights() if teacher else ())):
        digest.update(np.ascontiguousarray(array).tobytes())
    digest.update(bytes(layer.trainable for layer in model.submodules if hasattr(layer, "trainable")))
    labels = hashlib.sha256(train.truths.tobytes() + validation.truths.tobytes()).hexdigest()
    # The contract says what the network sees (mean and std) and what its outputs mean (a detector's anchors).
    contract = train.contract
    read = [repr((contract.preprocessing, contract.task, contract.output, contract.extra))]
    read += [repr((teacher.preprocessing, teacher.order))] if teacher else []
    task = {"settings": dataclasses.asdict(settings), "model": digest.hexdigest(), "labels": labels, "read": read}
    return {**task, "data": [train.key, validation.key]}


def _history(values: Mapping[str, Any], step: int) -> History:
    return dataclasses.replace(History.from_dict(values), resumed_at_step=step)


def _distributed(dataset: Callable[[], Any]) -> Any:
    return tf.distribute.get_strategy().distribute_datasets_from_function(lambda context: dataset())


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
