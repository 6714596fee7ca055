"""Down-sampling surgery against the untouched model and against stride-1 arithmetic; int8 errors against NumPy."""

import dataclasses

import numpy as np
import pytest

from edgecnn.builder import build_model
from edgecnn.core.compat.tensorflow import keras, tf
from edgecnn.core.errors import UsageError
from edgecnn.graph import keras_network
from edgecnn.inspection.analysis import analyze
from edgecnn.inspection.opening import open_model
from edgecnn.quantization import Calibration, quantize
from edgecnn.runtime.model.contract import Contract, Preprocessing
from edgecnn.visualization import int8, translation
from edgecnn.visualization.downsampling import with_downsampling
from edgecnn.visualization.subject import KerasSubject, subject


def _pictures(shape, count=2):
    return tf.constant(np.random.default_rng(0).normal(size=(count, *shape)), tf.float32)


@pytest.mark.parametrize("size", [64, 75])
def test_keeping_every_second_answer_is_the_model_itself(size):
    keras.utils.set_random_seed(0)
    model = keras.applications.MobileNet(weights=None, alpha=0.25, input_shape=(size, size, 3), include_top=False)
    clone, changed = with_downsampling(model, "stride")
    assert changed == 5
    pictures = _pictures((size, size, 3))
    np.testing.assert_allclose(clone(pictures), model(pictures), atol=1e-5)


def test_own_networks_with_shortcuts_too():
    model, _ = build_model("mobilenet_v2", input_size=64, width=0.35, classes=10)
    clone, changed = with_downsampling(model, "stride")
    assert changed == 5
    pictures = _pictures((64, 64, 3))
    np.testing.assert_allclose(clone(pictures), model(pictures), atol=1e-4)


def test_patches_of_a_transformer_are_cut_as_before():
    model, _ = build_model("vit_tiny_16", input_size=32, width=0.5, classes=10)
    clone, changed = with_downsampling(model, "stride")
    assert changed == 1
    pictures = _pictures((32, 32, 3))
    np.testing.assert_allclose(clone(pictures), model(pictures), atol=1e-4)


@pytest.mark.parametrize("kind", ["max", "average"])
def test_max_and_mean_are_those_of_the_dense_answers(kind):
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            layers.Conv2D(4, 3, 2, "same", use_bias=False, name="c"),
            layers.BatchNormalization(),
            layers.ReLU(),
        ]
    )
    clone, _ = with_downsampling(model, kind)
    pictures = _pictures((12, 12, 3))
    padded = tf.pad(pictures, [(0, 0), (0, 2), (0, 2), (0, 0)])  # "same" at stride 2 pads below and to the right
    dense = tf.nn.conv2d(padded, model.get_layer("c").get_weights()[0], 1, "VALID") / np.sqrt(1.001)
    windows = tf.nn.relu(dense).numpy().reshape(2, 6, 2, 6, 2, 4)
    expected = windows.max(axis=(2, 4)) if kind == "max" else windows.mean(axis=(2, 4))
    np.testing.assert_allclose(clone(pictures), expected, atol=1e-5)


def test_pooling_layers_are_exchanged():
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.MaxPooling2D(2)])
    picture = tf.reshape(tf.range(64, dtype=tf.float32), (1, 8, 8, 1))
    values = {
        kind: with_downsampling(model, kind)[0](picture).numpy()[0, 0, 0, 0] for kind in ("stride", "max", "average")
    }
    assert values == {"stride": 0.0, "max": 9.0, "average": 4.5}


def test_the_window_moves_by_exactly_one_pixel():
    model, contract = build_model("mobilenet_v1", input_size=64, width=0.25, classes=10)
    found = KerasSubject("m", contract, analyze(keras_network.read(model)), model)
    picture = np.random.default_rng(0).integers(0, 256, (300, 400, 3)).astype(np.uint8)
    shifts, pictures = translation.shifted(found, picture, 4)
    assert shifts.tolist() == list(range(-4, 5))
    for left, right in zip(pictures, pictures[1:]):
        assert (right[:, 1:] == left[:, :-1]).all()


def test_a_network_without_down_sampling_is_stable_and_a_strided_one_repeats_after_its_stride():
    keras.utils.set_random_seed(1)
    layers = keras.layers
    contract = Contract(Preprocessing(32, 32, crop=1.0))

    def curve(strides):
        picture = keras.Input((32, 32, 3))
        x = layers.Conv2D(8, 5, strides=strides, activation="relu")(picture)
        x = layers.GlobalMaxPooling2D()(x)
        model = keras.Model(picture, layers.Dense(3)(x))
        found = KerasSubject("m", contract, analyze(keras_network.read(model)), model)
        shifts, _ = translation.shifted(found, np.zeros((64, 64, 3), np.uint8), 8)
        scene = np.full((17, 32, 32, 3), 127, np.uint8)
        pattern = np.random.default_rng(2).integers(0, 256, (6, 6, 3)).astype(np.uint8)
        for index, shift in enumerate(shifts):  # an object that moves over an even ground, away from the edges
            scene[index, 13:19, 13 + shift : 19 + shift] = pattern
        return translation.stability(found, shifts, scene, "x").probability

    np.testing.assert_allclose(np.ptp(curve(1)), 0, atol=1e-6)
    strided = curve(4)
    assert np.ptp(strided) > 1e-3
    np.testing.assert_allclose(strided[:-4], strided[4:], atol=1e-6)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    built = build_model("mobilenet_v2", input_size=64, width=0.35, classes=10)
    quantize(built, folder / "float.tflite", scheme="float32")
    quantize(built, folder / "int8.tflite", calibration=Calibration("photos", 8))
    return folder, built


def test_int8_errors_are_matched_by_keras_name_and_measured_right(small):
    folder, (model, _) = small
    quantized, reference = (subject(open_model(str(folder / name))) for name in ("int8.tflite", "float.tflite"))
    fitted = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    found, answers = int8.errors(quantized, reference, fitted)
    kernels = [layer.name for layer in model.layers if type(layer).__name__ in ("Conv2D", "DepthwiseConv2D", "Dense")]
    assert [
        error.layer for error in found if error.op in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
    ] == kernels
    for error, (got, expected) in zip(found, answers):
        noise = ((got - expected).astype(np.float64) ** 2).mean()
        assert error.snr_db == pytest.approx(10 * np.log10((expected.astype(np.float64) ** 2).mean() / noise), abs=0.02)
    assert found[0].snr_db > 30
    assert np.median([error.snr_db for error in found]) > 8  # random weights and noise: the hardest case


def test_the_float_twin_equals_the_keras_layers(small):
    """The reference itself: a fused convolution answers what Keras's activation answers."""
    folder, (model, contract) = small
    reference = subject(open_model(str(folder / "float.tflite")))
    own = KerasSubject("m", contract, analyze(keras_network.read(model)), model)
    fitted = np.random.default_rng(1).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    for fused, alone in (("stem_conv", "stem_act"), ("block0_project_conv", "block0_project_bn")):
        maps = [found.maps(fitted, [found.layer(name)])[0] for found, name in ((reference, fused), (own, alone))]
        np.testing.assert_allclose(*maps, atol=1e-4)


def test_a_model_against_itself_has_no_error(small):
    folder, _ = small
    reference = subject(open_model(str(folder / "float.tflite")))
    found, _ = int8.errors(reference, reference, np.zeros((64, 64, 3), np.uint8))
    assert {error.snr_db for error in found} == {120.0}


def test_a_quantized_model_is_no_float_twin(small):
    folder, _ = small
    with pytest.raises(UsageError, match="is not a float model"):
        int8.float_twin(str(folder / "int8.tflite"))


def test_another_model_has_no_layer_in_common(small, tmp_path):
    folder, _ = small
    model = keras.Sequential(
        [keras.Input((64, 64, 3)), keras.layers.Conv2D(2, 64, name="other"), keras.layers.Flatten()]
    )
    quantize((model, Contract(Preprocessing(64, 64))), tmp_path / "o.tflite", scheme="float32")
    quantized, other = (subject(open_model(str(path))) for path in (folder / "int8.tflite", tmp_path / "o.tflite"))
    with pytest.raises(UsageError, match="no layer in common"):
        int8.pairs(quantized, other)


def test_subjects_of_keras_models_can_be_varied(small):
    _, (model, contract) = small
    own = KerasSubject("m", contract, analyze(keras_network.read(model)), model)
    assert dataclasses.replace(own, model=None).contract is contract
