"""Keras files of every kind, and SavedModels of every kind, become one float model with the same answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tf_keras
from click.testing import CliRunner

from edgecnn.cli import cli
from edgecnn.core.compat import keras3
from edgecnn.core.compat.tensorflow import tf
from edgecnn.core.errors import ModelFileError, UsageError
from edgecnn.core.hints import Hints
from edgecnn.float_model import from_keras3, keras_model, loading
from edgecnn.float_model.pure_graph import pure
from edgecnn.inspection.analysis import analyze
from edgecnn.inspection.opening import open_model
from edgecnn.models.heads import without_softmax
from edgecnn.quantization import Calibration, quantize
from edgecnn.quantization.refusals import float_operators
from edgecnn.runtime.run.engine import Engine

keras = keras3.module()
IMAGES = np.random.default_rng(0).uniform(0, 255, (3, 32, 32, 3)).astype(np.float32)


def blocks(layers: Any, keras_of_it: Any, **options: Any) -> Any:
    """A small classifier in either Keras."""
    image = keras_of_it.Input((32, 32, 3), **options)
    values = layers.Rescaling(1 / 127.5, offset=-1.0)(image)
    values = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(values)
    values = layers.BatchNormalization(epsilon=1e-3)(values)
    values = layers.Activation("relu")(values)
    values = layers.Add()([layers.DepthwiseConv2D(3, padding="same")(values), values])
    return keras_of_it.Model(image, layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling2D()(values)))


def operations() -> Any:
    ops, layers = keras.ops, keras.layers
    image = keras.Input((32, 32, 3))
    values = layers.RandomFlip()(image / 255.0 * 2.0 - 1.0)
    values = layers.Activation("hard_silu")(layers.Conv2D(8, 3)(values))
    values = ops.relu6(values) * ops.hard_sigmoid(values) + 0.5
    values = layers.Dropout(0.5)(ops.mean(values, axis=(1, 2)))
    return keras.Model(image, layers.Dense(3)(ops.concatenate([values, -values], axis=-1)))


def nested() -> Any:
    layers = keras.layers
    normalization = layers.Normalization()
    normalization.adapt(IMAGES)
    inner = keras.Sequential([layers.SeparableConv2D(4, 3, strides=2), layers.LeakyReLU(negative_slope=0.1)])
    shared = layers.Conv2D(4, 1, padding="same")
    image = keras.Input((32, 32, 3))
    values = shared(shared(inner(normalization(image))))
    return keras.Model(image, layers.Dense(2)(layers.Flatten()(layers.UpSampling2D()(values))))


def disturbed(model: Any) -> Any:
    """Weights that are no defaults, so that one in the wrong place shows."""
    random = np.random.default_rng(1)
    model.set_weights([value + np.abs(random.normal(0, 0.1, value.shape)) for value in model.get_weights()])
    return model


@pytest.mark.parametrize(
    "make", [lambda: blocks(keras.layers, keras), operations, nested], ids=["plain", "ops", "nested"]
)
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_keras_3_becomes_the_same_model_of_keras_2(make: Callable[[], Any], suffix: str, tmp_path: Path) -> None:
    if suffix == ".h5" and make is operations:
        pytest.skip("Keras 3 itself can't read operations from an .h5 file")
    disturbed(make()).save(tmp_path / f"model{suffix}")
    # Of the file, as Normalization takes up other weights only when it is loaded.
    expected = keras.models.load_model(tmp_path / f"model{suffix}", compile=False).predict(IMAGES, verbose=0)
    found, contract = keras_model.load(tmp_path / f"model{suffix}")
    assert isinstance(found, tf_keras.Model) and contract is None
    np.testing.assert_allclose(found.predict(IMAGES, verbose=0), expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("name", ["MobileNetV3Small", "EfficientNetB0", "ConvNeXtTiny"])
def test_applications_of_keras_3(name: str) -> None:
    model = getattr(keras.applications, name)(input_shape=(64, 64, 3), weights=None, classes=3)
    found = from_keras3.converted(model)  # compares the outputs
    assert found.output_shape == model.output_shape
    kernels = [sum(weight.ndim >= 2 for weight in each.get_weights()) for each in (found, model)]
    assert kernels[0] == kernels[1] > 20


def test_what_keras_2_lacks_is_named() -> None:
    image = keras.Input((8, 8, 3))
    unknown = keras.Model(image, keras.ops.roll(image, 1))
    with pytest.raises(ModelFileError, match="Roll"):
        from_keras3.converted(unknown)
    rms = keras.Sequential([image, keras.layers.RMSNormalization()])
    with pytest.raises(ModelFileError, match="RMSNormalization, which Keras 2 does not have"):
        from_keras3.converted(rms)
    first = keras.layers.Conv2D(2, 3, data_format="channels_first", name="stem")
    with pytest.raises(ModelFileError, match="The layer stem is channels-first, which TensorFlow doesn't compute on a"):
        from_keras3.converted(keras.Sequential([keras.Input((3, 8, 8)), first]))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("framework", [tf_keras, keras], ids=["keras2", "keras3"])
def test_mixed_precision_computes_in_float32(framework: Any, policy: str, tmp_path: Path) -> None:
    setter = tf_keras.mixed_precision.set_global_policy if framework is tf_keras else keras.config.set_dtype_policy
    setter(policy)
    try:
        mixed = disturbed(blocks(framework.layers, framework))
    finally:
        setter("float32")
    mixed.save(tmp_path / "mixed.keras")
    plain = blocks(framework.layers, framework)
    plain.set_weights(mixed.get_weights())
    source = loading.load(tmp_path / "mixed.keras")
    np.testing.assert_allclose(source.call(tf.constant(IMAGES)), plain.predict(IMAGES, verbose=0), atol=1e-5)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("kind", ["pruning", "clustering"])
def test_wrappers_of_tfmot_are_taken_off(kind: str, suffix: str, tmp_path: Path) -> None:
    import tensorflow_model_optimization as tfmot

    model = disturbed(_without_rescaling())
    expected = model.predict(IMAGES, verbose=0)
    if kind == "pruning":
        wrapped = tfmot.sparsity.keras.prune_low_magnitude(model)
    else:
        start = tfmot.clustering.keras.CentroidInitialization.LINEAR
        wrapped = tfmot.clustering.keras.cluster_weights(model, number_of_clusters=64, cluster_centroids_init=start)
        expected = wrapped.predict(IMAGES, verbose=0)
    wrapped.save(tmp_path / f"wrapped{suffix}")
    found, _ = keras_model.load(tmp_path / f"wrapped{suffix}")
    assert not {"PruneLowMagnitude", "ClusterWeights"} & {type(layer).__name__ for layer in found.layers}
    np.testing.assert_allclose(found.predict(IMAGES, verbose=0), expected, atol=1e-4)


def _aware(folder: Path) -> Path:
    import tensorflow_model_optimization as tfmot

    aware = tfmot.quantization.keras.quantize_model(
        blocks(tf_keras.layers, tf_keras).__class__.from_config(_without_rescaling().get_config())
    )
    aware.compile("sgd", "mse")
    aware.fit(IMAGES / 127.5 - 1, np.eye(3), epochs=2, verbose=0)
    aware.save(folder, save_format="tf")
    return folder


def _without_rescaling() -> Any:
    layers = tf_keras.layers
    image = tf_keras.Input((32, 32, 3))
    values = layers.GlobalAveragePooling2D()(layers.Conv2D(8, 3, activation="relu")(image))
    return tf_keras.Model(image, layers.Dense(3, activation="softmax")(values))


def test_quantization_aware_models_by_others_keep_their_ranges(tmp_path: Path, picture_folder: Path) -> None:
    folder = _aware(tmp_path / "aware")
    file = quantize(folder, tmp_path / "aware.tflite", calibration=Calibration(str(picture_folder), 4))
    assert float_operators(file.model.graph) == [] and file.contract.provenance.qat
    engine, source = Engine(file), loading.load(folder)
    for image in IMAGES:
        pixels = np.rint(image).astype(np.uint8)
        expected = np.asarray(source.call(tf.constant(pixels[None] / 127.5 - 1, tf.float32)))[0]
        np.testing.assert_allclose(engine.probabilities(engine.prepare(pixels, "rgb")), expected, atol=0.05)


class Signatures(tf.Module):
    def __init__(self) -> None:
        super().__init__()
        self.model = blocks(tf_keras.layers, tf_keras)
        self.steps = tf.Variable(0, dtype=tf.int64)

    @tf.function(input_signature=[tf.TensorSpec((None, 32, 32, 3), tf.float32)])
    def predict(self, image):
        self.steps.assign_add(1)
        return {"scores": self.model(image)}

    @tf.function(input_signature=[tf.TensorSpec((None, 32, 32, 3), tf.float32)])
    def maps(self, image):
        return {"maps": self.model.layers[2](image)}

    @tf.function(input_signature=[tf.TensorSpec((4, 32, 32, 3), tf.float32)])
    def four(self, image):
        return self.model(image)

    @tf.function(input_signature=[tf.TensorSpec((None, 32, 32, 3), tf.float32)])
    def noisy(self, image):
        return self.model(image + tf.random.normal(tf.shape(image)))

    @tf.function(input_signature=[tf.TensorSpec((None, 32, 32, 3), tf.float32)])
    def __call__(self, image):
        return self.model(image)


@pytest.fixture(scope="module")
def signatures() -> Any:
    return Signatures()


@pytest.mark.parametrize(
    "names", [["predict"], ["predict", "maps"], ["four"], []], ids=["named", "two", "batch", "none"]
)
def test_the_signature_that_takes_an_image_is_found(names: list[str], signatures: Any, tmp_path: Path) -> None:
    tf.saved_model.save(
        signatures, str(tmp_path / "saved"), signatures={name: getattr(signatures, name) for name in names}
    )
    source = loading.load(tmp_path / "saved")
    expected = signatures.model.predict(IMAGES, verbose=0)
    np.testing.assert_allclose(tf.function(source.call)(tf.constant(IMAGES)), expected, atol=1e-5)


def test_signatures_that_do_not_fit_are_listed(signatures: Any, tmp_path: Path) -> None:
    tf.saved_model.save(signatures, str(tmp_path / "saved"), signatures={"maps": signatures.maps})
    with pytest.raises(
        ModelFileError, match=r"maps: inputs of shape \[None, 32, 32, 3\] and 1 outputs; expected one signature"
    ):
        loading.load(tmp_path / "saved")


def test_random_answers_are_refused(signatures: Any, tmp_path: Path) -> None:
    tf.saved_model.save(signatures, str(tmp_path / "saved"), signatures={"noisy": signatures.noisy})
    with pytest.raises(ModelFileError, match=r"depends on random numbers .*Export it for inference"):
        loading.load(tmp_path / "saved")


@pytest.mark.parametrize("form", ["keras2", "keras3", "saved model"])
def test_uint8_images_leave_no_cast(form: str, tmp_path: Path, picture_folder: Path) -> None:
    framework = keras if form == "keras3" else tf_keras
    layers = framework.layers
    image = framework.Input((32, 32, 3), dtype="uint8")
    values = layers.Rescaling(1 / 255)(image if form == "keras3" else tf.cast(image, tf.float32))
    values = layers.GlobalAveragePooling2D()(layers.Conv2D(8, 3, activation="relu")(values))
    model = framework.Model(image, layers.Dense(3, activation="softmax")(values))
    path = tmp_path / ("saved" if form == "saved model" else "model.keras")
    model.save(path, **({"save_format": "tf"} if form == "saved model" else {}))
    file = quantize(path, tmp_path / "model.tflite", calibration=Calibration(str(picture_folder), 4))
    assert float_operators(file.model.graph) == []
    assert file.contract.preprocessing.mean == (0.0,) and file.contract.preprocessing.std == (1.0,)
    pixels = np.rint(IMAGES).astype(np.uint8)
    engine = Engine(file)
    answered = engine.probabilities(engine.prepare(pixels[0], "rgb"))
    np.testing.assert_allclose(answered, model.predict(pixels[:1], verbose=0)[0], atol=0.05)


def test_a_pure_graph_takes_any_number_of_images() -> None:
    model = _without_rescaling()
    expected = model.predict(IMAGES, verbose=0)
    for batch in (None, 1):
        np.testing.assert_allclose(pure(model, (32, 32, 3), batch)(tf.constant(IMAGES)), expected, atol=1e-5)


def test_whole_numbers_inside_of_a_model_stay() -> None:
    """Only the image's are left out: any other cast truncates."""

    def truncating(images: Any) -> Any:
        return tf.cast(tf.cast(images * 0.3, tf.int32), tf.float32)

    found = pure(truncating, (32, 32, 3))(tf.constant(IMAGES))
    np.testing.assert_array_equal(found, np.trunc(IMAGES * np.float32(0.3)))


@pytest.mark.parametrize("last", ["activation", "dense", "layer"])
def test_logits_are_what_the_softmax_reads(last: str) -> None:
    image = tf_keras.Input((8,))
    dense = tf_keras.layers.Dense(3, activation="softmax" if last == "dense" else None)(image)
    endings = {"activation": tf_keras.layers.Activation("softmax"), "layer": tf_keras.layers.Softmax()}
    model = tf_keras.Model(image, endings[last](dense) if last in endings else dense)
    values = np.random.default_rng(0).normal(size=(4, 8)).astype(np.float32)
    logits = without_softmax(model).predict(values, verbose=0)
    np.testing.assert_allclose(tf.nn.softmax(logits), model.predict(values, verbose=0), atol=1e-6)
    with pytest.raises(UsageError, match="do not come from a softmax"):
        without_softmax(tf_keras.Sequential([image, tf_keras.layers.Dense(3, activation="sigmoid")]))


def test_commands_take_keras_3_files(tmp_path: Path, picture_folder: Path) -> None:
    """Looked at, trained on, and pruned in the order of the data's classes only if that order fits."""
    path = tmp_path / "model.keras"
    blocks(keras.layers, keras).save(path)
    run = CliRunner().invoke
    looked = run(cli, ["inspect", str(path)])
    assert looked.exit_code == 0 and "depthwise_conv2d" in looked.output
    trained = tmp_path / "trained.keras"
    quick = ["--data", str(picture_folder), "--validation-share", "0.5", "--epochs", "1", "-o", str(trained)]
    done = run(cli, ["train", str(path), "--strategy", "head", *quick])
    assert done.exit_code == 0, done.output
    model, contract = loading.trainable(trained)
    assert len(contract.labels) == model.output_shape[-1]
    assert loading.trainable(path, Hints(mean=(0.0,), std=(255.0,)))[1].preprocessing.std == (255.0,)


@pytest.mark.parametrize(
    ("name", "answered_there"),
    [
        ("written_under_jax.keras", [[0.3403338, 0.29616967, 0.36349654], [0.33838025, 0.3080643, 0.35355544]]),
        ("written_under_torch.keras", [[0.31872866, 0.28729001, 0.39398134], [0.33238783, 0.27327886, 0.39433333]]),
    ],
)
def test_a_file_that_keras_wrote_under_another_backend(name: str, answered_there: list[list[float]]) -> None:
    """Trained one epoch by Keras 3.15 on JAX 0.10 or PyTorch 2.14: operations, augmentation, batch norm."""
    path = Path(__file__).with_name(name)
    images = np.random.default_rng(0).uniform(0, 255, (12, 16, 16, 3)).astype(np.float32)[:2]
    for model in (keras_model.load(path)[0], loading.load(path).keras_model):
        np.testing.assert_allclose(model(images, training=False), answered_there, atol=1e-5)
    assert loading.load(path).contract.output == "probabilities"
    report = analyze(open_model(path).network)
    assert report.layers[0].layer.op == "RandomFlip"
    assert all(each.reach is not None for each in report.layers)  # the receptive field is followed through it
