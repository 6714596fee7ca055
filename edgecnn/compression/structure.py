"""Keeps zeros zero and clusters clustered while a pruned or clustered model trains on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecnn.core.compat.tensorflow import keras, tf
from edgecnn.float_model.kernels import channel_maxima, clusters, is_pruned
from edgecnn.training.qat.emulation import Emulation


@dataclass(frozen=True)
class _Zeros:
    kernel: Any
    mask: Any

    def project(self) -> None:
        self.kernel.assign(self.kernel * self.mask)


@dataclass(frozen=True)
class _Clusters:
    """Values relative to their channel's `scale`; `alive` is 0 for the cluster of pruned weights."""

    kernel: Any
    scale: Any
    members: Any
    alive: Any

    def project(self) -> None:
        relative = tf.reshape(self.kernel / self.scale, [-1])
        means = tf.math.unsorted_segment_mean(relative, self.members, self.alive.shape[0]) * self.alive
        self.kernel.assign(tf.reshape(tf.gather(means, self.members), self.kernel.shape) * self.scale)


class KeepStructure(keras.callbacks.Callback):  # type: ignore[misc]
    """After every step, set pruned weights back to zero, and every cluster to the mean of its members.

    The mean of the members after a step is the old value plus the mean of their updates: the cluster has taken the step
    itself. A kernel's structure is what it has when training begins.

    Args:
        emulation: whose kernels are watched.
    """

    def __init__(self, emulation: Emulation) -> None:
        super().__init__()
        self._kinds: dict[str, str] = {}
        self._kept: list[_Clusters | _Zeros] = []
        for name, kernel in emulation.kernels().items():
            self._watch(name, kernel)
        self._project = tf.function(self._projected) if self._kept else None

    def _watch(self, name: str, kernel: Any) -> None:
        weights = kernel.numpy()
        pruned = f"{float((weights == 0).mean()):.2f} zeros" if is_pruned(weights) else ""
        if found := clusters(weights):
            values, members = found
            self._kinds[name] = f"{len(values)} values" + (f", {pruned}" if pruned else "")
            alive = (values != 0).astype(np.float32) if pruned else np.ones(len(values), np.float32)
            constants = [tf.constant(array) for array in (channel_maxima(weights), members.astype(np.int32), alive)]
            self._kept.append(_Clusters(kernel, *constants))
        elif pruned:
            self._kinds[name] = pruned
            self._kept.append(_Zeros(kernel, tf.constant((weights != 0).astype(np.float32))))

    def account(self) -> dict[str, str]:
        """Layer name -> what is kept in its kernel."""
        return dict(self._kinds)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Project."""
        if self._project is not None:
            self._project()

    def _projected(self) -> None:
        for kept in self._kept:
            kept.project()
