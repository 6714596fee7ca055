"""The end of a network: the last dense layer, and another one in its place."""

from __future__ import annotations

from typing import Any

from edgecnn.core.compat.tensorflow import keras
from edgecnn.core.errors import UsageError
from edgecnn.models.blocks import HEAD


def with_dense_head(model: Any, outputs: int) -> Any:
    """The model with a new last layer: a dense layer to that many outputs, on the same weights otherwise.

    It starts at zero: random logits of large features would have to be unlearned first.

    Raises:
        UsageError: the model doesn't end with a dense layer (and perhaps an activation).
    """
    dense = last_dense(model)
    answers = keras.layers.Dense(outputs, kernel_initializer="zeros", name=HEAD)(dense.input)
    return keras.Model(model.input, answers, name=model.name)


def last_dense(model: Any) -> Any:
    """The last layer with weights.

    Raises:
        UsageError: it is no dense layer.
    """
    dense = next((layer for layer in reversed(model.layers) if layer.weights), None)
    if not isinstance(dense, keras.layers.Dense):
        kind = type(dense).__name__
        raise UsageError(
            f"The last layer of {model.name} with weights is a {kind}; training needs a dense layer there."
        )
    return dense
