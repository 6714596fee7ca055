"""Every scheme of the registry through the whole stage; inputs and outputs; what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgecnn.core.compat.tensorflow import keras, tf
from edgecnn.core.errors import DataError, QuantizationError, UsageError
from edgecnn.core.registry import SCHEMES
from edgecnn.float_model import keras_file
from edgecnn.float_model.loading import load
from edgecnn.float_model.traced import FloatModel
from edgecnn.graph.activations import activations
from edgecnn.graph.edit import with_outputs
from edgecnn.graph.ranges import activation_ranges
from edgecnn.quantization import Calibration, quantize
from edgecnn.quantization.refusals import float_operators
from edgecnn.runtime.model import model_file
from edgecnn.runtime.model.contract import Contract, Preprocessing
from edgecnn.runtime.model.tflite import parse
from edgecnn.runtime.run import golden
from edgecnn.runtime.run.engine import Engine

FEW = Calibration("photos", 8)
CASES = [(name, io) for name in SCHEMES.names() for io in SCHEMES.load(name).IO]


@pytest.mark.parametrize(("scheme", "io"), CASES)
def test_scheme_agrees_with_the_float_model(tiny_keras: Path, tmp_path: Path, scheme: str, io: str) -> None:
    file = quantize(tiny_keras, tmp_path / "m.tflite", scheme=scheme, io=io, calibration=FEW)
    model, contract = keras_file.load(tiny_keras)
    engine = Engine(file)
    assert engine.input.dtype == engine.output.dtype == io
    pictures = [golden.picture(3, index, (32, 32, 3)) for index in range(4)]
    mean, std = np.array(contract.preprocessing.mean), np.array(contract.preprocessing.std)
    expected = model(np.stack([(picture - mean) / std for picture in pictures]).astype(np.float32)).numpy()
    got = np.stack([engine.scores(engine.tensor(picture)) for picture in pictures])
    # Random weights forgive less than trained ones; noise as large as the signal (1.0) is what a mistake gives.
    tolerance = {"float32": 1e-4, "float16": 3e-2, "dynamic_int8": 0.3, "int16x8": 0.4}.get(scheme, 0.5)
    noise = np.linalg.norm(got - expected) / np.linalg.norm(expected)
    assert noise <= tolerance, noise
    assert golden.replay(engine, engine.run).passed
    assert file.contract.provenance.scheme == scheme


def test_integer_schemes_leave_no_float_and_shrink_the_file(tiny_int8: Path) -> None:
    file = model_file.read(tiny_int8)
    assert float_operators(file.model.graph) == []
    assert len(file.data) < 0.5 * file.contract.provenance.float_size_bytes
    kernels = [t for t in file.model.graph.tensors if t.is_constant and t.dtype == "INT8" and len(t.shape) == 4]
    assert kernels and all(t.scale.size == t.shape[t.channel_axis] for t in kernels)


def test_per_tensor_has_one_scale(tiny_keras: Path, tmp_path: Path) -> None:
    file = quantize(tiny_keras, tmp_path / "m.tflite", scheme="int8_per_tensor", calibration=FEW)
    weights = [t for t in file.model.graph.tensors if t.is_constant and t.dtype == "INT8"]
    assert weights and all(t.scale.size == 1 for t in weights)


def test_ranges_are_what_keras_computes(tiny_keras: Path) -> None:
    """The calibrator must see each tensor's true extremes, residual branches included."""
    inputs = keras.Input((8, 8, 3))
    first = keras.layers.Conv2D(4, 3, padding="same", name="first")(inputs)
    second = keras.layers.Conv2D(4, 3, padding="same", name="second")(first)
    added = keras.layers.Add(name="added")([first, second])
    model = keras.Model(inputs, keras.layers.Dense(5)(keras.layers.Flatten()(added)))
    source = load_source(model)
    float_model = FloatModel.trace(source)
    pictures = [np.random.default_rng(i).normal(size=(1, 8, 8, 3)).astype(np.float32) for i in range(7)]
    ranges = activation_ranges(float_model.float32, iter(pictures))
    graph = parse(float_model.float32).graph
    by_name = {graph.tensors[index].name: extremes for index, extremes in ranges.items()}
    for layer in ("first", "second", "added"):
        output = keras.Model(inputs, model.get_layer(layer).output)(np.concatenate(pictures)).numpy()
        low, high = next(value for name, value in by_name.items() if f"/{layer}/" in name)
        assert (low, high) == pytest.approx((output.min(), output.max()), rel=1e-4), layer


def load_source(model: object) -> object:
    from edgecnn.float_model import loading

    contract = Contract(Preprocessing(8, 8))
    return loading.from_model(model, contract)


def test_outputs_can_be_added_to_a_graph(tiny_int8: Path, tiny_keras: Path) -> None:
    float_bytes = FloatModel.trace(load(tiny_keras)).float32
    tensors = activations(parse(float_bytes).graph)
    assert parse(with_outputs(float_bytes, tensors)).graph.outputs == tuple(tensors)


def test_calibration_list_is_in_the_contract(picture_folder: Path, tiny_keras: Path, tmp_path: Path) -> None:
    (picture_folder / "ant" / "broken.png").write_bytes(b"no picture")
    file = quantize(tiny_keras, tmp_path / "m.tflite", calibration=Calibration(str(picture_folder), 20))
    calibration = file.contract.provenance.calibration
    assert calibration is not None and calibration.samples == 8
    assert calibration.skipped == ("ant/broken.png",)
    assert sorted(calibration.pictures) == [f"{c}/{n}.png" for c in ("ant", "bee") for n in range(4)]
    assert len(calibration.sha256) == 64


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"scheme": "int3"}, UsageError, "expected one of: dynamic_int8"),
        ({"scheme": "int8", "io": "int16"}, UsageError, "uint8, int8, float32"),
        ({"calibration": "nowhere/"}, DataError, "no data set 'nowhere/'"),
        ({"calibration": Calibration("photos:lost")}, DataError, "calibration, test, whole"),
    ],
)
def test_wrong_requests_write_nothing(
    tiny_keras: Path, tmp_path: Path, options: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        quantize(tiny_keras, tmp_path / "m.tflite", **options)
    assert list(tmp_path.glob("*")) == []


def test_output_name_and_sample_count_are_checked(tiny_keras: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.tflite"):
        quantize(tiny_keras, tmp_path / "m.bin")
    with pytest.raises(UsageError, match="samples is 0; expected a whole number of at least 1"):
        Calibration("photos", 0)


class _Operation(keras.layers.Layer):
    """Applies a TensorFlow function that no builtin TFLite operator matches."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def call(self, inputs):
        return self.function(inputs)


@pytest.mark.parametrize(
    "function", [lambda x: tf.linalg.inv(x + tf.eye(8)), lambda x: tf.math.bessel_i0e(x)], ids=["inverse", "bessel"]
)
def test_operators_that_boards_lack_are_refused_by_name(tmp_path: Path, function: object) -> None:
    inputs = keras.Input((8, 8, 1))
    flat = keras.layers.Reshape((8, 8))(inputs)
    model = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Flatten()(_Operation(function)(flat))))
    with pytest.raises(QuantizationError, match=r"operators that a board's TFLite runtime does not have"):
        quantize(model, tmp_path / "m.tflite", calibration=FEW)
    assert not (tmp_path / "m.tflite").exists()


def test_float_operators_in_an_int8_model_are_refused_by_name(tmp_path: Path) -> None:
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Flatten()(_Operation(tf.math.erf)(inputs))))
    try:
        quantize(model, tmp_path / "m.tflite", calibration=FEW)
    except QuantizationError as error:
        assert "ERF" in str(error).upper() or "float" in str(error)
    else:
        pytest.fail("a float operator went through")
