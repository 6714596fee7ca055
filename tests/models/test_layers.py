"""Our own layers against Keras's, NumPy and the papers' formulas; and what the converter makes of them."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from small_graphs import outputs_of

from edgecnn.builder import build_model
from edgecnn.core.compat.tensorflow import keras
from edgecnn.float_model.traced import FloatModel
from edgecnn.graph.ranges import activation_ranges
from edgecnn.models.families import googlenet
from edgecnn.models.layers import Attention, LayerNorm, QuickGELU, SquaredReLU, StarReLU
from edgecnn.models.transformer import attend
from edgecnn.quantization.refusals import float_operators
from edgecnn.quantization.scheme import quantize_with_ranges
from edgecnn.runtime.model.tflite import parse

RANDOM = np.random.default_rng(0)
X = np.linspace(-5, 5, 101, dtype=np.float32)


def test_activations_are_the_papers() -> None:
    np.testing.assert_allclose(QuickGELU()(X), X / (1 + np.exp(-1.702 * X)), atol=1e-6)
    np.testing.assert_allclose(SquaredReLU()(X), np.maximum(X, 0) ** 2, atol=1e-6)
    star = StarReLU()
    star.build((101,))
    star.set_weights([np.float32([0.8944]), np.float32([-0.4472])])
    np.testing.assert_allclose(star(X), 0.8944 * np.maximum(X, 0) ** 2 - 0.4472, atol=1e-5)
    # With these the output of a standard normal input has mean 0 and variance 1 (arXiv:2210.13452, equation 5).
    drawn = star(RANDOM.normal(size=1_000_000).astype(np.float32)).numpy()
    assert abs(drawn.mean()) < 0.01 and abs(drawn.var() - 1) < 0.02


@pytest.mark.parametrize("shape", [(2, 5, 5, 24), (2, 7, 24), (2, 1024)])
@pytest.mark.parametrize("center", [True, False])
def test_layer_norm_equals_kerass(shape: tuple[int, ...], center: bool) -> None:
    theirs = keras.layers.LayerNormalization(epsilon=1e-6, center=center)
    ours = LayerNorm(epsilon=1e-6, center=center)
    x = RANDOM.normal(3, np.exp(RANDOM.normal(size=(*shape[:-1], 1))), shape).astype(np.float32)
    theirs.build(shape)
    theirs.set_weights([RANDOM.normal(size=weight.shape) for weight in theirs.weights])
    ours.build(shape)
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(ours(x), theirs(x), atol=2e-5)


def test_attention_equals_kerass() -> None:
    heads, channels, tokens, others = 3, 24, 7, 5
    theirs = keras.layers.MultiHeadAttention(heads, channels // heads)
    inputs = keras.Input((tokens, channels)), keras.Input((others, channels))
    ours = keras.Model(inputs, attend(inputs[0], inputs[1], inputs[1], "a", heads=heads))
    queries, values = (RANDOM.normal(size=(2, n, channels)).astype(np.float32) for n in (tokens, others))
    theirs(queries, values)
    theirs.set_weights([RANDOM.normal(size=weight.shape) for weight in theirs.get_weights()])
    for part, dense in (("query", "a_query_dense"), ("key", "a_key_dense"), ("value", "a_value_dense")):
        kernel, bias = getattr(theirs, f"_{part}_dense").get_weights()
        ours.get_layer(dense).set_weights([kernel.reshape(channels, channels), bias.reshape(channels)])
    kernel, bias = theirs._output_dense.get_weights()
    ours.get_layer("a_out_dense").set_weights([kernel.reshape(channels, channels), bias])
    np.testing.assert_allclose(ours((queries, values)), theirs(queries, values), atol=1e-3)
    assert Attention.from_config(Attention(2, 0.5).get_config()).scale == 0.5


def convert(layer: Any, maps: np.ndarray) -> bytes:
    """A layer alone as an int8 `.tflite`, calibrated on these maps, (count, height, width, channels)."""
    picture = keras.Input(maps.shape[1:])
    model = keras.Model(picture, layer(picture))
    about = SimpleNamespace(preprocessing=SimpleNamespace(shape=maps.shape[1:]))  # a contract has 1 or 3 channels
    float32 = FloatModel.trace(SimpleNamespace(call=model, contract=about)).float32
    ranges = activation_ranges(float32, iter([one[None] for one in maps]))
    return quantize_with_ranges(float32, ranges, "float32", per_channel=True)


def snr_db(expected: np.ndarray, given: np.ndarray) -> float:
    return 10 * math.log10(float((expected**2).sum() / ((given - expected) ** 2).sum()))


def test_layer_norm_survives_int8_where_kerass_does_not() -> None:
    # Positions of different contrast, as in any picture: sky and grass.
    contrast = np.exp(0.7 * RANDOM.normal(size=(16, 8, 8, 1)))
    maps = (RANDOM.normal(size=(16, 8, 8, 96)) * contrast).astype(np.float32)
    expected = keras.layers.LayerNormalization(epsilon=1e-6)(maps).numpy()
    ours = convert(LayerNorm(epsilon=1e-6), maps)
    theirs = convert(keras.layers.LayerNormalization(epsilon=1e-6), maps)
    kinds = [operator.name for operator in parse(ours).graph.operators]
    assert "L2_NORMALIZATION" in kinds and "RSQRT" not in kinds
    # Between input and output conversions, all is integer.
    assert {name.split()[0] for name in float_operators(parse(ours).graph)} <= {"QUANTIZE", "DEQUANTIZE"}
    assert snr_db(expected, outputs_of(ours, maps)) > 12
    assert snr_db(expected, outputs_of(theirs, maps)) < 8


def test_gelu_is_one_integer_operator() -> None:
    maps = RANDOM.normal(0, 2, (4, 8, 8, 16)).astype(np.float32)
    model = convert(keras.layers.Activation("gelu"), maps)
    assert [operator.name for operator in parse(model).graph.operators] == ["QUANTIZE", "GELU", "DEQUANTIZE"]
    exact = maps * 0.5 * (1 + np.vectorize(math.erf)(maps / math.sqrt(2)))
    assert snr_db(exact, outputs_of(model, maps)) > 35


def test_auxiliary_heads_train_the_same_layers_and_leave() -> None:
    plain, _ = build_model("googlenet")
    assert googlenet.training_model(plain)[0].count_params() == 13_378_280  # the paper's, as others count it
    model, _ = build_model("googlenet", input_size=96, width=0.25, classes=3)
    before = model.get_weights()
    trained, weights = googlenet.training_model(model)
    assert weights == (0.3, 0.3)  # section 5
    losses = [keras.losses.SparseCategoricalCrossentropy(from_logits=True)] * 3
    trained.compile("sgd", losses, loss_weights=[1.0, *weights], run_eagerly=True)
    pictures = RANDOM.normal(size=(4, 96, 96, 3)).astype(np.float32)
    labels = np.arange(4) % 3
    trained.fit(pictures, [labels] * 3, epochs=1, verbose=0)
    assert all(not np.array_equal(old, new) for old, new in zip(before, model.get_weights()))
    assert len(model.outputs) == 1 and len(trained.outputs) == 3
    np.testing.assert_allclose(trained(pictures)[0], model(pictures), atol=1e-5)
