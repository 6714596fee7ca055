"""The moving statistics of batch norms after surgery."""

from __future__ import annotations

from typing import Any

from edgecnn.compression.importance import Batches
from edgecnn.core.compat.tensorflow import keras


def settle(model: Any, batches: Batches) -> None:
    """Replace the moving mean and variance of every batch norm by their averages over some batches.

    The weights don't change. Layers that lost inputs see another distribution than the one they remember.
    """
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    before = [(layer.momentum, layer.trainable) for layer in norms]
    for layer in norms:
        layer.trainable = True
    try:
        for count, (pictures, _) in enumerate(batches):
            for layer in norms:
                layer.momentum = count / (count + 1)
            model(pictures, training=True)
    finally:
        for layer, (momentum, trainable) in zip(norms, before):
            layer.momentum, layer.trainable = momentum, trainable
