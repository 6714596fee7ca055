"""Batches as a pure function of the step: the same after a restart and, put together, on any number of workers."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgecnn.core.compat.tensorflow import tf
from edgecnn.core.errors import EdgecnnError
from edgecnn.data.augmentation import Augmentation, mosaic, preset
from edgecnn.data.augmentation.draw import Draw, draw
from edgecnn.tasks.encoder import Encoder
from edgecnn.training.order import random_order, shard_order
from edgecnn.training.rows import TrainingRows
from edgecnn.training.settings import FitSettings

_CHANGES = 1  # what random numbers are for; 0 is the order's


@dataclass(frozen=True)
class Batches:
    """The training batches of one worker.

    Attributes:
        source: what to train on.
        settings: batch size, augmentation, smoothing, class weights, seed.
        worker: number of this worker.
        workers: how many share each batch; the batch size is a multiple of it.
        failures: why an image could not be read; TensorFlow itself tells of the place, not of the reason.
    """

    source: TrainingRows
    settings: FitSettings
    worker: int = 0
    workers: int = 1
    failures: list[EdgecnnError] = field(default_factory=list, compare=False)

    @property
    def size(self) -> int:
        """Pictures per step over all workers: the batch size, or less for a very small data set."""
        fitting = min(self.settings.batch_size, len(self.source))
        return max(fitting // self.workers, 1) * self.workers

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches in an epoch; the rest is left out, another one in every epoch."""
        return max(len(self.source) // self.size, 1)

    def dataset(self, first: int, last: int) -> Any:
        """Steps `first` to `last` - 1 as a tf.data.Dataset of (step, inputs, targets, weights).

        Inputs are (batch, ...) float32 pixel values 0..255 (or features), targets (batch, ...), weights (batch,).
        """
        self._encoder  # noqa: B018 (what it refuses is said here, and not inside of TensorFlow)
        options = tf.data.Options()
        options.autotune.enabled = False  # there is nothing to tune, and its thread lets the end wait for seconds
        steps = tf.data.Dataset.range(first, last)
        return steps.map(self._load, num_parallel_calls=2, deterministic=True).prefetch(2).with_options(options)

    def _load(self, step: Any) -> Any:
        kinds = (self.source.inputs.dtype, *[np.float32] * 6)
        loaded = tf.numpy_function(self._arrays, [step], [tf.as_dtype(kind) for kind in kinds], stateful=False)
        shapes = ((self._rows, *self.source.inputs.shape[1:]), (self._local, *self._encoder.shape), (self._local,))
        for tensor, shape in zip(loaded, (*shapes, (self._rows, 8), (self._rows, 3), (self._local,), (self._local, 4))):
            tensor.set_shape(shape)
        inputs, targets, weights, transforms, colors, kept, boxes = loaded
        return step, self._changed(inputs, transforms, colors, kept, boxes), targets, weights

    def _changed(self, inputs: Any, transforms: Any, colors: Any, kept: Any, boxes: Any) -> Any:
        from edgecnn.data.augmentation import apply

        if not self._is_pictures:
            return inputs
        images = apply.move_and_recolor(inputs, transforms, colors, self._augmentation)
        if self._augmentation.mixes:
            images = apply.mix(images[: self._local], images[self._local :], kept, boxes)
        return images

    def _arrays(self, step: int) -> tuple[np.ndarray, ...]:
        try:
            return self.arrays(step)
        except EdgecnnError as error:
            self.failures.append(error)
            raise

    def arrays(self, step: int) -> tuple[np.ndarray, ...]:
        """What TensorFlow needs for one step: inputs (with mixing, those mixed in follow), targets, weights, draws."""
        epoch, position = divmod(int(step), self.steps_per_epoch)
        everyone = self._order(epoch)[position * self.size : (position + 1) * self.size]
        changes = self._draw(int(step), everyone)
        mine = changes.rows(self.worker * self._local, (self.worker + 1) * self._local)
        own = np.arange(self.worker * self._local, (self.worker + 1) * self._local)
        members = np.concatenate((own, mine.partners)) if self._mixes else own
        mine = dataclasses.replace(mine, tiles=everyone[mine.tiles])
        targets, weights = self._encoder(everyone[own], everyone[mine.partners], mine)
        inputs = self.source.batch(everyone[members])
        for place in np.flatnonzero(mine.windows.any(axis=1)):
            inputs[place] = mosaic.shown(list(self.source.batch(mine.tiles[place])), mine.windows[place])
        return (
            *(inputs, targets, weights, changes.transforms[members], changes.colors[members], mine.kept, mine.boxes),
        )

    def _draw(self, step: int, rows: np.ndarray) -> Draw:
        height, width = self.source.inputs.shape[1:3] if self._is_pictures else (1, 1)
        random = np.random.default_rng((self.settings.seed, _CHANGES, step))
        augmentation = self._augmentation.at(step / (self.settings.epochs * self.steps_per_epoch))
        points = self.source.task.points(self.source.truths[rows]) if augmentation.crop else None
        return draw(augmentation, self.size, height, width, random, points)

    @functools.cached_property
    def _encoder(self) -> Encoder:
        return self.source.task.encoder(self.source.truths, self.source.contract, self.settings)

    @functools.cached_property
    def _order(self) -> Callable[[int], np.ndarray]:
        """Epoch -> positions; the last few are kept."""
        return functools.lru_cache(maxsize=3)(self._ordered)

    def _ordered(self, epoch: int) -> np.ndarray:
        groups, settings = self.source.groups, self.settings
        if groups is None:
            return random_order(len(self.source), settings.seed, epoch)
        return shard_order(groups, self.size, settings.shuffle_buffer, settings.seed, epoch)

    @property
    def _augmentation(self) -> Augmentation:
        return preset(self.settings.augment if self._is_pictures else "none")

    @property
    def _is_pictures(self) -> bool:
        return self.source.inputs.ndim == 4 and self.source.preprocessing is not None

    @property
    def _mixes(self) -> bool:
        return bool(self._augmentation.mixes)

    @property
    def _local(self) -> int:
        return self.size // self.workers

    @property
    def _rows(self) -> int:
        return self._local * (2 if self._mixes else 1)
