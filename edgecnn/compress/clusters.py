"""Weight clustering: the weights of a kernel share a few values, so that the file compresses well (arXiv:1510.00149).

Two things make it pay after int8 conversion. The values are clustered relative to the largest of their output channel,
because that is int8's unit: a kernel then holds the same few integers in all channels. And the clusters lie evenly, as
many as an entropy allows: gzip spends bits by frequency, not by the number of values, and for a given entropy even
steps are nearly the best there is (Gish and Pierce, Asymptotically efficient quantizing, 1968). The entropy goes where
the loss needs it: a small first layer costs next to nothing and gets fine steps, large last ones coarse steps.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecnn._tensorflow import keras, tf
from edgecnn.compress._importance import curvature
from edgecnn.compress._job import PATIENT, Job, Outcome
from edgecnn.compress._structure import ZEROS_FROM, channel_maxima
from edgecnn.compress.magnitude import clone, ordinary
from edgecnn.errors import UsageError

SUMMARY = "let the weights of a layer share a few values: a smaller download"
DEFAULTS = PATIENT.replace(epochs=12)


@dataclass(frozen=True)
class Options:
    """How coarse the weights become.

    Attributes:
        clusters: different values in each kernel at most, relative to the channel's largest.
        bits: entropy of these values, in bits for each weight, in the mean over all kernels; gzip needs a quarter more.
    """

    clusters: int = 16
    bits: float = 1.7

    def __post_init__(self) -> None:
        if not 3 <= self.clusters <= 255:
            raise UsageError(f"clusters is {self.clusters}; expected 3 to 255.")
        if not 0.5 <= self.bits <= 8:
            raise UsageError(f"bits is {self.bits}; expected 0.5 to 8.")


def compress(job: Job, options: Options) -> Outcome:
    """Cluster, and fine-tune with the clusters in place."""
    model = clone(job.model)
    kernels = {name: model.get_layer(name).kernel for name in ordinary(model)}
    job.progress("Asking what the loss needs", 0, 0)
    clustering = Clustering(kernels, codebooks(kernels, curvature(model, kernels, job.batches), options))
    model = job.train(model, (clustering,))
    account = {
        "method": "clusters",
        "clusters": options.clusters,
        "bits": options.bits,
        "entropy_bits": round(clustering.entropy_bits(), 3),
        "layers": list(kernels),
    }
    return Outcome(model, account)


@dataclass(frozen=True)
class Codebook:
    """Values of the clusters, ascending, float32 (clusters,), and what lies between them, (clusters - 1,)."""

    values: np.ndarray
    boundaries: np.ndarray

    @classmethod
    def even(cls, levels: int) -> Codebook:
        """An even grid over -1..1, with 0 and so many positive values."""
        values = np.linspace(-1, 1, 2 * levels + 1, dtype=np.float32)
        return cls(values, (values[1:] + values[:-1]) / 2)

    def members(self, weights: np.ndarray) -> np.ndarray:
        """The cluster of each weight."""
        return np.searchsorted(self.boundaries, weights)


def entropy_bits(members: np.ndarray) -> float:
    """Shannon's, for each symbol."""
    shares = np.bincount(members.reshape(-1)) / members.size
    shares = shares[shares > 0]
    return float(-(shares * np.log2(shares)).sum())


def codebooks(
    kernels: Mapping[str, Any], curvatures: Mapping[str, np.ndarray], options: Options
) -> dict[str, Codebook]:
    """The even grids that raise the loss least for `options.bits` in the mean.

    An even step's error is step^2 / 12 for each weight, and a kernel's entropy falls by a bit when its step doubles.
    So the sum of curvature * error is least when the product is the same in all kernels (the Lagrangian's condition).

    Args:
        kernels: layer name -> variable.
        curvatures: the same -> see `_importance.curvature`.
        options: clusters and bits.
    """
    most = (options.clusters - 1) // 2
    weights = {name: relative(kernel.numpy()) for name, kernel in kernels.items()}
    scales = {name: channel_maxima(kernel.numpy()) for name, kernel in kernels.items()}
    slopes = {name: float((curvatures[name] * scales[name] ** 2).mean()) for name in kernels}
    total = sum(values.size for values in weights.values())

    @functools.cache
    def bits(name: str, levels: int) -> float:
        return entropy_bits(Codebook.even(levels).members(weights[name])) * weights[name].size / total

    def chosen(allowed: float) -> dict[str, int]:
        return {name: int(np.clip(np.ceil(np.sqrt(slope / allowed)), 1, most)) for name, slope in slopes.items()}

    low, high = -40.0, 20.0  # powers of ten of what each weight may add to the loss
    for _ in range(60):
        middle = (low + high) / 2
        needed = sum(bits(name, levels) for name, levels in chosen(10**middle).items())
        low, high = (middle, high) if needed > options.bits else (low, middle)
    return {name: Codebook.even(levels) for name, levels in chosen(10**high).items()}


def relative(weights: np.ndarray) -> np.ndarray:
    """Weights that are not pruned, as shares of their channel's largest, float64 (weights,)."""
    shares: np.ndarray = (weights / channel_maxima(weights)).astype(np.float64)
    return shares[alive(weights)]


def alive(weights: np.ndarray) -> np.ndarray:
    """Which weights may move: all, or all but the zeros when there are so many that the kernel was pruned."""
    nonzero: np.ndarray = weights != 0
    return nonzero if float(1 - nonzero.mean()) >= ZEROS_FROM else np.ones_like(nonzero)


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
        self._project = tf.function(self._projected)
        self._projected()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Take over the step, and show the clusters again."""
        self._project()

    def entropy_bits(self) -> float:
        """Of all kernels, for each weight."""
        parts = [(entropy_bits(state.members().numpy()), state.hidden.shape.num_elements()) for state in self._states]
        return sum(bits * size for bits, size in parts) / sum(size for _, size in parts)

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

    def members(self) -> Any:
        """The cluster of each weight, int32 (weights,)."""
        return tf.searchsorted(self.boundaries, tf.reshape(self.hidden, [-1]))

    def project(self) -> None:
        self.hidden.assign_add(self.kernel / self.scale - self.shown)
        members = self.members()
        count = self.values.shape[0]
        flat = tf.reshape(self.hidden, [-1])
        sizes = tf.math.unsorted_segment_sum(tf.ones_like(flat), members, count)
        means = tf.math.unsorted_segment_sum(flat, members, count) / tf.maximum(sizes, 1.0)
        inner = tf.where(sizes > 0, means, self.values)[1:-1]
        self.values.assign(tf.concat([self.values[:1], inner, self.values[-1:]], 0))
        self.shown.assign(tf.reshape(tf.gather(self.values, members), self.hidden.shape) * self.mask)
        self.kernel.assign(self.shown * self.scale)
