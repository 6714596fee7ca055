"""Costs against tf_keras, against hand-made arithmetic and published figures; the same network in both formats."""

import json

import numpy as np
import pytest
from requirements import CORAL, needs_shared

from edgecnn.core.compat.tensorflow import keras
from edgecnn.core.errors import ModelFileError, UsageError
from edgecnn.graph import keras_network, tflite_network
from edgecnn.graph.network import Window, same_padding
from edgecnn.inspection.analysis import analyze, peak_activations, separable_pairs
from edgecnn.inspection.compare import compare
from edgecnn.inspection.opening import open_model, resized
from edgecnn.runtime.model import model_file


@pytest.fixture(scope="module")
def mobilenet():
    return keras.applications.MobileNet(weights=None, input_shape=(224, 224, 3))


@pytest.mark.parametrize(
    ("build", "macs"),
    [
        # Published multiply-accumulates: MobileNets table 8 (569 M), ResNet-50 of He et al. 2015 (3.8 G).
        (lambda: keras.applications.MobileNet(weights=None), 569e6),
        (lambda: keras.applications.ResNet50(weights=None), 3.8e9),
        (lambda: keras.applications.VGG16(weights=None), 15.5e9),
    ],
    ids=["mobilenet", "resnet50", "vgg16"],
)
def test_totals_against_papers_and_keras(build, macs):
    model = build()
    report = analyze(keras_network.read(model))
    assert report.total.macs == pytest.approx(macs, rel=0.02)
    assert report.network.parameters == model.count_params() == sum(row.layer.cost.parameters for row in report.layers)
    shapes = {layer.name: tuple(layer.output_shape[1:]) for layer in model.layers if hasattr(layer, "output_shape")}
    assert all(row.output_shape[1:] == shapes[row.layer.name] for row in report.layers)


def test_separable_saving_is_the_papers_formula(mobilenet):
    """1 / (1/N + 1/k^2), MobileNets section 3.1: 8 to 9 times for 3x3 and many filters."""
    report = analyze(keras_network.read(mobilenet))
    rows = [row for row in report.layers if row.saving]
    assert len(rows) == 13
    filters = [64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024]
    assert [row.saving for row in rows] == pytest.approx([1 / (1 / n + 1 / 9) for n in filters])
    assert 8 < report.regular_macs / report.total.macs < 9


def test_a_squeeze_excite_does_not_hide_the_pair():
    model = keras.applications.EfficientNetB0(weights=None)
    assert len(separable_pairs(keras_network.read(model))) == 16


def test_same_padding_is_keras_arithmetic():
    for size in range(1, 20):
        for kernel in range(1, 6):
            for stride in range(1, 5):
                layer = keras.layers.MaxPooling2D((kernel, 1), (stride, 1), "same")
                result = layer.compute_output_shape((1, size, 1, 1))[1]
                before, after = same_padding(size, result, stride, kernel)
                assert (size + before + after - kernel) // stride + 1 == result
                assert after - before in (0, 1)


def test_arithmetic_in_words():
    same = Window((3, 3), (2, 2), before=(0, 0), after=(1, 1), padding="same")
    assert same.arithmetic((224, 224), (112, 112)) == "ceil(224/2) = 112, 0+1 zeros"
    assert Window((7, 7), (2, 2)).arithmetic((230, 230), (112, 112)) == "floor((230-7)/2)+1 = 112"
    assert Window((3, 3), dilation=(2, 2)).arithmetic((9, 9), (5, 5)) == "floor((9-5)/1)+1 = 5"
    padding = Window((1, 1), before=(0, 0), after=(1, 1), padding="explicit")
    assert padding.arithmetic((224, 224), (225, 225)) == "224+0+1 = 225"


def test_peak_memory_of_a_chain_and_of_a_shortcut():
    layers = keras.layers
    picture = keras.Input((8, 8, 1))  # 64 values
    x = layers.Conv2D(4, 3, padding="same", name="a")(picture)  # 256
    x = layers.BatchNormalization()(x)  # in place
    x = layers.ReLU()(x)  # in place
    chain = keras.Model(picture, layers.Conv2D(2, 3, padding="same", name="b")(x))  # 128
    assert peak_activations(keras_network.read(chain)) == ((256 + 128) * 4, "b")
    y = layers.Conv2D(4, 3, padding="same", name="c")(x)  # x stays alive for the sum
    shortcut = keras.Model(picture, layers.Add(name="sum")([x, y]))
    assert peak_activations(keras_network.read(shortcut)) == (3 * 256 * 4, "sum")


def test_intensity_counts_every_tensor_once():
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(5, 3, padding="same")])
    cost = analyze(keras_network.read(model)).layers[0].layer.cost
    assert cost.macs == 8 * 8 * 5 * 9 * 3
    assert cost.bytes_moved == 4 * (8 * 8 * 3 + 8 * 8 * 5 + 5 * 9 * 3 + 5)


def test_nested_and_shared_layers():
    layers = keras.layers
    inner = keras.Sequential([keras.Input((8, 8, 4)), layers.Conv2D(4, 3, padding="same"), layers.ReLU()])
    picture = keras.Input((8, 8, 4))
    model = keras.Model(picture, inner(inner(picture)))
    network = keras_network.read(model)
    assert [layer.op for layer in network.layers] == ["Conv2D", "ReLU"] * 2
    assert sum(layer.cost.parameters for layer in network.layers) == model.count_params()
    assert analyze(network).layers[-1].reach.axes[0].size == 5


def test_free_sizes_and_subclassed_models_are_refused(tmp_path):
    with pytest.raises(ModelFileError, match="fixed input size"):
        keras_network.read(keras.applications.MobileNet(weights=None, include_top=False))
    with pytest.raises(ModelFileError, match="subclassed"):
        keras_network.read(type("Own", (keras.Model,), {})())


def test_another_input_size(mobilenet):
    small = keras.applications.MobileNet(weights=None, alpha=0.25, input_shape=(128, 128, 3), include_top=False)
    assert resized(small, 64).output_shape[1:3] == (2, 2)
    flat = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    with pytest.raises(UsageError, match="can't process 16 x 16"):
        resized(flat, 16)


def test_float_tflite_and_keras_agree(tmp_path):
    """The converter folds norms into convolutions; what remains has the same shapes, MACs and receptive fields."""
    from edgecnn.builder import build_model
    from edgecnn.quantization import quantize

    model, contract = build_model("mobilenet_v2", input_size=96, width=0.35, classes=10)
    file = quantize((model, contract), tmp_path / "m.tflite", scheme="float32")
    own = analyze(keras_network.read(model))
    other = analyze(tflite_network.read(file.model, "m.tflite"))
    assert other.total.macs == own.total.macs
    assert other.regular_macs == own.regular_macs
    assert other.last_map.output_shape == own.last_map.output_shape
    assert [axis.size for axis in other.last_map.reach.axes] == [axis.size for axis in own.last_map.reach.axes]
    named = {row.layer.name: row for row in own.layers if row.layer.cost.macs}
    for row in other.layers:
        if row.layer.cost.macs:
            twin = named[row.layer.name]
            assert (row.output_shape, row.layer.cost.macs) == (twin.output_shape, twin.layer.cost.macs)
            assert [(a.size, a.stride, a.center) for a in row.reach.axes] == [
                (a.size, a.stride, a.center) for a in twin.reach.axes
            ]


def test_comparison(mobilenet):
    half = keras.applications.MobileNet(weights=None, alpha=0.5, input_shape=(224, 224, 3))
    values = compare(*(analyze(keras_network.read(model)) for model in (mobilenet, half)))
    assert values["totals"]["parameters"]["ratio"] == pytest.approx(
        half.count_params() / mobilenet.count_params(), abs=1e-4
    )
    assert sum(stage["second"]["parameters"] for stage in values["stages"]) == half.count_params()
    assert {"name": "conv1", "shapes": [[1, 112, 112, 32], [1, 112, 112, 16]], "macs": [10838016, 5419008]} in values[
        "layers"
    ]


@needs_shared
def test_corals_mobilenets():
    """Published: MobileNet V1 0.25 128 has 14 M MACs and 0.47 M parameters; V2 1.0 224 has 300 M and 3.47 M."""
    for name, macs, parameters, field in (
        ("mobilenet_v1_0.25_128", 14e6, 0.47e6, 315),
        ("mobilenet_v2_1.0_224", 300e6, 3.47e6, 491),
    ):
        report = analyze(open_model(str(CORAL / f"{name}_quant.tflite")).network)
        assert report.total.macs == pytest.approx(macs, rel=0.04)
        assert report.network.parameters == pytest.approx(parameters, rel=0.04)
        assert report.last_map.reach.axes[0].size == field
        json.dumps(report.record().to_dict())


@needs_shared
def test_damaged_tflite_files_give_errors_only():
    data = (CORAL / "mobilenet_v1_0.25_128_quant.tflite").read_bytes()
    generator = np.random.default_rng(5)
    for _ in range(60):
        mutant = bytearray(data[: generator.integers(1, len(data))] if generator.random() < 0.3 else data)
        for place in generator.integers(0, len(mutant), 30):
            mutant[place if generator.random() < 0.2 else -1 - place % min(len(mutant), 30_000)] ^= (
                1 << generator.integers(8)
            )
        try:
            file = model_file.from_bytes(bytes(mutant))
            analyze(tflite_network.read(file.model, "mutant")).to_dict()
        except ModelFileError as error:
            assert str(error)
