"""Removing channels physically computes what the whole network computes when nobody reads these channels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgecnn.builder import build_model
from edgecnn.compression.coupling import Coupling, Keep
from edgecnn.compression.rebuild import rebuild
from edgecnn.core.compat.tensorflow import keras
from edgecnn.core.registry import MODEL_FAMILIES
from edgecnn.models import variants
from edgecnn.models.catalog import family

RNG = np.random.default_rng(0)


def smallest(name: str) -> str:
    rows = variants()
    return min((variant for variant in rows if family(variant) == name), key=lambda variant: rows[variant].macs)


def some(coupling: Coupling) -> Keep:
    """A random third of every group's channels, at least one."""
    keep = {}
    for group, size in coupling.prunable().items():
        keep[group] = np.zeros(size, bool)
        keep[group][RNG.permutation(size)[: max(1, size // 3)]] = True
    return keep


def unread(model: Any, coupling: Coupling, keep: Keep) -> Any:
    """The whole model, with zeros where a layer would read a channel that is to go: an independent way to lose it."""
    same = keras.models.clone_model(model)
    for layer in same.layers:
        arrays = model.get_layer(layer.name).get_weights()
        slices = coupling.layers.get(layer.name)
        for (position, axis), along in (slices.consumed if slices else {}).items():
            shape = [-1 if dimension == axis else 1 for dimension in range(arrays[position].ndim)]
            arrays[position] = arrays[position] * coupling.kept(along, keep).reshape(shape)
        layer.set_weights(arrays)
    return same


def shaken(model: Any) -> Any:
    """Random weights everywhere, also in the biases and statistics that start as zeros and ones."""
    model.set_weights(
        [np.abs(w + RNG.normal(0, 0.1, w.shape)) if w.ndim == 1 else w * RNG.uniform(1, 2) for w in model.get_weights()]
    )
    return model


def check(model: Any, shape: tuple[int, ...]) -> tuple[Coupling, Any]:
    coupling = Coupling.of(shaken(model))
    keep = some(coupling)
    smaller = rebuild(model, coupling, keep)
    picture = RNG.normal(size=(2, *shape)).astype(np.float32)
    expected = unread(model, coupling, keep)(picture).numpy()
    assert [layer.name for layer in smaller.layers] == [layer.name for layer in model.layers]
    np.testing.assert_allclose(smaller(picture).numpy(), expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
    return coupling, smaller


@pytest.mark.parametrize("name", MODEL_FAMILIES.names())
def test_every_family(name: str) -> None:
    model, contract = build_model(smallest(name), input_size=64, width=0.5, classes=5)
    coupling, smaller = check(model, contract.preprocessing.shape)
    if coupling.prunable():
        assert smaller.count_params() < 0.6 * model.count_params()


def test_concatenation_and_flatten() -> None:
    picture = keras.Input((6, 6, 3))
    left = keras.layers.Conv2D(8, 3, padding="same", name="left")(picture)
    right = keras.layers.Conv2D(16, 1, name="right")(picture)
    both = keras.layers.Concatenate()([left, right])
    both = keras.layers.BatchNormalization()(both)
    both = keras.layers.SeparableConv2D(16, 3, name="separable")(both)
    both = keras.layers.Concatenate()([both, keras.layers.PReLU()(both)])
    flat = keras.layers.Flatten()(keras.layers.AveragePooling2D()(both))
    logits = keras.layers.Dense(4)(keras.layers.Dense(12, name="hidden")(flat))
    coupling, smaller = check(keras.Model(picture, logits), (6, 6, 3))
    assert {coupling.name(group) for group in coupling.prunable()} == {"left", "right", "separable", "hidden"}
    assert smaller.get_layer("separable").get_weights()[0].shape == (3, 3, 2 + 5, 1)


def test_what_is_unknown_stays_whole() -> None:
    picture = keras.Input((8, 8, 3))
    before = keras.layers.Conv2D(8, 1, name="before")(picture)
    strange = keras.layers.Lambda(lambda x: x[..., ::-1])(before)
    after = keras.layers.Conv2D(8, 1, name="after")(strange)
    grouped = keras.layers.Conv2D(8, 3, groups=2, name="grouped")(after)
    last = keras.layers.Conv2D(8, 1, name="last")(grouped)
    shared = keras.layers.Conv2D(8, 1, name="shared")
    twice = keras.layers.Add()([shared(last), shared(keras.layers.ReLU()(last))])
    logits = keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(twice))
    coupling = Coupling.of(keras.Model(picture, logits))
    assert coupling.prunable() == {}


def test_spatial_attention_is_not_coupled_with_the_channels_it_scales() -> None:
    picture = keras.Input((8, 8, 3))
    features = keras.layers.Conv2D(16, 3, name="features")(picture)
    where = keras.layers.Conv2D(1, 1, activation="sigmoid", name="where")(features)
    scaled = keras.layers.Multiply()([features, where])
    logits = keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(scaled))
    coupling, _ = check(keras.Model(picture, logits), (8, 8, 3))
    assert coupling.prunable()[0 if coupling.name(0) == "features" else 1] == 16


def test_an_architecture_by_others() -> None:
    # DenseNet121, NASNetMobile and Xception pass too; they take a minute.
    model = keras.applications.ResNet50(weights=None, input_shape=(32, 32, 3), classes=3)
    coupling, smaller = check(model, (32, 32, 3))
    assert len(coupling.prunable()) == 37 and smaller.count_params() < 0.2 * model.count_params()
