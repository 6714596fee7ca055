"""Batch norms' moving statistics in a short training."""

from __future__ import annotations

from edgecnn.builder import build_model
from edgecnn.core.compat.tensorflow import keras
from edgecnn.training.model import let_statistics_follow


def momenta(model) -> set[float]:
    return {layer.momentum for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)}


def test_a_short_training_is_followed_and_a_long_one_as_published() -> None:
    model, _ = build_model("mobilenet_v2", input_size=32, width=0.35, classes=2)
    assert momenta(model) == {0.999}
    let_statistics_follow(model, 1_000_000)
    assert momenta(model) == {0.999}
    let_statistics_follow(model, 400)
    assert momenta(model) == {0.95}
    let_statistics_follow(model, 1)
    assert momenta(model) == {0.0}
