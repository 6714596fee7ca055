"""The levels through the whole stage: the artifact stays an ordinary one, and comes nearer to the float model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_graphs import Graph

from edgecnn import artifact
from edgecnn.core.compat.tensorflow import keras, tf
from edgecnn.core.errors import QuantizationError, UsageError
from edgecnn.core.statistics import sqnr_db
from edgecnn.data import open_data
from edgecnn.float_model import keras_file
from edgecnn.quantization import Calibration, quantize
from edgecnn.quantization.observation import Answers, logits_of
from edgecnn.quantization.remedies import ranges
from edgecnn.runtime.model.contract import Contract, Preprocessing
from edgecnn.runtime.model.model_file import ModelFile
from edgecnn.runtime.model.tflite import parse
from edgecnn.runtime.run import golden
from edgecnn.runtime.run.engine import Engine
from edgecnn.runtime.run.preprocess import fit


def made(source: Path, folder: Path, level: str, scheme: str = "int8", samples: int = 16) -> ModelFile:
    calibration = Calibration("photos:calibration", samples, improve=level)
    return quantize(source, folder / f"{level}.tflite", scheme=scheme, calibration=calibration)


def snr_db(source: Path, file: ModelFile) -> float:
    """Against Keras, on photographs that no level has seen."""
    model, contract = keras_file.load(source)
    engine = Engine(file)
    pictures = [fit(example.read(), contract.preprocessing) for example in open_data("photos:test").sample(24).examples]
    mean, std = np.array(contract.preprocessing.mean), np.array(contract.preprocessing.std)
    wanted = model(np.stack([(picture - mean) / std for picture in pictures]).astype(np.float32)).numpy()
    return sqnr_db(wanted, np.stack([engine.scores(engine.tensor(picture)) for picture in pictures]))


@pytest.mark.parametrize("level", ["fast", "best"])
def test_improved_artifact_has_the_same_operators_shapes_and_size(tiny_keras: Path, tmp_path: Path, level: str) -> None:
    plain, better = made(tiny_keras, tmp_path, "none"), made(tiny_keras, tmp_path, level)
    assert [op.name for op in better.model.graph.operators] == [op.name for op in plain.model.graph.operators]
    kinds = [[(tensor.shape, tensor.dtype) for tensor in file.model.graph.tensors] for file in (plain, better)]
    assert kinds[0] == kinds[1]
    assert len(artifact.graph_bytes(better)) == pytest.approx(len(artifact.graph_bytes(plain)), rel=0.01)
    assert better.contract.provenance.improve.level == level
    assert "rounding" in better.contract.provenance.improve.remedies


@pytest.fixture(scope="module")
def coarse_keras(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One weight of each channel is 15 times as large as the others, whose rounding is coarse for it."""
    keras.utils.set_random_seed(0)
    x = inputs = keras.Input((32, 32, 3))
    for filters in (16, 32, 64):
        x = keras.layers.Conv2D(filters, 3, 2, activation="relu")(x)
    pooled = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(
        inputs, keras.layers.Dense(10, kernel_initializer=keras.initializers.RandomNormal(0, 0.001))(pooled)
    )
    for layer in model.layers[1:4]:
        kernel = layer.kernel.numpy()
        kernel[0, 0, 0] = 15 * np.copysign(np.abs(kernel).max(), kernel[0, 0, 0])
        layer.kernel.assign(kernel)
    path = tmp_path_factory.mktemp("coarse") / "coarse.keras"
    keras_file.save(model, Contract(Preprocessing(32, 32)), path)
    return path


@pytest.mark.parametrize("level", ["fast", "best"])
@pytest.mark.parametrize("scheme", ["int8", "int8_per_tensor"])
def test_improved_artifact_is_nearer_to_the_float_model(
    coarse_keras: Path, tmp_path: Path, scheme: str, level: str
) -> None:
    plain = snr_db(coarse_keras, made(coarse_keras, tmp_path, "none", scheme, 32))
    better = snr_db(coarse_keras, made(coarse_keras, tmp_path, level, scheme, 32))
    assert better > plain + 3, (plain, better)


@pytest.mark.parametrize("level", ["fast", "best"])
def test_operators_with_several_outputs(tmp_path: Path, level: str) -> None:
    inputs = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(8, 3, 2, activation="relu")(inputs)
    first, second = keras.layers.Lambda(lambda x: tf.split(x, 2, axis=-1))(x)
    x = keras.layers.Concatenate()([keras.layers.Conv2D(4, 3)(first), keras.layers.Conv2D(4, 3)(second)])
    model = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(x)))
    calibration = Calibration("photos", 8, improve=level)
    file = quantize(model, tmp_path / "m.tflite", calibration=calibration)
    assert [op.name for op in file.model.graph.operators].count("SPLIT") == 1
    engine = Engine(file)
    pictures = [golden.picture(5, index, (16, 16, 3)) for index in range(16)]
    wanted = model(np.stack(pictures).astype(np.float32) / 127.5 - 1).numpy()
    assert sqnr_db(wanted, np.stack([engine.scores(engine.tensor(each)) for each in pictures])) > 20
    with pytest.raises(QuantizationError, match="SPLIT has several outputs"):
        quantize(model, tmp_path / "m.tflite", scheme="int8_mixed", calibration=calibration)


def test_logits_are_gathered_in_the_pictures_order_whichever_thread_is_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their mean is a sum of float32, which another order rounds in another way."""
    graph = Graph()
    ends = [graph.tensor(name, (1, 4), "f4") for name in ("picture", "scores")]
    graph.operator("FULLY_CONNECTED", [ends[0], graph.constant("weights", (4, 4), "f4")], ends[1:])
    logits = np.random.default_rng(0).normal(size=(8, 1, 4)).astype(np.float32)
    seen: list[np.ndarray] = []
    monkeypatch.setattr(ranges, "logits", lambda values: seen.append(values) or (0.0, 1.0))
    for order in (range(8), reversed(range(8))):
        answers = Answers(graph.build(ends[:1], ends[1:]))
        for number in order:
            answers.visit(number, lambda tensor, number=number: logits[number])
        answers.ranges()
    np.testing.assert_array_equal(seen, [logits[:, 0]] * 2)


@pytest.mark.parametrize(
    ("behind", "places", "expected"),
    [
        ((), 1, ["layer"]),
        (("RESHAPE",), 1, ["RESHAPE0", "layer"]),
        (("RESHAPE", "SOFTMAX"), 1, ["RESHAPE0", "layer"]),
        (("SOFTMAX", "RESHAPE"), 1, ["layer"]),
        (("LOGISTIC",), 1, []),
        (("SOFTMAX",), 2, []),  # of each place of an image
    ],
)
def test_logits_are_found_before_softmax_and_reshapes(
    behind: tuple[str, ...], places: int, expected: list[str]
) -> None:
    graph = Graph()
    image, layer = graph.tensor("image", (1, 2, 2, 3), "f4"), graph.tensor("layer", (1, places, places, 4), "f4")
    graph.operator("CONV_2D", [image, graph.constant("weights", (4, 1, 1, 3), "f4")], [layer])
    output = layer
    for number, name in enumerate(behind):
        output = graph.unary(name, f"{name}{number}", output, shape=(1, 4) if name == "RESHAPE" else None)
    found = parse(graph.build([image], [output])).graph
    assert [found.tensors[tensor].name for tensor in logits_of(found)] == expected


def test_same_request_gives_the_same_bytes(tiny_keras: Path, tmp_path: Path) -> None:
    files = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        files.append(made(tiny_keras, folder, "best").data)
    assert files[0] == files[1]


def test_weights_in_the_artifact_are_those_that_were_chosen(tiny_keras: Path, tmp_path: Path) -> None:
    """The quantizer must find the grid that the rounding was done for, or all the care is lost."""
    from edgecnn.float_model.loading import load
    from edgecnn.float_model.traced import FloatModel
    from edgecnn.graph.float_graph import FloatGraph
    from edgecnn.quantization.levels import Pictures, improve

    shape = (1, *keras_file.load(tiny_keras)[1].preprocessing.shape)
    inputs = [np.random.default_rng(i).normal(size=shape).astype(np.float32) for i in range(4)]
    improved = improve(FloatModel.trace(load(tiny_keras)).float32, Pictures(lambda: iter(inputs), 4), "fast")
    file = _quantized(improved.model, improved.ranges)
    network = FloatGraph(improved.model)
    by_name = {tensor.name: tensor for tensor in file.graph.tensors}
    compared = 0
    for layer in network.layers.values():
        tensor = by_name.get(network.graph.tensors[layer.weights].name)
        if tensor is None:
            continue
        axis = [1] * len(tensor.shape)
        axis[tensor.channel_axis] = -1
        stored = tensor.values().astype(np.float64) * tensor.scale.reshape(axis)
        chosen = network.values(layer.weights).reshape(tensor.shape)
        assert np.allclose(stored, chosen, atol=1e-4 * np.abs(chosen).max())
        compared += 1
    assert compared >= 3


def _quantized(model: bytes, ranges: dict[int, tuple[float, float]]):
    from edgecnn.quantization.scheme import quantize_with_ranges
    from edgecnn.runtime.model.tflite import parse

    return parse(quantize_with_ranges(model, ranges, "uint8", per_channel=True))


def test_levels_are_checked(tiny_keras: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="none, fast, best"):
        Calibration(improve="more")
    with pytest.raises(UsageError, match="float16 has no levels of improvement"):
        quantize(tiny_keras, tmp_path / "m.tflite", scheme="float16", calibration=Calibration(improve="best"))
    assert not (tmp_path / "m.tflite").exists()


def test_standard_error_still_works_afterwards(
    tiny_keras: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Two threads that each silenced the runtime's messages left the process without standard error."""
    import os

    for level in ("fast", "best"):
        made(tiny_keras, tmp_path, level)
    os.write(2, b"still here")
    assert "still here" in capfd.readouterr().err
