"""What saves a layer that int8 ruins: its channels equalized, narrower ranges, int16 or float around it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_graphs import outputs_of

from edgecnn import artifact
from edgecnn.compression.methods.swap import swapped
from edgecnn.core.compat.tensorflow import keras
from edgecnn.core.errors import QuantizationError, UsageError
from edgecnn.core.registry import SCHEMES
from edgecnn.core.statistics import sqnr_db
from edgecnn.data import open_data
from edgecnn.graph.float_graph import FloatGraph
from edgecnn.graph.pairing import grid_of, pair_up
from edgecnn.models import blocks
from edgecnn.quantization import Calibration, quantize
from edgecnn.quantization.int16 import SUPPORTED, with_int16
from edgecnn.quantization.refusals import float_operators
from edgecnn.quantization.remedies.curves import CURVES, least_error
from edgecnn.quantization.remedies.ranges import Histogram
from edgecnn.runtime.model.contract import Contract, Preprocessing
from edgecnn.runtime.model.model_file import ModelFile
from edgecnn.runtime.model.tflite import parse
from edgecnn.runtime.run import golden
from edgecnn.runtime.run.engine import Engine
from edgecnn.runtime.run.preprocess import fit

CONTRACT = Contract(Preprocessing(32, 32, crop=1.0))
PICTURES = [golden.picture(5, index, (32, 32, 3)) for index in range(12)]


def classifier(activation: str = "relu6", loud: float = 1.0) -> Any:
    """A small network; one channel of `squeeze` can be loud without a change of the function."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(16, 3, 2, "same", name="stem")(inputs)
    x = blocks.activate(x, activation, "stem_act")
    x = keras.layers.Conv2D(8, 1, name="squeeze")(x)
    x = keras.layers.Conv2D(24, 1, activation="relu", name="expand")(x)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    model = keras.Model(inputs, keras.layers.Dense(5, name="scores")(x))
    factors = np.ones(8, np.float32)
    factors[3] = loud
    kernel, bias = model.get_layer("squeeze").get_weights()
    model.get_layer("squeeze").set_weights([kernel * factors, bias * factors])
    kernel, bias = model.get_layer("expand").get_weights()
    model.get_layer("expand").set_weights([kernel / factors[:, None], bias])
    return model


def made(model: Any, tmp_path: Path, scheme: str, improve: str | None = None) -> tuple[ModelFile, float]:
    """The artifact, and the signal-to-noise ratio of its scores in decibels."""
    calibration = Calibration("photos", 16, improve=improve)
    file = quantize((model, CONTRACT), tmp_path / "m.tflite", scheme=scheme, calibration=calibration)
    engine = Engine(file)
    mean, std = (np.asarray(values, np.float32) for values in (CONTRACT.preprocessing.mean, CONTRACT.preprocessing.std))
    expected = model((np.stack(PICTURES).astype(np.float32) - mean) / std).numpy()
    got = np.stack([engine.scores(engine.tensor(picture)) for picture in PICTURES])
    return file, sqnr_db(expected, got)


def test_every_remedy_saves_a_network_with_an_exploding_channel(tmp_path: Path) -> None:
    model = classifier(loud=1000.0)
    _, lost = made(model, tmp_path, "int8", "fast")
    for scheme in ("int8:equalized", "int8_mixed", "int8_int16"):
        file, saved = made(model, tmp_path, scheme)
        assert saved > lost + 10, (scheme, lost, saved)
        assert bool(float_operators(file.model.graph)) == (scheme == "int8_mixed")
        told = file.contract.provenance
        assert told.improve.level == "fast" and told.qat is False
        assert told.improve.extra.get("equalized", 0) == (scheme == "int8:equalized")
        for key, kind in (("float_layers", "int8_mixed"), ("int16_layers", "int8_int16")):
            assert any("/squeeze/" in name for name in told.extra.get(key, ())) == (scheme == kind)


@pytest.mark.parametrize("activation", ["hard_swish", "swish"])
def test_ranges_leave_out_what_the_next_operator_makes_0_of(tmp_path: Path, activation: str) -> None:
    inputs = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(5, 8, 8, kernel_initializer="ones", bias_initializer="ones", name="stem")(inputs)
    x = keras.layers.GlobalMaxPooling2D(name="scores")(blocks.activate(x, activation, "act"))
    model = keras.Model(inputs, x)
    kernel, bias = model.get_layer("stem").get_weights()
    signs = np.array([-1, -1, 1, -1, 1], np.float32)
    model.get_layer("stem").set_weights([kernel * signs * np.linspace(0.01, 0.03, 5), bias * (signs - 1) * 3])
    _, plain = made(model, tmp_path, "int8", "none")
    _, narrow = made(model, tmp_path, "int8:ranges")
    assert narrow > plain + 1, (plain, narrow)


def test_ranges_by_curve() -> None:
    values = np.random.default_rng(0).normal(-10, 6, 100_000)
    low, high = least_error(Histogram.of(values), CURVES[frozenset({"HARD_SWISH"})])
    assert -6 < low < -2 and high == pytest.approx(values.max())  # 0 below -3, the identity above 3


def every_kind() -> Any:
    """A network with each operator that has a kernel for int16."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((32, 32, 3))
    x = blocks.activate(keras.layers.Conv2D(8, 3, 2, "same", name="stem")(inputs), "swish", "act")
    x = keras.layers.DepthwiseConv2D(3, 1, "same", name="depthwise")(x)
    x = keras.layers.Add()([keras.layers.Conv2D(8, 1)(x), x])
    x = keras.layers.AveragePooling2D(8)(keras.layers.MaxPooling2D(2)(x))
    model = keras.Model(inputs, keras.layers.Flatten()(keras.layers.Dense(5, name="scores")(x)))
    for layer in model.layers:
        if hasattr(layer, "bias"):
            layer.bias.assign(np.random.default_rng(0).normal(0, 0.1, layer.bias.shape))
    return model


def test_every_int16_kernel_computes_what_float_does(tmp_path: Path) -> None:
    """All operators at once, against a float network with int8's own weights: only the last rounding is left."""
    model = every_kind()
    file, _ = made(model, tmp_path, "int8", "none")
    network = FloatGraph(artifact.graph_bytes(made(model, tmp_path, "float32")[0]))
    for pair in pair_up(network, file.model.graph):
        if pair.layer and pair.weights is not None and pair.bias is not None:
            network.set_values(pair.layer.weights, pair.weights)
            network.set_values(pair.layer.bias, pair.bias)
    graph = file.model.graph
    wide = with_int16(bytes(file.data), [each.index for each in graph.operators if each.name in SUPPORTED])
    rewritten = parse(wide).graph
    outputs = {each.name for each in rewritten.operators if rewritten.tensors[each.outputs[0]].dtype == "INT16"}
    assert set(SUPPORTED) <= outputs
    entered, answer = (grid_of(graph.tensors[ends[0]]) for ends in (graph.inputs, graph.outputs))
    assert entered is not None and answer is not None
    pictures = [fit(example.read(), CONTRACT.preprocessing) for example in open_data("photos").sample(16).examples]
    expected = outputs_of(network.to_bytes(), [entered.decode(picture) for picture in pictures])
    clipped = np.clip(expected, *answer.decode(np.array([0, 255])))
    found = answer.decode(outputs_of(wide, pictures))
    assert np.abs(found - clipped).max() < 0.6 * answer.scale and np.ptp(found) > 50 * answer.scale


def test_named_layers_and_their_readers_stay_float(tmp_path: Path) -> None:
    file, _ = made(classifier(), tmp_path, "int8_mixed:squeeze")
    graph = file.model.graph
    floats = [o for o in graph.operators if o.name == "CONV_2D" and graph.tensors[o.outputs[0]].dtype == "FLOAT32"]
    names = [graph.tensors[operator.outputs[0]].name for operator in floats]
    assert len(names) == 2 and "/squeeze/" in names[0] and "/expand/" in names[1]
    assert file.contract.provenance.scheme == "int8_mixed:squeeze"
    assert file.contract.provenance.extra["float_layers"] == names


def test_a_larger_share_of_the_noise_keeps_more_layers_in_float(tmp_path: Path) -> None:
    model, kept, quality = classifier(), [], []
    for scheme in ("int8_mixed:20%", "int8_mixed:100%"):
        file, snr_db = made(model, tmp_path, scheme)
        assert file.contract.provenance.scheme == scheme
        kept.append(set(file.contract.provenance.extra["float_layers"]))
        quality.append(snr_db)
        graph = file.model.graph
        assert {graph.tensors[index].dtype for index in (*graph.inputs, *graph.outputs)} == {"FLOAT32"}
    assert kept[0] < kept[1] and quality[0] < quality[1]
    assert len(kept[1]) == 5 and quality[1] > 100, "the last layer, too"


def test_int8_mixed_without_a_float_layer_is_not_called_so(tmp_path: Path) -> None:
    """What reads the only other operator's output is too large."""
    inputs = keras.Input((32, 32, 3))
    model = keras.Model(inputs, keras.layers.Dense(100, name="scores")(keras.layers.Flatten()(inputs)))
    with pytest.raises(QuantizationError, match="No layer of the model can be kept in float"):
        made(model, tmp_path, "int8_mixed")


@pytest.mark.parametrize(
    ("scheme", "message"),
    [
        ("int8_mixed:sqeeze", "Valid names are, for example: squeeze"),
        ("int8_mixed: ,", "expected names after the colon"),
        ("int8_mixed:0%", r"int8_mixed:0%; expected a share of the noise above 0 and up to 100 %"),
        ("int8_mixed:much%", r"int8_mixed:much%; expected a share"),
        ("int8:nothing", "Choose one of: int8:ranges, int8:equalized"),
        ("float16:x", "takes nothing after a colon"),
    ],
)
def test_wrong_arguments_of_schemes_are_named(tmp_path: Path, scheme: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        made(classifier(), tmp_path, scheme)
    assert not list(tmp_path.iterdir())
    assert all(":" not in name for name in SCHEMES.names())


@pytest.mark.parametrize("to", ["hard_swish", "relu6"])
def test_swap_keeps_weights_and_changes_the_curve(to: str) -> None:
    inputs = keras.Input((4, 4, 2))
    x = keras.layers.Conv2D(3, 1, name="conv")(inputs)
    model = keras.Model(inputs, keras.layers.Activation("swish", name="act")(x))
    picture = np.random.default_rng(0).normal(0, 5, (2, 4, 4, 2)).astype(np.float32)
    kernel, bias = model.get_layer("conv").get_weights()
    before = picture @ kernel[0, 0] + bias
    wanted = {"hard_swish": before * np.clip(before + 3, 0, 6) / 6, "relu6": np.clip(before, 0, 6)}[to]
    np.testing.assert_allclose(swapped(model, to)(picture).numpy(), wanted, rtol=1e-4, atol=1e-5)
