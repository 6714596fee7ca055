"""Gradual magnitude pruning of kernels: which weights become zero, and when."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgecnn.core.compat.tensorflow import keras, tf

FREQUENCY = 20
"""Steps between two updates of the masks."""
SETTLED = 0.6
"""Share of the training after which the zeros are fixed."""
_TOP = 0.5  # of TFMOT's schedule, which refuses 1; scaled to each kernel's own share


def uniform(kernels: Mapping[str, Any], sparsity: float, least: float = 0.0) -> dict[str, float]:
    """The same share of zeros in every kernel."""
    return dict.fromkeys(kernels, max(sparsity, least))


def layerwise(kernels: Mapping[str, Any], sparsity: float, least: float = 0.0) -> dict[str, float]:
    """Share of zeros of each kernel when all weights compete by their LAMP score (arXiv:2010.07611, equation 3).

    A weight's score is its square as a share of the squares of all weights of its layer that are not smaller. It makes
    layers comparable: what is 90 % of a narrow layer's strength stays, what is one of a million equal weights goes.

    Args:
        kernels: layer name -> variable.
        sparsity: share of zeros of all kernels together, 0..1.
        least: share of zeros that every kernel has at least, 0..sparsity.
    """
    scores = {name: _lamp(kernel.numpy()) for name, kernel in kernels.items()}
    total = sum(score.size for score in scores.values())

    def shares(threshold: float) -> dict[str, float]:
        return {name: max(float((score < threshold).mean()), least) for name, score in scores.items()}

    low, high = -30.0, 0.1  # powers of ten; a score is at most 1
    for _ in range(60):
        middle = (low + high) / 2
        zeros = sum(share * scores[name].size for name, share in shares(10**middle).items())
        low, high = (middle, high) if zeros < sparsity * total else (low, middle)
    return shares(10**high)


def _lamp(kernel: np.ndarray) -> np.ndarray:
    squares = np.sort(kernel.reshape(-1).astype(np.float64) ** 2)
    rest: np.ndarray = np.cumsum(squares[::-1])[::-1]
    return squares / np.maximum(rest, 1e-30)


class Zeroing(keras.callbacks.Callback):  # type: ignore[misc]
    """Raises the share of zeros along TFMOT's polynomial schedule (arXiv:1710.01878, equation 1) while a model trains.

    Args:
        kernels: layer name -> variable.
        sparsity: layer name -> share of zeros at the end.
        steps: of the whole training.
    """

    def __init__(self, kernels: Mapping[str, Any], sparsity: Mapping[str, float], steps: int) -> None:
        super().__init__()
        from edgecnn.core.compat.tfmot import PolynomialDecay

        self._kernels, self._sparsity = dict(kernels), dict(sparsity)
        end = max(int(steps * SETTLED), 1)
        self._schedule = PolynomialDecay(0.0, _TOP, begin_step=0, end_step=end, power=3, frequency=min(FREQUENCY, end))
        self._masks = {name: tf.Variable(tf.ones(kernel.shape), trainable=False) for name, kernel in kernels.items()}
        self._end = end
        self.purpose = {"sparsity": self._sparsity, "steps": steps}
        self._project = tf.function(self._projected)

    def state(self) -> list[np.ndarray]:
        """What a checkpoint needs beside the weights."""
        return [mask.numpy() for mask in self._masks.values()]

    def restore(self, state: Sequence[np.ndarray]) -> None:
        """The inverse of `state`."""
        for mask, values in zip(self._masks.values(), state):
            mask.assign(values)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Update the masks when it is their time, and set to zero what they cover."""
        step = int(self.model.optimizer.iterations)  # goes on where it was after an interruption
        due, share = self._schedule(tf.constant(step))
        if bool(due) or step == self._end:
            self.update(1.0 if step >= self._end else float(share) / _TOP)
        self._project()

    def update(self, share: float) -> None:
        """Cover the smallest weights.

        Args:
            share: of the zeros at the end, 0..1.
        """
        for name, kernel in self._kernels.items():
            size = np.abs(kernel.numpy())
            count = round(size.size * self._sparsity[name] * share)
            mask = np.ones(size.size, np.float32)
            mask[np.argsort(size, axis=None, kind="stable")[:count]] = 0
            self._masks[name].assign(mask.reshape(size.shape))

    def finish(self) -> None:
        """All zeros that were asked for, also after a training that ended early."""
        self.update(1.0)
        self._project()

    def _projected(self) -> None:
        for name, kernel in self._kernels.items():
            kernel.assign(kernel * self._masks[name])


RANKINGS = {"global": layerwise, "layer": uniform}


def share_of_zeros(kernels: Mapping[str, Any]) -> float:
    """Over all of these kernels."""
    counts = [(int((kernel.numpy() == 0).sum()), int(np.prod(kernel.shape))) for kernel in kernels.values()]
    zeros, total = functools.reduce(lambda a, b: (a[0] + b[0], a[1] + b[1]), counts, (0, 0))
    return zeros / max(total, 1)
