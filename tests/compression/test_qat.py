"""Quantization-aware training: what the twin computes, and that the `.tflite` does what the twin did."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgecnn.compression.job import Job
from edgecnn.compression.methods import qat
from edgecnn.compression.structure import KeepStructure
from edgecnn.core.compat.tensorflow import keras, tf
from edgecnn.core.errors import QuantizationError
from edgecnn.float_model import keras_file
from edgecnn.models import blocks
from edgecnn.models.blocks import Residual, Style
from edgecnn.quantization import Calibration, aware, quantize
from edgecnn.quantization.refusals import float_operators
from edgecnn.runtime.model.contract import Contract, Preprocessing
from edgecnn.runtime.model.records import ModelDescription
from edgecnn.training.qat.emulation import INPUT, Emulation, input_range

RNG = np.random.default_rng(0)
CONTRACT = Contract(Preprocessing(32, 32), labels=tuple("abcd"))
STYLES = {
    "relu6": Style("relu6"),
    "hard_swish": Style("hard_swish", gate="hard_sigmoid"),
    "swish": Style("swish", squeeze="swish"),
}


@pytest.fixture(autouse=True)
def seeded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test draws the same numbers, whichever ran before; with these, the networks answer with several classes."""
    monkeypatch.setitem(globals(), "RNG", np.random.default_rng(5))


def network(style: Style) -> Any:
    """A stem, two inverted residuals with squeeze-excite and a shortcut, a head; weights that tell images apart."""
    keras.utils.set_random_seed(1)
    picture = blocks.picture((32, 32, 3))
    x = blocks.conv_bn(picture, 8, "stem", style, kernel=3, stride=2)
    x = blocks.inverted_residual(x, Residual(8, 16, 3, 1, 4), "block0", style)
    x = blocks.inverted_residual(x, Residual(16, 24, 5, 2, 0), "block1", style)
    x = blocks.classifier(blocks.pool(x), 4, 0.2)
    model = keras.Model(picture, x, name="small")
    for layer in model.layers:
        arrays = layer.get_weights()
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([RNG.uniform(0.5, 2, a.shape) for a in arrays[:1]] + arrays[1:])
    head = model.get_layer("logits")
    head.set_weights([array * 8 for array in head.get_weights()])
    return model


def batches() -> list[Any]:
    # Blobs of color rather than noise: all noise looks alike to an average over the image.
    colors = RNG.uniform(-1, 1, (32, 4, 4, 3))
    return [(tf.constant(np.kron(colors, np.ones((1, 8, 8, 1))), tf.float32), RNG.integers(0, 4, 32))]


def leave(model: Any, callbacks: Any = ()) -> Any:
    return model


def nudge(model: Any, callbacks: Any = ()) -> Any:
    """Two steps of a real optimizer in the place of a training."""
    model.compile(keras.optimizers.SGD(0.01), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    for pictures, classes in batches() * 2:
        model.fit(pictures, classes, verbose=0, callbacks=list(callbacks))
    return model


def test_a_kernel_is_rounded_to_127_steps_of_each_channel() -> None:
    model = network(STYLES["relu6"])
    emulation = Emulation.of(model)
    emulation.set_ranges(emulation.observed(CONTRACT.preprocessing, batches()))
    kernel = model.get_layer("block0_depthwise_conv").get_weights()[0]
    step = np.abs(kernel).max(axis=(0, 1), keepdims=True) / 127
    twin = emulation.model.get_layer("block0_depthwise_conv")
    weight, quantizer, variables = twin._weight_vars[0]
    rounded = quantizer(weight, False, variables).numpy()
    np.testing.assert_allclose(rounded, np.rint(kernel / step) * step, atol=1e-6)


def test_ranges_are_what_the_float_model_computes() -> None:
    model = network(STYLES["hard_swish"])
    emulation, data = Emulation.of(model), batches()
    ranges = emulation.observed(CONTRACT.preprocessing, data)
    assert ranges[INPUT] == input_range(CONTRACT.preprocessing) == (-1.0, 1.0)
    pooled = keras.Model(model.input, model.get_layer("pool").output).predict(data[0][0], verbose=0)
    assert ranges["pool"] == pytest.approx((pooled.min(), pooled.max()))
    fused = {"stem_conv", "block0_depthwise_conv", "dropout", "block0_se_reduce_conv"}
    assert not fused & ranges.keys() and {"stem_bn", "stem_act", "block0_se_scale", "block0_add"} <= ranges.keys()


def test_rounding_moves_the_outputs_a_little_and_training_moves_the_weights() -> None:
    model = network(STYLES["swish"])
    emulation, data = Emulation.of(model), batches()
    emulation.set_ranges(emulation.observed(CONTRACT.preprocessing, data))
    exact, rounded = model(data[0][0]).numpy(), emulation.model(data[0][0], training=False).numpy()
    assert 0 < np.abs(exact - rounded).max() < 0.15 * exact.std()
    np.testing.assert_array_equal(emulation.trained()(data[0][0]).numpy(), exact)
    nudge(emulation.model)
    assert np.abs(emulation.trained()(data[0][0]).numpy() - exact).max() > 1e-3


@pytest.mark.parametrize("style", STYLES)
def test_the_file_becomes_an_integer_model_that_agrees(style: str, tmp_path: Path) -> None:
    model = network(STYLES[style])
    outcome = qat.compress(Job(model, CONTRACT, batches(), nudge, 2), qat.Options())
    contract = CONTRACT.replace(model=ModelDescription("small", qat=outcome.qat))
    keras_file.save(outcome.model, contract, tmp_path / "m.keras")
    artifact = quantize(tmp_path / "m.keras", tmp_path / "m.tflite", calibration=Calibration("photos", 24))
    assert artifact.contract.provenance.qat is True and artifact.contract.model.qat is None
    assert float_operators(artifact.model.graph) == []
    with pytest.raises(QuantizationError, match="Remove --improve best, which is for models trained without QAT"):
        quantize(tmp_path / "m.keras", tmp_path / "n.tflite", calibration=Calibration("photos", 8, improve="best"))
    other = quantize(tmp_path / "m.keras", tmp_path / "n.tflite", scheme="dynamic_int8")
    assert other.contract.provenance.qat is False
    depthwise = next(operator for operator in artifact.model.graph.operators if operator.name == "DEPTHWISE_CONV_2D")
    assert artifact.model.graph.tensors[depthwise.inputs[1]].shape[-1] == 16


@pytest.mark.parametrize(("style", "most"), [("relu6", 0.1), ("swish", 0.3), ("hard_swish", 0.7)])
def test_the_file_computes_what_the_rounding_twin_computes(style: str, most: float) -> None:
    """Number by number: what TFLite rounds inside swish is rounded in training too (its hard-swish is approximate)."""
    model = network(STYLES[style])
    emulation = Emulation.of(model)
    emulation.set_ranges(emulation.observed(CONTRACT.preprocessing, batches()))
    contract = CONTRACT.replace(model=ModelDescription(qat=aware.record(emulation, model)))
    pictures = [tensor.numpy()[None] for tensor in batches()[0][0]]
    lite = aware._Lite(aware.Aware(model, contract, emulation.ranges()).convert("float32", pictures))
    found = np.stack([lite.run(picture) for picture in pictures])
    low, high = emulation.ranges()["logits"]
    steps = np.abs(found - emulation.model.predict(np.concatenate(pictures), verbose=0)) / ((high - low) / 255)
    assert steps.mean() < most


def test_ranges_of_other_weights_are_not_used() -> None:
    model = network(STYLES["relu6"])
    outcome = qat.compress(Job(model, CONTRACT, batches(), leave, 0), qat.Options())
    contract = CONTRACT.replace(model=ModelDescription(qat=outcome.qat))
    found = aware.Aware.find(aware.TraceableModel(outcome.model, contract, outcome.model))
    assert found is not None
    outcome.model.get_layer("logits").bias.assign_add([1.0, 0, 0, 0])
    assert aware.Aware.find(aware.TraceableModel(outcome.model, contract, outcome.model)) is None


def test_a_difference_names_the_first_layer() -> None:
    model = network(STYLES["relu6"])
    emulation = Emulation.of(model)
    emulation.set_ranges(emulation.observed(CONTRACT.preprocessing, batches()))
    contract = CONTRACT.replace(model=ModelDescription(qat=aware.record(emulation, model)))
    pictures = [tensor.numpy()[None] for tensor in batches()[0][0]]
    graph = aware.Aware(model, contract, emulation.ranges()).convert("uint8", pictures)
    assert aware.check(emulation, graph, pictures) >= 0.99
    kernel, *rest = model.get_layer("block1_expand_conv").get_weights()
    model.get_layer("block1_expand_conv").set_weights([-3 * kernel[..., ::-1], *rest])
    other = Emulation.of(model)
    other.set_ranges(emulation.ranges())
    with pytest.raises(QuantizationError, match=r"first layer that differs is block1_expand_act, by \d"):
        aware.check(other, graph, pictures)


def test_zeros_and_clusters_survive() -> None:
    model = network(STYLES["relu6"])
    kernels = {name: model.get_layer(f"{name}_conv").kernel for name in ("block0_expand", "block1_expand")}
    pruned = np.where(np.abs(kernels["block0_expand"]) < 0.2, 0, kernels["block0_expand"])
    clustered = np.where(np.rint(kernels["block1_expand"] * 8) == 0, 0, np.rint(kernels["block1_expand"] * 8) / 8)
    kernels["block0_expand"].assign(pruned)
    kernels["block1_expand"].assign(clustered)
    emulation = Emulation.of(model)
    emulation.set_ranges(emulation.observed(CONTRACT.preprocessing, batches()))
    structure = KeepStructure(emulation)
    assert set(structure.account()) == {"block0_expand_conv", "block1_expand_conv"}
    nudge(emulation.model, [structure])
    trained = emulation.trained()
    after = {name: trained.get_layer(f"{name}_conv").get_weights()[0] for name in kernels}
    assert np.array_equal(after["block0_expand"] == 0, pruned == 0) and not np.allclose(after["block0_expand"], pruned)
    scale = np.abs(clustered).max(axis=(0, 1, 2))
    assert len(np.unique(np.round(after["block1_expand"] / scale, 4))) <= len(np.unique(np.round(clustered / scale, 4)))
    assert not np.allclose(after["block1_expand"], clustered)


def test_what_int8_does_with_a_layer_must_be_known() -> None:
    picture = keras.Input((8, 8, 3))
    normalized = keras.layers.LayerNormalization(name="layer_norm")(picture)
    with pytest.raises(QuantizationError, match=r"does not support the layer layer_norm"):
        Emulation.of(keras.Model(picture, normalized))
    with pytest.raises(QuantizationError, match="TFLite computes 'sigmoid' of the layer gate as a separate operator"):
        Emulation.of(keras.Model(picture, keras.layers.Dense(2, "sigmoid", name="gate")(picture)))
    alone = keras.layers.BatchNormalization(name="alone")(keras.layers.ReLU()(picture))
    with pytest.raises(QuantizationError, match="batch norm alone does not follow a convolution"):
        Emulation.of(keras.Model(picture, alone))
