"""Families built as published weights need them: all of it still goes to int8, and the default is what it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgecnn.core.compat.tensorflow import keras
from edgecnn.core.registry import MODEL_FAMILIES
from edgecnn.float_model import keras_file
from edgecnn.models import catalog, spec
from edgecnn.quantization import Calibration, quantize
from edgecnn.quantization.refusals import float_operators
from edgecnn.runtime.model.contract import Contract
from edgecnn.weights import published

EXAMPLES = (
    "timm:mobilenetv2_100",
    "timm:efficientnet_b0",
    "timm:mobilenetv4_conv_small",
    "timm:resnetv2_50",
    "torchvision:googlenet",
)


def built(name: str, arguments: dict[str, Any], size: int = 64, **options: Any) -> Any:
    build = MODEL_FAMILIES.load(catalog.family(name)).build
    return build(input_shape=(size, size, 3), classes=2, width=0.25, **{**spec(name).arguments, **arguments}, **options)


@pytest.mark.parametrize("example", EXAMPLES)
def test_no_operator_stays_in_float(example: str, tmp_path: Path, picture_folder: Path) -> None:
    row = published.named(example)
    assert row.arguments, "an example that differs from the default"
    contract = Contract(spec(row.variant).preprocessing(64), labels=("ant", "bee"))
    keras_file.save(built(row.variant, dict(row.arguments)), contract, tmp_path / "m.keras")
    calibration = Calibration(str(picture_folder), 4)
    file = quantize(tmp_path / "m.keras", tmp_path / "m.tflite", calibration=calibration)
    assert float_operators(file.model.graph) == []
    keras.backend.clear_session()


def test_symmetric_padding_adds_zeros_only_where_the_stride_is_2() -> None:
    """Elsewhere TensorFlow's padding is symmetric too; a PAD operator for nothing would cost time."""
    model = built("mobilenet_v2", {"style": {"symmetric": True}})
    padded = [layer for layer in model.layers if isinstance(layer, keras.layers.ZeroPadding2D)]
    strided = [layer for layer in model.layers if getattr(layer, "strides", (1, 1)) == (2, 2)]
    assert len(padded) == len(strided) == 5
    assert all(layer.padding == "valid" for layer in strided)


@pytest.mark.parametrize("size", [64, 63, 61, 34])
def test_repeated_edges_pool_as_padding_with_minus_infinity(size: int) -> None:
    """timm's ResNet v2 pools values below zero, for which zeros around the map would be maxima."""
    model = built("resnet18_v2", {"version": "v2_timm"}, size)
    stem = keras.Model(model.input, [model.get_layer(name).output for name in ("stem_conv", "stem_pool")])
    image = np.random.default_rng(0).normal(size=(1, size, size, 3)).astype(np.float32)
    before, pooled = (values.numpy()[0] for values in stem(image))
    framed = np.pad(before, ((1, 1), (1, 1), (0, 0)), constant_values=-np.inf)
    rows, columns = ((length - 1) // 2 + 1 for length in before.shape[:2])
    expected = [
        [framed[2 * row : 2 * row + 3, 2 * column : 2 * column + 3].max((0, 1)) for column in range(columns)]
        for row in range(rows)
    ]
    np.testing.assert_array_equal(pooled, np.array(expected))


@pytest.mark.parametrize("name", ["mobilenet_v2", "efficientnet_b0", "googlenet_bn", "cvt_13"])
def test_without_a_style_nothing_changes(name: str) -> None:
    """No layer of zeros, and TensorFlow's padding in all convolutions, as in the reference implementations."""
    config = json.loads(built(name, {}).to_json())["config"]["layers"]
    again = json.loads(built(name, {} if name == "cvt_13" else {"style": None}).to_json())["config"]["layers"]
    assert config == again
    depthwise = [layer["config"]["padding"] for layer in config if layer["class_name"] == "DepthwiseConv2D"]
    assert set(depthwise) <= {"same"}
