"""Dropout as a function of seed, layer, step and place in the whole batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgecnn.core.compat import keras_graph
from edgecnn.core.compat.tensorflow import tf

_LAYERS = 10_007  # more than a model has; a prime, so that seeds don't meet


class StepDropout:
    """In place of Keras's dropout while a step is traced.

    Keras's own dropout has a hidden state that no checkpoint has, and two workers would draw the same masks.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._model: Any = None

    def of(self, model: Any, step: Any) -> StepDropout:
        """For the steps traced inside a `with`."""
        self._model, self._step = model, tf.cast(step, tf.int32)
        return self

    def __enter__(self) -> None:
        self._originals = keras_graph.random_generators(self._model)
        for number, (layer, _) in enumerate(self._originals):
            masks = _Masks(((self._seed * _LAYERS + number) & 0x7FFFFFFF, self._step))
            keras_graph.set_random_generator(layer, masks)

    def __exit__(self, *_: object) -> None:
        for layer, original in self._originals:
            keras_graph.set_random_generator(layer, original)


@dataclass(frozen=True)
class _Masks:
    """In the place of a layer's random generator."""

    seed: Any

    def dropout(self, inputs: Any, rate: float, noise_shape: Any = None) -> Any:
        """As tf.nn.dropout."""
        context = tf.distribute.get_replica_context()
        local = inputs.shape[0]
        shape = tf.shape(inputs) if noise_shape is None else tf.cast(noise_shape, tf.int32)
        shape = tf.concat(([local * context.num_replicas_in_sync], shape[1:]), axis=0)
        numbers = tf.random.stateless_uniform(shape, tf.stack(self.seed))
        start = context.replica_id_in_sync_group * local
        kept = tf.cast(numbers[start : start + local] >= rate, inputs.dtype)
        return inputs * kept / (1 - rate)
