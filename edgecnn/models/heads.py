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


def without_softmax(model: Any) -> Any:
    """The model up to its logits, if it ends in a softmax of its own; the same weights.

    Raises:
        UsageError: it ends in probabilities by something else.
    """
    last = model.layers[-1]
    if isinstance(last, keras.layers.Softmax):
        return keras.Model(model.input, last.input, name=model.name)
    if getattr(last, "activation", None) is not keras.activations.softmax:
        raise UsageError(
            f"{model.name} ends in probabilities that do not come from a softmax; training needs logits. End the "
            "model with a softmax or with logits."
        )
    if isinstance(last, keras.layers.Activation):
        return keras.Model(model.input, last.input, name=model.name)
    linear = type(last).from_config({**last.get_config(), "activation": "linear"})
    logits = keras.Model(model.input, linear(last.input), name=model.name)
    linear.set_weights(last.get_weights())
    return logits


def last_dense(model: Any) -> Any:
    """The last layer with weights.

    Raises:
        UsageError: it is no dense layer.
    """
    dense = next((layer for layer in reversed(model.layers) if layer.weights), None)
    if not isinstance(dense, keras.layers.Dense):
        kind = type(dense).__name__
        raise UsageError(
            f"The last layer of {model.name} with weights is a {kind}; training needs a dense layer there. "
            "Replace the layer."
        )
    return dense
