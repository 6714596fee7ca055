"""What tensorflow-model-optimization puts around layers: read where a file has it, and taken off again."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from edgecnn.core.compat.tensorflow import keras
from edgecnn.float_model.keras_names import WRAPPERS


@contextlib.contextmanager
def known(config: str) -> Iterator[None]:
    """Let Keras find the wrappers that a configuration names, by tensorflow-model-optimization's own classes.

    Args:
        config: the configuration as JSON; one that names none costs nothing.
    """
    if not any(f'"{name}"' in config for name in WRAPPERS):
        yield
        return
    _ = keras.layers  # TensorFlow with its settings, before TFMOT imports it without
    import tensorflow_model_optimization as tfmot

    clustering = tfmot.clustering.keras.cluster_scope
    with tfmot.sparsity.keras.prune_scope(), clustering(), tfmot.quantization.keras.quantize_scope():
        yield


def taken_off(model: Any) -> Any:
    """The model without pruning and clustering wrappers: the same layers and weights.

    Wrappers of quantization-aware training stay: their ranges are what the model was trained for.
    """
    names = {type(layer).__name__ for layer in model.submodules}
    if not names & {"PruneLowMagnitude", "ClusterWeights"}:
        return model
    import tensorflow_model_optimization as tfmot

    if "PruneLowMagnitude" in names:
        model = tfmot.sparsity.keras.strip_pruning(model)
    return tfmot.clustering.keras.strip_clustering(model) if "ClusterWeights" in names else model
