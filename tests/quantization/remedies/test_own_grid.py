"""Weights that were quantized once keep their grid: the int8 file holds exactly the float model's weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgecnn.core.compat.litert_schema import unpack
from edgecnn.core.compat.tensorflow import keras
from edgecnn.float_model.loading import from_model
from edgecnn.float_model.traced import FloatModel
from edgecnn.graph.float_graph import FloatGraph
from edgecnn.graph.pairing import computing
from edgecnn.quantization import Calibration, own_grid, quantize


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([90, -7, 31, 64], 90),
        ([-42, 13, 5, 0], 3 * 42),  # in thirds of its step: the finest grid that fits
        ([127, 1, -2, 9], 127),
        ([200, -7, 31, 63], 0),  # uint8 with a zero point far from the middle: more steps than int8 has
        ([1, 0, 0, 0], 127),
        ([0, 0, 0, 0], 0),
        ([90, -7.4, 31.3, 64.2], 0),
    ],
)
def test_the_grid_of_a_channel_is_found(codes: list[float], expected: int) -> None:
    assert own_grid.steps(np.array([[codes]]) * 0.0137).tolist() == [expected]


def test_channels_without_a_grid_are_rounded() -> None:
    old = np.array([[[90, -7, 31, 4, 55, 60, -3, 8], np.random.default_rng(0).normal(size=8)]]) * 0.1
    np.testing.assert_array_equal(own_grid.kept(old, old + 1), [[old[0, 0], old[0, 1] + 1]])


@pytest.fixture(scope="module")
def model() -> Any:
    """Three kinds of layers; a channel of the first has weights that are on no grid."""
    keras.utils.set_random_seed(4)
    image = keras.Input((16, 16, 3))
    values = keras.layers.Conv2D(8, 3, 2, activation="relu")(image)
    values = keras.layers.DepthwiseConv2D(3, activation="relu6")(values)
    made = keras.Model(image, keras.layers.Dense(5)(keras.layers.GlobalAveragePooling2D()(values)))
    draw = np.random.default_rng(0)
    for layer in (made.layers[1], made.layers[2], made.layers[4]):
        kernel, bias = layer.get_weights()
        layer.set_weights([draw.integers(-90, 91, kernel.shape) * 0.003, draw.normal(0, 0.1, bias.shape)])
    kernel, bias = made.layers[1].get_weights()
    kernel[..., 0] = draw.normal(0, 0.1, kernel.shape[:-1])
    made.layers[1].set_weights([kernel, bias])
    return made


@pytest.mark.parametrize("scheme", ["int8", "int16x8"])
def test_the_weights_stay_as_they_were(tmp_path: Path, model: Any, scheme: str) -> None:
    file = quantize(model, tmp_path / "m.tflite", scheme=scheme, calibration=Calibration("photos", 8))
    graph = file.model.graph
    network = FloatGraph(FloatModel.trace(from_model(model)).float32)
    off = []
    for number, layer in network.layers.items():
        operator = computing(graph)[number]
        weights, bias = (graph.tensors[index] for index in operator.inputs[1:3])
        expected = network.values(layer.weights)
        difference = np.abs(weights.dequantize(weights.values()).reshape(expected.shape) - expected)
        off.append(difference.reshape(-1, expected.shape[-1]) if layer.groups > 1 else difference)
        steps = bias.dequantize(bias.values()) - network.values(layer.bias)
        if layer.operator != min(network.layers):  # whose bias is corrected for the channel that was rounded
            assert (np.abs(steps) <= 0.5 * bias.scale + 1e-6).all()
    assert max(each[1:].max() if number == 0 else each.max() for number, each in enumerate(off)) < 1e-5
    assert off[0][0].max() > 1e-4
    unpacked = unpack(file.data)
    used = {tensor.buffer for tensor in unpacked.subgraphs[0].tensors} | {each.buffer for each in unpacked.metadata}
    assert not [number for number, each in enumerate(unpacked.buffers) if each.data is not None and number not in used]
