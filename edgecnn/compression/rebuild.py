"""A smaller Keras model: the same layers and names with fewer channels, and the weights of those that stay."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgecnn.compression.coupling import Coupling, Keep, Slices
from edgecnn.core.compat import keras_graph
from edgecnn.core.compat.tensorflow import keras


def rebuild(model: Any, coupling: Coupling, keep: Keep) -> Any:
    """The model without the channels that `keep` leaves out; an ordinary functional model.

    Args:
        model: as given to `Coupling.of`.
        coupling: of this model.
        keep: group -> bool (size,).
    """

    def narrowed(layer: Any) -> Any:
        config = layer.get_config()
        slices = coupling.layers.get(layer.name)
        if slices is not None and slices.width:
            config[slices.width] = int(coupling.kept(slices.output, keep).sum())
        return type(layer).from_config(config)

    smaller = keras.models.clone_model(model, clone_function=narrowed)
    keras_graph.rename(smaller, model.name)
    for layer in smaller.layers:
        arrays = model.get_layer(layer.name).get_weights()
        layer.set_weights(_cut(arrays, coupling, coupling.layers.get(layer.name), keep))
    return smaller


def _cut(arrays: list[np.ndarray], coupling: Coupling, slices: Slices | None, keep: Keep) -> list[np.ndarray]:
    result = list(arrays)
    for (position, axis), along in (slices.weights if slices else {}).items():
        result[position] = np.compress(coupling.kept(along, keep), result[position], axis=axis)
    return result
