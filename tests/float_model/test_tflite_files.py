"""Float `.tflite` files by others: opened, quantized and compared with themselves; what can't be is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from float_twins import float_twin
from requirements import CORAL, SHARED, needs_shared
from small_graphs import Graph

from edgecnn.core.compat.litert_schema import pack, unpack
from edgecnn.core.compat.tensorflow import keras, tf
from edgecnn.core.errors import EdgecnnError, ModelFileError
from edgecnn.core.hints import Hints
from edgecnn.float_model.loading import load
from edgecnn.float_model.tflite.rebuild import Rebuilt
from edgecnn.float_model.traced import FloatModel
from edgecnn.quantization import Calibration, quantize
from edgecnn.quantization.refusals import float_operators
from edgecnn.verification import verify

FEW = Calibration("photos", 8)
SIZES = {"mobilenet_v1_0.25_128_quant": (128, 128), "mobilenet_v2_1.0_224_quant": (224, 224)}


@pytest.fixture(scope="module")
def model() -> Any:
    """A residual network with what converters fuse, and with what they leave alone."""
    keras.utils.set_random_seed(4)
    layers = keras.layers
    image = keras.Input((24, 24, 3))
    first = layers.ReLU(6.0)(layers.BatchNormalization()(layers.Conv2D(8, 3, 2, "same", use_bias=False)(image)))
    depthwise = layers.PReLU(shared_axes=[1, 2])(layers.DepthwiseConv2D(3, 1, "same")(first))
    hard = depthwise * (tf.nn.relu6(depthwise + 3.0) / 6.0)
    joined = layers.Concatenate()([layers.add([first, hard]), layers.MaxPooling2D(3, 1, "same")(first)])
    pooled = layers.GlobalAveragePooling2D(keepdims=True)(layers.Conv2D(12, 1, activation="relu")(joined))
    return keras.Model(image, layers.Softmax()(layers.Flatten()(layers.Conv2D(5, 1)(pooled))))


def converted(model: Any, kind: str = "float32") -> bytes:
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if kind != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "float16":
        converter.target_spec.supported_types = [tf.float16]
    return bytes(converter.convert())


def answer(model: bytes, image: np.ndarray) -> np.ndarray:
    interpreter = Interpreter(model_content=model)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    return np.asarray(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))


@pytest.mark.parametrize("kind", ["float32", "float16", "dynamic range"])
def test_a_float_file_is_opened_and_quantized(tmp_path: Path, model: Any, kind: str) -> None:
    path = tmp_path / "theirs.tflite"
    path.write_bytes(converted(model, kind))
    source = load(path)
    images = np.random.default_rng(0).uniform(-1, 1, (3, 24, 24, 3)).astype(np.float32)
    expected = np.concatenate([model(images[:1]), answer(path.read_bytes(), images[1:2]), model(images[2:])])
    np.testing.assert_allclose(source.call(images).numpy(), expected, atol=1e-5 if kind == "float32" else 5e-3)
    file = quantize(path, tmp_path / "m.tflite", calibration=FEW)
    assert not float_operators(file.model.graph)
    assert file.contract.output == "probabilities"
    assert {"PRELU", "HARD_SWISH"} <= {operator.name for operator in file.model.graph.operators}
    assert any("no metadata" in sentence for sentence in file.contract.assumed)


@pytest.mark.parametrize("scheme", ["float16", "int8_per_tensor", "dynamic_int8"])
def test_other_schemes_take_it_too(tmp_path: Path, model: Any, scheme: str) -> None:
    (tmp_path / "theirs.tflite").write_bytes(converted(model))
    calibration = Calibration("photos", 8, improve="best") if scheme == "int8_per_tensor" else FEW
    assert quantize(tmp_path / "theirs.tflite", tmp_path / "m.tflite", scheme=scheme, calibration=calibration).sealed


def test_our_own_float_artifact_keeps_its_contract(tmp_path: Path, model: Any) -> None:
    (tmp_path / "labels.txt").write_text("a\nb\nc\nd\ne\n")
    hints = Hints(mean=(10.0,), std=(99.0,), labels=tmp_path / "labels.txt")
    first = quantize(model, tmp_path / "float.tflite", scheme="float32", hints=hints)
    second = quantize(tmp_path / "float.tflite", tmp_path / "m.tflite", calibration=FEW)
    assert second.contract.labels == first.contract.labels == ("a", "b", "c", "d", "e")
    assert second.contract.preprocessing == first.contract.preprocessing
    assert second.contract.provenance.scheme == "int8"
    assert second.contract.golden != first.contract.golden


@pytest.mark.parametrize("before", [lambda image: image, lambda image: (image - 0.5) / 0.25])
def test_a_channels_first_input_is_turned(tmp_path: Path, before: Callable[[Any], Any]) -> None:
    """A transpose behind the input is left out; where something reads the input first, one is put in front."""
    keras.utils.set_random_seed(2)
    image = keras.Input((3, 16, 24))
    values = keras.layers.Conv2D(4, 3, activation="relu")(keras.layers.Permute((2, 3, 1))(before(image)))
    theirs = keras.Model(image, keras.layers.Dense(5)(keras.layers.GlobalAveragePooling2D()(values)))
    (tmp_path / "theirs.tflite").write_bytes(converted(theirs))
    source = load(tmp_path / "theirs.tflite", hints=Hints(mean=(0,), std=(255,)))
    images = np.random.default_rng(0).uniform(0, 1, (1, 16, 24, 3)).astype(np.float32)
    expected = answer((tmp_path / "theirs.tflite").read_bytes(), images.transpose(0, 3, 1, 2))
    np.testing.assert_allclose(source.call(images).numpy(), expected, atol=1e-5)
    assert "channels-first, [1, 3, 16, 24]: the converted model takes [1, 16, 24, 3]" in source.contract.assumed[-1]
    said = Hints(mean=(0,), std=(255,))
    file = quantize(tmp_path / "theirs.tflite", tmp_path / "m.tflite", calibration=FEW, hints=said)
    assert not float_operators(file.model.graph)
    assert "TRANSPOSE" not in {operator.name for operator in file.model.graph.operators}
    assert verify(tmp_path / "m.tflite", tmp_path / "theirs.tflite", "photos:test", hints=said).snr_db > 20


def test_integer_files_are_refused(tmp_path: Path, model: Any) -> None:
    quantize(model, tmp_path / "int8.tflite", calibration=FEW)
    with pytest.raises(ModelFileError, match=r"quantized already: 'image' is UINT8 .*expected a float"):
        quantize(tmp_path / "int8.tflite", tmp_path / "m.tflite", calibration=FEW)


def test_all_unknown_operators_are_named(tmp_path: Path) -> None:
    graph = Graph()
    image = graph.tensor("image", (1, 8, 8, 3), "f4")
    options = schema.Pool2DOptionsT()
    options.strideH = options.strideW = options.filterHeight = options.filterWidth = 2
    pooled = graph.unary("L2_POOL_2D", "pooled", image, options, (1, 4, 4, 3))
    cells = graph.unary("ATAN2", "angle", graph.unary("RESHAPE", "flat", pooled, shape=(1, 48)))
    (tmp_path / "m.tflite").write_bytes(graph.build([image], [cells]))
    with pytest.raises(ModelFileError, match="can't rebuild as float ones: ATAN2, L2_POOL_2D"):
        load(tmp_path / "m.tflite")


def test_an_operator_that_cannot_be_is_named(model: Any) -> None:
    changed = unpack(converted(model))
    codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in changed.operatorCodes]
    concatenation = codes.index(schema.BuiltinOperator.CONCATENATION)
    operator = next(each for each in changed.subgraphs[0].operators if each.opcodeIndex == concatenation)
    operator.builtinOptions.axis = 7
    with pytest.raises(ModelFileError, match=r"the operator CONCATENATION \(.*\) can't be rebuilt"):
        Rebuilt(pack(changed), "m.tflite")(np.zeros((1, 24, 24, 3), np.float32))


def test_what_gives_no_numbers_is_refused(tmp_path: Path, model: Any) -> None:
    changed = keras.models.clone_model(model)
    changed.layers[-2].set_weights([np.full_like(weight, np.nan) for weight in changed.layers[-2].get_weights()])
    for layer in changed.layers:
        if isinstance(layer, keras.layers.Conv2D):
            layer.set_weights([np.full_like(weight, np.inf) for weight in layer.get_weights()])
    (tmp_path / "m.tflite").write_bytes(converted(changed))
    with pytest.raises(ModelFileError, match="NaN or infinity"):
        load(tmp_path / "m.tflite")


def test_damaged_files_get_one_sentence(tmp_path: Path, model: Any) -> None:
    """Whatever bytes change: an error of ours, or a model that gives what LiteRT gives."""
    sound, draw = bytearray(converted(model)), np.random.default_rng(5)
    for _ in range(60):
        damaged = bytearray(sound)
        for place in draw.integers(len(sound) - 5000, len(sound), 3):
            damaged[place] = draw.integers(0, 256)
        (tmp_path / "m.tflite").write_bytes(damaged)
        try:
            load(tmp_path / "m.tflite")
        except EdgecnnError as error:
            assert "Traceback" not in str(error)


@needs_shared
@pytest.mark.parametrize("name", SIZES)
def test_trained_models_are_rebuilt_exactly(tmp_path: Path, name: str) -> None:
    """`load` compares the outputs with LiteRT's; of these graphs the converter once made the quantized files."""
    (tmp_path / "m.tflite").write_bytes(float_twin((CORAL / f"{name}.tflite").read_bytes()))
    assert load(tmp_path / "m.tflite").call(np.zeros((1, *SIZES[name], 3), np.float32)).shape == (1, 1001)


@needs_shared
@pytest.mark.slow
def test_a_trained_model_agrees_with_its_float_file(tmp_path: Path, lite0_keras: Path) -> None:
    """EfficientNet-Lite0 with ImageNet weights as a float file without any metadata, on one image of each class."""
    (tmp_path / "theirs.tflite").write_bytes(FloatModel.trace(load(lite0_keras)).float32)
    images = tmp_path / "images"
    images.mkdir()
    for folder in sorted((SHARED / "imagenet-sample").iterdir()):
        first = min(folder.iterdir())
        (images / f"{folder.name}{first.suffix}").symlink_to(first)
    said = Hints(mean=(127,), std=(128,))
    file = quantize(
        tmp_path / "theirs.tflite", tmp_path / "m.tflite", calibration=Calibration("photos", 100), hints=said
    )
    assert not float_operators(file.model.graph)
    found = verify(tmp_path / "m.tflite", tmp_path / "theirs.tflite", str(images), hints=said)
    assert found.agreement.percent >= 98
