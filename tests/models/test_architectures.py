"""Every variant against what others published, and against independent implementations."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from edgecnn.builder import build_model
from edgecnn.core.compat.keras_graph import leaves
from edgecnn.core.compat.tensorflow import keras, tf
from edgecnn.core.registry import MODEL_FAMILIES
from edgecnn.graph import keras_macs
from edgecnn.models import figures, spec, variants
from edgecnn.models.blocks import make_divisible
from edgecnn.models.catalog import family
from edgecnn.weights.assign import assign
from edgecnn.weights.sources.keras_applications import reference, weights_of

# torchvision prints GMACs ("_ops") with three decimals in its documentation of the weights, at these input sizes.
TORCHVISION_GMACS = {
    "mobilenet_v2": 0.301,
    "mobilenet_v3_large": 0.217,
    "mobilenet_v3_small": 0.057,
    "efficientnet_b0": 0.386,
    "efficientnet_b1": 0.687,
    "efficientnet_b3": 1.827,
    "efficientnet_b4": 4.394,
    "efficientnet_b5": 10.266,
    "efficientnet_b6": 19.068,
    "efficientnet_b7": 37.746,
    "alexnet_one_tower": 0.714,
    "vgg16": 15.47,
    "vgg19": 19.632,
    "googlenet_bn": 1.498,
    "resnet18": 1.814,
    "resnet34": 3.664,
    "resnet50": 4.089,
    "resnet101": 7.801,
    "resnet152": 11.514,
    "efficientnet_v2_s": 8.366,
    "convnext_tiny": 4.456,
    "convnext_small": 8.684,
    "convnext_base": 15.355,
    "vit_base_16": 17.564,
}
# Relative distance to the papers' own figures, where they count as we do. EfficientNet's table says 4.2 and 9.9 billion
# for B4 and B5, where torchvision counts 4.394 and 10.266.
PAPER_TOLERANCE = {"mobilenet_v1": 0.001, "mobilenet_v2": 0.003, "mobilenet_v3_large_minimalistic": 0.001}
LOOSER = {"efficientnet_b4": 0.05, "efficientnet_b5": 0.04}
# The README of the minimalistic models has 65 million for the small one; it also has 66 for MobileNetV3-Small itself,
# for which the paper says 56. TensorFlow's own counter agrees with ours, see below.
# GoogLeNet's table has 34 million for the first convolution, where 7 x 7 x 3 x 64 x 112^2 are 118; 1,502 in all.
COUNTED_OTHERWISE = ("mobilenet_v3_small_minimalistic", "googlenet")
OTHER_COUNT = ("resnet18_v2", "resnet34_v2")  # Gluon's counts, with moving statistics
STOCK_LAYERS = {
    *("InputLayer", "Conv2D", "DepthwiseConv2D", "BatchNormalization", "ReLU", "Activation", "Add", "Multiply"),
    *("GlobalAveragePooling2D", "MaxPooling2D", "Dense", "Dropout", "Flatten", "Concatenate", "ZeroPadding2D"),
    *("Reshape", "Cropping1D"),
}
OWN_LAYERS = {
    *("HardSwish", "HardSigmoid", "QuickGELU", "SquaredReLU", "StarReLU", "LayerNorm", "LayerScale"),
    *("ClassToken", "PositionEmbedding", "Attention"),
}
PIXELS = ("efficientnet", "convnext")  # of tf_keras.applications: they normalize by themselves
BLUE_FIRST = ("vgg", "resnet50_v1", "resnet101_v1")

APPLICATIONS = [
    ("mobilenet_v1", 1.0, 96),
    ("mobilenet_v1", 0.25, 128),
    ("mobilenet_v2", 1.0, 96),
    ("mobilenet_v2", 0.35, 75),
    ("mobilenet_v2", 1.3, 64),
    ("mobilenet_v3_small", 1.0, 96),
    ("mobilenet_v3_small", 0.75, 75),
    ("mobilenet_v3_large", 1.0, 96),
    ("mobilenet_v3_large", 1.25, 64),
    ("mobilenet_v3_small_minimalistic", 1.0, 96),
    ("mobilenet_v3_large_minimalistic", 1.0, 96),
    ("efficientnet_b0", 1.0, 96),
    ("efficientnet_b2", 1.0, 75),
    ("vgg16", 1.0, 32),
    ("vgg19", 1.0, 32),
    ("resnet50_v1", 1.0, 64),
    ("resnet50_v2", 1.0, 75),
    ("efficientnet_v2_b0", 1.0, 75),
    ("efficientnet_v2_s", 1.0, 64),
    ("convnext_tiny", 1.0, 64),
]


@pytest.fixture()
def zeros_as_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """For what only counts: drawing random numbers is a third of the time of building a model."""

    def zeros(self: Any, shape: Any, dtype: Any = None, **_: Any) -> Any:
        return tf.zeros(shape, dtype or tf.float32)

    for kind in (keras.initializers.VarianceScaling, keras.initializers.TruncatedNormal):
        monkeypatch.setattr(kind, "__call__", zeros)


@pytest.mark.usefixtures("zeros_as_weights")
@pytest.mark.parametrize("name", variants())
def test_published_parameters_and_measured_figures(name: str) -> None:
    model, contract = build_model(name)
    trainable = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    published = spec(name).parameters
    digits = len(str(int(published)).rstrip("0"))
    rounded = float(f"{trainable:.{digits}g}")
    assert published == rounded or (name in OTHER_COUNT and trainable == pytest.approx(published, rel=0.001))
    measured = figures()[name]  # tools/figures writes them
    assert (measured["parameters"], measured["macs"]) == (model.count_params(), keras_macs.total(model))
    assert contract.model.parameters == model.count_params()
    assert model.name == contract.name == name
    assert model.layers[-1].name == "logits"
    assert {type(layer).__name__ for layer in model.layers} <= STOCK_LAYERS | OWN_LAYERS


@pytest.mark.parametrize("name", TORCHVISION_GMACS)
def test_macs_equal_torchvisions(name: str) -> None:
    assert round(figures()[name]["macs"] / 1e9, 3) == pytest.approx(TORCHVISION_GMACS[name], abs=1e-9)


@pytest.mark.parametrize("name", [name for name in variants() if "lite" not in name and name not in COUNTED_OTHERWISE])
def test_macs_equal_the_papers(name: str) -> None:
    tolerance = PAPER_TOLERANCE.get(name) or LOOSER.get(name, 0.021)
    macs, published = figures()[name]["macs"], spec(name).macs
    assert macs == pytest.approx(published, rel=tolerance) or float(f"{macs:.2g}") == published


@pytest.mark.usefixtures("zeros_as_weights")
@pytest.mark.parametrize("name", [name for name in variants() if "lite" in name])
def test_macs_of_lite_equal_the_readmes_which_counts_norms_and_activations_too(name: str) -> None:
    model, _ = build_model(name)
    normalized = sum(
        int(np.prod(layer.output_shape[1:])) for layer in model.layers if type(layer).__name__ == "BatchNormalization"
    )
    assert keras_macs.total(model) + 3 * normalized == pytest.approx(spec(name).macs, rel=0.005)


def test_macs_equal_googlenets_table_where_it_counts_the_whole_first_convolution() -> None:
    assert figures()["googlenet"]["macs"] == pytest.approx(1502e6 - 34e6 + 7 * 7 * 3 * 64 * 112**2, rel=0.003)


@pytest.mark.parametrize("name", ["mobilenet_v1", "mobilenet_v3_small_minimalistic", "resnet50_v2"])
def test_macs_equal_tensorflows_counter_on_tf_keras_applications(name: str) -> None:
    from tensorflow.python.framework import ops

    model = reference(name)
    graph = tf.function(lambda x: model(x, training=False)).get_concrete_function(tf.TensorSpec((1, 224, 224, 3))).graph
    kinds = ("Conv2D", "DepthwiseConv2dNative", "MatMul")
    multiplied = [node for node in graph.get_operations() if node.type in kinds]
    operations = sum(ops.get_stats_for_node_def(graph, node.node_def, "flops").value for node in multiplied)
    assert figures()[name]["macs"] == operations / 2


def randomize(model: Any, mean: np.ndarray, std: np.ndarray, rng: np.random.Generator) -> None:
    """Norms, scales and biases away from their neutral start; Keras's Normalization as its ImageNet weights have it."""
    for layer in leaves(model):
        kind, shape = type(layer).__name__, getattr(getattr(layer, "gamma", None), "shape", None)
        if kind == "BatchNormalization":
            # Not too large: the rounding of hundreds of layers grows with what flows through them.
            scales = rng.uniform(0.3, 1.0, shape), rng.normal(0, 0.3, shape)
            layer.set_weights([*scales, rng.normal(0, 0.3, shape), rng.uniform(0.5, 2, shape)])
        elif kind == "LayerNormalization":
            layer.set_weights([rng.uniform(0.5, 1.5, shape), rng.normal(0, 0.5, shape)])
        elif kind == "LayerScale":
            layer.set_weights([rng.uniform(0.1, 0.5, shape)])
        elif kind == "Normalization" and layer.weights:
            layer.set_weights([mean / 255, (std / 255) ** 2, np.int64(0)])
        elif getattr(layer, "bias", None) is not None:
            layer.bias.assign(rng.normal(0, 0.5, layer.bias.shape))


@pytest.mark.parametrize(("name", "width", "size"), APPLICATIONS)
def test_outputs_equal_tf_keras_applications(name: str, width: float, size: int) -> None:
    theirs = reference(name, width=width, input_size=size)
    ours, contract = build_model(name, width=width, input_size=size)
    mean, std = (np.broadcast_to(values, 3) for values in (contract.preprocessing.mean, contract.preprocessing.std))
    rng = np.random.default_rng(0)
    randomize(theirs, mean, std, rng)
    assign(ours, weights_of(theirs, ours, name), name)
    pixels = rng.integers(0, 256, (2, size, size, 3)).astype(np.float32)
    normalized = ((pixels - mean) / std).astype(np.float32)
    given = pixels if name.startswith(PIXELS) else normalized
    expected = theirs(given[..., ::-1] if name.startswith(BLUE_FIRST) else given).numpy()
    logits = ours(normalized).numpy()
    assert np.ptp(expected) > 0.1
    assert np.abs(logits - expected).max() <= 1e-4
    own_normalization = 7 if name.startswith("efficientnet_b") else 0  # mean and variance of 3 colors, and a count
    assert ours.count_params() == theirs.count_params() - own_normalization


def smallest(name: str) -> str:
    rows = variants()
    return min((variant for variant in rows if family(variant) == name), key=lambda variant: rows[variant].macs)


@pytest.mark.parametrize("name", [smallest(name) for name in MODEL_FAMILIES.names()])
def test_width_color_classes_and_size_are_free(name: str) -> None:
    size = max(50, spec(name).smallest)
    model, contract = build_model(name, width=0.5, color="gray", classes=10, input_size=size)
    pixels = np.random.default_rng(0).normal(size=(3, size, size, 1)).astype(np.float32)
    assert model(pixels).shape == (3, 10)
    assert contract.preprocessing.shape == (size, size, 1)
    assert contract.labels == ()
    assert contract.model.arguments == {"input_size": size, "width": 0.5, "classes": 10, "color": "gray"}
    assert model.count_params() < 0.6 * figures()[name]["parameters"]
    names = Counter(layer.name for layer in model.layers)
    assert max(names.values()) == 1


def test_channel_rounding_is_the_reference_codes() -> None:
    # Channel counts from MobileNetV2's published checkpoints at 0.35, 0.75 and 1.4: stem, then the first bottlenecks.
    assert [make_divisible(32 * width) for width in (0.35, 0.75, 1.4)] == [16, 24, 48]
    assert [make_divisible(16 * width) for width in (0.35, 0.75, 1.4)] == [8, 16, 24]
    assert make_divisible(19.2) == 24  # 16 would be more than 10 % less


def test_hard_swish_and_hard_sigmoid_are_the_papers() -> None:
    from edgecnn.models.layers import HardSigmoid, HardSwish

    x = np.linspace(-5, 5, 101, dtype=np.float32)
    gate = np.clip(x + 3, 0, 6) / 6
    np.testing.assert_allclose(HardSwish()(x), x * gate, atol=1e-6)
    np.testing.assert_allclose(HardSigmoid()(x), gate, atol=1e-6)
