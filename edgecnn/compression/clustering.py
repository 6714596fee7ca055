"""Training with weights that share values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecnn.compression.codebook import Codebook, entropy_bits
from edgecnn.core.compat.tensorflow import keras, tf
from edgecnn.float_model.kernels import alive, channel_maxima


class Clustering(keras.callbacks.Callback):  # type: ignore[misc]
    """Trains behind the clusters: each step moves a hidden copy of the weights, and the kernel shows its clusters.

    That is the straight-through estimator (arXiv:1308.3432): a weight may cross over to another cluster, and clusters
    follow the mean of their members. Weights that were pruned before stay zero.

    Args:
        kernels: layer name -> variable; clustered at once.
        books: the same -> its clusters.
    """

    def __init__(self, kernels: Mapping[str, Any], books: Mapping[str, Codebook]) -> None:
        super().__init__()
        self._states = [_State.of(kernel, books[name]) for name, kernel in kernels.items()]
        self.purpose = {name: book.boundaries.tolist() for name, book in books.items()}
        self._project = tf.function(self._projected)
        self._projected()

    def state(self) -> list[np.ndarray]:
        """What a checkpoint needs beside the weights."""
        return [variable.numpy() for state in self._states for variable in state.learned()]

    def restore(self, state: Sequence[np.ndarray]) -> None:
        """The inverse of `state`."""
        for variable, values in zip((each for one in self._states for each in one.learned()), state):
            variable.assign(values)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Take over the step, and show the clusters again."""
        self._project()

    def entropy_bits(self) -> float:
        """Of all kernels, for each weight that was not pruned."""
        members = [state.members().numpy()[state.mask.numpy().reshape(-1) != 0] for state in self._states]
        return sum(entropy_bits(each) * each.size for each in members) / sum(each.size for each in members)

    def _projected(self) -> None:
        for state in self._states:
            state.project()


@dataclass(frozen=True)
class _State:
    """One kernel: `kernel` = `scale` * the cluster's value; `hidden` is what learns, in units of `scale`."""

    kernel: Any
    hidden: Any
    shown: Any
    scale: Any
    values: Any
    boundaries: Any
    mask: Any

    @classmethod
    def of(cls, kernel: Any, book: Codebook) -> _State:
        weights = kernel.numpy()
        scale = channel_maxima(weights)
        shares, mask = weights / scale, alive(weights)
        variables = [tf.Variable(array, trainable=False) for array in (shares, shares, book.values)]
        constants = [tf.constant(array, tf.float32) for array in (scale, book.boundaries, mask)]
        hidden, shown, values = variables
        return cls(kernel, hidden, shown, constants[0], values, *constants[1:])

    def learned(self) -> tuple[Any, ...]:
        """The variables that training changes, besides the kernel."""
        return self.hidden, self.shown, self.values

    def members(self) -> Any:
        """The cluster of each weight, int32 (weights,)."""
        return tf.searchsorted(self.boundaries, tf.reshape(self.hidden, [-1]))

    def project(self) -> None:
        self.hidden.assign_add((self.kernel / self.scale - self.shown) * self.mask)
        members = self.members()
        count = self.values.shape[0]
        flat, counted = tf.reshape(self.hidden, [-1]), tf.reshape(self.mask, [-1])
        sizes = tf.math.unsorted_segment_sum(counted, members, count)
        means = tf.math.unsorted_segment_sum(flat * counted, members, count) / tf.maximum(sizes, 1.0)
        # The ends stay, as they are the scale, and so does zero, which pruned weights share.
        fixed = np.isin(np.arange(count), (0, count // 2, count - 1))
        self.values.assign(tf.where(fixed | (sizes == 0), self.values, means))
        self.shown.assign(tf.reshape(tf.gather(self.values, members), self.hidden.shape) * self.mask)
        self.kernel.assign(self.shown * self.scale)
