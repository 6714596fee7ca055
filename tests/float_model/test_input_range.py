"""The input's range is found from what the model computes; the right one is what its documented preprocessing takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras as keras3
import numpy as np
import pytest

from edgecnn.core.compat.tensorflow import keras, tf
from edgecnn.float_model import loading
from edgecnn.float_model.input_range import input_range
from edgecnn.runtime.model.input_range import PIXELS, SIGNED, UNIT, InputRange

SIZE = 32


def model(scaling: Callable[[Any], Any], kind: Any = keras3, dtype: str = "float32", channels: int = 3) -> Any:
    """A small classifier behind what scales its input."""
    picture = kind.Input((SIZE, SIZE, channels), dtype=dtype)
    x = kind.layers.Conv2D(4, 3, padding="same")(scaling(picture))
    x = kind.layers.GlobalAveragePooling2D()(x)
    return kind.Model(picture, kind.layers.Dense(3)(x))


def found(of: Any, channels: int = 3) -> InputRange | None:
    return input_range(lambda x: of(x, training=False), (SIZE, SIZE, channels), of.inputs[0].dtype)


def nested(scaling: Any) -> Callable[[Any], Any]:
    inner = keras3.Input((SIZE, SIZE, 3))
    return keras3.Model(inner, keras3.layers.Conv2D(4, 1)(scaling(inner)))


def batch_norm(mean: float, variance: float) -> Callable[[Any], Any]:
    def scale(x: Any) -> Any:
        layer = keras3.layers.BatchNormalization()
        y = layer(x)
        layer.set_weights([np.full(3, value) for value in (1.0, 0.0, mean, variance)])
        return y

    return scale


def normalization(mean: list[float], variance: list[float]) -> Callable[[Any], Any]:
    return keras3.layers.Normalization(mean=mean, variance=variance)


def augmented(x: Any) -> Any:
    for layer in (keras3.layers.RandomFlip(), keras3.layers.RandomRotation(0.1), keras3.layers.RandomZoom(0.1),
                  keras3.layers.RandomContrast(0.1), keras3.layers.Rescaling(1 / 255)):  # fmt: skip
        x = layer(x)
    return x


def channels_first(x: Any) -> Any:
    x = keras3.layers.Rescaling(1 / 127.5, -1)(keras3.layers.Permute((3, 1, 2))(x))
    return keras3.layers.Permute((2, 3, 1))(x)


def merged_channels(x: Any) -> Any:
    parts = [keras3.layers.Rescaling(1 / 255)(x[..., each : each + 1]) for each in (2, 1, 0)]
    return keras3.layers.Concatenate()(parts)


@pytest.mark.parametrize(
    ("scaling", "expected"),
    [
        (lambda x: x, None),
        (lambda x: x / 255, PIXELS),
        (keras3.layers.Rescaling(1 / 127.5, -1), PIXELS),
        (keras3.applications.mobilenet_v2.preprocess_input, PIXELS),
        (keras3.applications.resnet50.preprocess_input, PIXELS),
        (keras3.applications.densenet.preprocess_input, PIXELS),
        (keras3.Sequential([keras3.layers.Rescaling(1 / 255)]), PIXELS),
        (nested(keras3.layers.Rescaling(1 / 255)), PIXELS),
        (augmented, PIXELS),
        (channels_first, PIXELS),
        (merged_channels, PIXELS),
        (normalization([123.7, 116.3, 103.5], [3410.0, 3263.0, 3292.0]), PIXELS),
        (normalization([0.485, 0.456, 0.406], [0.052, 0.050, 0.051]), UNIT),
        (batch_norm(120.0, 4000.0), PIXELS),
        (batch_norm(0.46, 0.07), UNIT),
        (batch_norm(-0.1, 0.3), SIGNED),
        (batch_norm(0.0, 1.0), None),
        (lambda x: x * 2 - 1, UNIT),
        (lambda x: x - 0.45, UNIT),
        (lambda x: x * 0.5 + 0.5, SIGNED),
        (lambda x: keras3.ops.clip(x / 255, 0, 1), PIXELS),
        (lambda x: keras3.layers.ZeroPadding2D(2)(keras3.layers.Rescaling(1 / 255)(x)), PIXELS),
        (lambda x: keras3.layers.Resizing(16, 16)(x) / 255, PIXELS),
    ],
)  # fmt: skip
def test_range_by_arithmetic(scaling: Callable[[Any], Any], expected: InputRange | None) -> None:
    assert found(model(scaling)) == expected


def test_integer_input_takes_pixels() -> None:
    assert found(model(lambda x: keras3.ops.cast(x, "float32") / 255, dtype="uint8")) == PIXELS


def test_dense_layers_and_gray_images() -> None:
    picture = keras3.Input((SIZE, SIZE, 1))
    x = keras3.layers.Flatten()(picture / 255)
    assert found(keras3.Model(picture, keras3.layers.Dense(3)(x)), channels=1) == PIXELS


def test_keras_2() -> None:
    assert found(model(keras.Sequential([keras.layers.Rescaling(1 / 255)]), kind=keras)) == PIXELS


@pytest.mark.parametrize(
    ("name", "expected"), [("EfficientNetB0", PIXELS), ("MobileNetV3Small", PIXELS), ("MobileNetV2", None)]
)
def test_backbones_of_keras_applications(name: str, expected: InputRange | None) -> None:
    """Their documentation says which of them preprocess inside."""
    backbone = getattr(keras3.applications, name)(weights=None, include_top=False, input_shape=(SIZE, SIZE, 3))
    assert found(model(lambda x: backbone(keras3.layers.RandomFlip()(x)))) == expected


@pytest.mark.parametrize("exported", [True, False])
def test_saved_models(tmp_path: Path, exported: bool) -> None:
    saved = model(keras3.layers.Rescaling(1 / 255))
    saved.export(tmp_path / "m", verbose=False) if exported else tf.saved_model.save(saved, str(tmp_path / "m"))
    contract = loading.load(tmp_path / "m").contract
    assert contract.preprocessing.mean == (0.0,) and contract.preprocessing.std == (1.0,)


def test_a_model_that_scales_nothing_is_said_to(tmp_path: Path) -> None:
    model(lambda x: x).save(tmp_path / "m.keras")
    contract = loading.load(tmp_path / "m.keras").contract
    assert contract.preprocessing.mean == (127.5,)
    assert any("--mean 0 --std 255" in sentence for sentence in contract.assumed)
