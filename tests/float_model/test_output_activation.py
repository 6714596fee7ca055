"""The kind of a Keras model's output, told by what its graph does last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edgecnn.core.compat.tensorflow import keras, tf
from edgecnn.core.errors import ModelFileError
from edgecnn.core.hints import Hints
from edgecnn.float_model.loading import from_model
from edgecnn.runtime.model.output_kind import ONE_LOGIT

L = keras.layers


def classifier(head: Callable[[Any], Any]) -> Any:
    image = keras.Input((8, 8, 3))
    return keras.Model(image, head(L.GlobalAveragePooling2D()(L.Conv2D(4, 3)(image))))


def nested(features: Any) -> Any:
    given = keras.Input((4,))
    return keras.Model(given, L.Dense(1, activation="sigmoid")(given))(features)


HEADS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "softmax": (lambda x: L.Dense(3, activation="softmax")(x), "probabilities"),
    "softmax_reshaped": (lambda x: L.Reshape((1, 1, 3))(L.Softmax()(L.Dense(3)(x))), "probabilities"),
    "logits": (lambda x: L.Dense(3)(x), "logits"),
    "sigmoids": (lambda x: L.Dense(3, activation="sigmoid")(x), "independent_probabilities"),
    "sigmoids_joined": (
        lambda x: L.Concatenate()([L.Dense(1, activation="sigmoid")(x), L.Dense(2, activation="sigmoid")(x)]),
        "independent_probabilities",
    ),
    "sigmoid": (lambda x: L.Dense(1, activation="sigmoid")(x), "binary_probability"),
    "sigmoid_nested": (nested, "binary_probability"),
    "logit": (lambda x: L.Dense(1)(x), "binary_logit"),
}


@pytest.mark.parametrize("name", list(HEADS))
def test_the_kind_is_that_of_the_head(name: str) -> None:
    head, kind = HEADS[name]
    contract = from_model(classifier(head)).contract
    assert contract.output == kind
    assert (ONE_LOGIT in contract.assumed) == (kind == "binary_logit")


def test_sigmoids_that_add_up_to_one_are_no_softmax() -> None:
    """Not told by the values for one image: these are 0.25 and 0.75 whatever it is."""
    model = classifier(lambda x: L.Dense(2, activation="sigmoid", kernel_initializer="zeros")(x))
    bias = np.log([1 / 3, 3])
    model.layers[-1].set_weights([np.zeros((4, 2)), bias])
    assert float(tf.reduce_sum(model(np.ones((1, 8, 8, 3), np.float32)))) == pytest.approx(1)
    assert from_model(model).contract.output == "independent_probabilities"


def test_what_is_said_counts() -> None:
    model = classifier(lambda x: L.Dense(1)(x))
    contract = from_model(model, None, Hints(output_kind="binary_probability")).contract
    assert contract.output == "binary_probability" and ONE_LOGIT not in contract.assumed


def test_one_unit_with_a_softmax_is_refused() -> None:
    with pytest.raises(ModelFileError, match="so it is 1 for every image"):
        from_model(classifier(lambda x: L.Dense(1, activation="softmax")(x)))


def test_a_map_is_refused() -> None:
    image = keras.Input((8, 8, 3))
    with pytest.raises(ModelFileError, match=r"shape \[batch, 8, 8, 4\]; expected \[batch, classes\]"):
        from_model(keras.Model(image, L.Conv2D(4, 1)(image)))
