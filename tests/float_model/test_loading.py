"""Models by others: Keras 3, HDF5, SavedModel; and files that carry code."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgecnn.core.compat.tensorflow import keras, tf
from edgecnn.core.errors import ModelFileError, UntrustedModelError
from edgecnn.float_model.loading import load
from edgecnn.quantization import Calibration, Hints, quantize

FEW = Calibration("photos", 8)


def _layers(module: Any, *, rescaling: bool = False, softmax: bool = False) -> list[Any]:
    layers = [module.Input((16, 16, 3))]
    if rescaling:
        layers.append(module.layers.Rescaling(1 / 127.5, offset=-1))
    layers += [module.layers.Conv2D(4, 3, activation="relu"), module.layers.GlobalAveragePooling2D()]
    return [*layers, module.layers.Dense(3, activation="softmax" if softmax else None)]


def _keras3() -> Any:
    _ = tf.float32
    import keras as keras3

    return keras3


@pytest.fixture()
def model() -> Any:
    return keras.Sequential(_layers(keras))


def test_tf_keras_files_of_both_kinds_give_the_same_artifact_numbers(tmp_path: Path, model: Any) -> None:
    model.save(tmp_path / "a.keras")
    model.save(tmp_path / "a.h5")
    digests = {
        load(tmp_path / name).call(np.ones((1, 16, 16, 3), np.float32)).numpy().tobytes()
        for name in ("a.keras", "a.h5")
    }
    assert len(digests) == 1


@pytest.mark.parametrize("name", ["m.keras", "m.h5"])
def test_keras_3_files(tmp_path: Path, name: str) -> None:
    keras3 = _keras3()
    model = keras3.Sequential(_layers(keras3))
    model.save(tmp_path / name)
    source = load(tmp_path / name)
    picture = np.random.default_rng(0).normal(size=(1, 16, 16, 3)).astype(np.float32)
    np.testing.assert_allclose(source.call(picture).numpy(), model(picture).numpy(), atol=1e-6)
    file = quantize(tmp_path / name, tmp_path / "m.tflite", calibration=FEW)
    assert file.contract.provenance.scheme == "int8"
    assert any("-1..1" in sentence for sentence in file.contract.assumed)


def test_saved_model_folder(tmp_path: Path, model: Any) -> None:
    model.export(tmp_path / "saved")
    source = load(tmp_path / "saved")
    picture = np.random.default_rng(0).normal(size=(1, 16, 16, 3)).astype(np.float32)
    np.testing.assert_allclose(source.call(picture).numpy(), model(picture).numpy(), atol=1e-6)
    assert quantize(tmp_path / "saved", tmp_path / "m.tflite", calibration=FEW).sealed


def test_rescaling_inside_the_model_means_raw_pixels(tmp_path: Path) -> None:
    keras.Sequential(_layers(keras, rescaling=True, softmax=True)).save(tmp_path / "m.keras")
    contract = load(tmp_path / "m.keras").contract
    assert (contract.preprocessing.mean, contract.preprocessing.std) == ((0.0,), (1.0,))
    assert contract.output == "probabilities"


def test_hints_replace_assumptions(tmp_path: Path, model: Any) -> None:
    model.save(tmp_path / "m.keras")
    (tmp_path / "labels.txt").write_text("ant\nbee\ncat\n")
    hints = Hints(mean=(123.7, 116.3, 103.5), std=(58.0,), labels=tmp_path / "labels.txt")
    contract = load(tmp_path / "m.keras", hints=hints).contract
    assert contract.preprocessing.mean == (123.7, 116.3, 103.5)
    assert contract.labels == ("ant", "bee", "cat")
    (tmp_path / "labels.txt").write_text("ant\nbee\n")
    with pytest.raises(ModelFileError, match="2 labels for 3 classes"):
        load(tmp_path / "m.keras", hints=hints)


@pytest.mark.parametrize(
    ("hints", "expected"),
    [
        (Hints(), "Derived the input range from the model's first operations: pixel values 0..255"),
        (Hints(mean=(3.0,), std=(2.0,)), None),
        (Hints(mean=(3.0,)), "assumed --std 1"),
        (Hints(std=(2.0,)), "assumed --mean 0"),
    ],
)
def test_only_what_was_assumed_is_called_so(tmp_path: Path, hints: Hints, expected: str | None) -> None:
    keras.Sequential(_layers(keras, rescaling=True)).save(tmp_path / "m.keras")
    said = load(tmp_path / "m.keras", hints=hints).contract.assumed[1:]
    assert (expected in said[0]) if expected else not said


def test_open_input_size_has_to_be_said(tmp_path: Path) -> None:
    layers = [keras.Input((None, None, 3)), keras.layers.Conv2D(4, 3), keras.layers.GlobalAveragePooling2D()]
    keras.Sequential([*layers, keras.layers.Dense(3)]).save(tmp_path / "m.keras")
    with pytest.raises(ModelFileError, match="--input-size"):
        load(tmp_path / "m.keras")
    assert load(tmp_path / "m.keras", hints=Hints(input_size=20)).contract.preprocessing.shape == (20, 20, 3)


@pytest.mark.parametrize("framework", ["tf_keras", "keras3"])
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_lambda_layers_do_not_run_unasked(tmp_path: Path, framework: str, suffix: str) -> None:
    module = keras if framework == "tf_keras" else _keras3()
    touched = tmp_path / "touched"
    code = f"lambda x: (open({str(touched)!r}, 'w').close(), x)[1]"
    model = module.Sequential([module.Input((16, 16, 3)), module.layers.Lambda(eval(code), output_shape=(16, 16, 3)),
                               module.layers.Flatten(), module.layers.Dense(3)])  # fmt: skip
    model.save(tmp_path / f"m{suffix}")
    touched.unlink(missing_ok=True)
    with pytest.raises(UntrustedModelError, match="--trust"):
        load(tmp_path / f"m{suffix}")
    assert not touched.exists()


def test_modules_named_by_a_file_are_not_imported(tmp_path: Path, model: Any) -> None:
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    config["config"]["layers"][1].update({"module": "subprocess", "class_name": "Popen", "registered_name": None})
    members["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(tmp_path / "bad.keras", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(UntrustedModelError, match=r"subprocess\.Popen"):
        load(tmp_path / "bad.keras")


def _checkpoint(folder: str) -> None:
    tf.raw_ops.SaveV2(prefix=f"{folder}/touched", tensor_names=["x"], shape_and_slices=[""], tensors=[tf.constant(1.0)])


def _summary(folder: str) -> None:
    writer = tf.raw_ops.SummaryWriter()
    tf.raw_ops.CreateSummaryFileWriter(
        writer=writer, logdir=f"{folder}/touched", max_queue=1, flush_millis=1, filename_suffix=""
    )


def _records(folder: str) -> None:
    data = tf.data.Dataset.from_tensors("x")._variant_tensor
    tf.raw_ops.DatasetToTFRecord(input_dataset=data, filename=f"{folder}/touched", compression_type="")


REACHING: dict[str, Any] = {
    "WriteFile": lambda folder: tf.io.write_file(f"{folder}/touched", "x"),
    "SaveV2": _checkpoint,
    "Summary": _summary,
    "Dataset": _records,
    "PrintV2": lambda folder: tf.print("x", output_stream=f"file://{folder}/touched"),
    "PyFunc": lambda folder: tf.py_function(open, [f"{folder}/touched"], []),
}


@pytest.mark.parametrize("operation", REACHING)
def test_saved_model_that_reaches_outside_is_refused(tmp_path: Path, operation: str) -> None:
    class Spy(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((1, 16, 16, 3), tf.float32)])
        def serve(self, image: Any) -> Any:
            if tf.reduce_mean(image) > 0:  # a function within a function
                REACHING[operation](str(tmp_path))
            return {"logits": tf.reduce_mean(image, axis=(1, 2))}

    module = Spy()
    module.variable = tf.Variable(1.0)  # so that there is a function that saves, as in any model
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures={"serving_default": module.serve})
    with pytest.raises(
        UntrustedModelError, match=rf"\(\w*{operation}\w*\) is not on edgecnn's list of safe operations"
    ):
        load(tmp_path / "saved")
    assert not list(tmp_path.glob("touched*"))


def test_what_loading_alone_would_run_is_looked_at(tmp_path: Path) -> None:
    from tensorflow.python.trackable.resource import TrackableResource

    class Resource(TrackableResource):
        def _create_resource(self) -> Any:
            return tf.raw_ops.MutableHashTableV2(key_dtype=tf.string, value_dtype=tf.int64)

        def _initialize(self) -> None:
            tf.io.write_file(str(tmp_path / "touched"), "x")

    class Spy(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((1, 16, 16, 3), tf.float32)])
        def serve(self, image: Any) -> Any:
            return {"logits": tf.reduce_mean(image, axis=(1, 2))}

    module = Spy()
    module.resource = Resource()
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures={"serving_default": module.serve})
    (tmp_path / "touched").unlink(missing_ok=True)
    with pytest.raises(UntrustedModelError, match="WriteFile"):
        load(tmp_path / "saved")
    assert not (tmp_path / "touched").exists()


def _exported_tf_keras(folder: Path) -> None:
    keras.Sequential(_layers(keras)).export(folder)


def _saved_tf_keras(folder: Path) -> None:
    model = keras.Sequential(_layers(keras))
    model.compile("adam", "mse")
    model.fit(np.zeros((2, 16, 16, 3)), np.zeros((2, 3)), verbose=0)
    model.save(folder, save_format="tf")


def _exported_keras_3(folder: Path) -> None:
    keras3 = _keras3()
    keras3.Sequential(_layers(keras3)).export(str(folder), verbose=False)


def _saved_tensorflow_1(folder: Path) -> None:
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        image = v1.placeholder(tf.float32, (1, 16, 16, 3))
        logits = tf.reduce_mean(image, (1, 2)) @ v1.get_variable("weights", (3, 3))
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, str(folder), {"image": image}, {"logits": logits})


@pytest.mark.parametrize("save", [_exported_tf_keras, _saved_tf_keras, _exported_keras_3, _saved_tensorflow_1])
def test_ordinary_saved_models_are_trusted(tmp_path: Path, save: Any) -> None:
    save(tmp_path / "saved")
    assert load(tmp_path / "saved").call(np.zeros((1, 16, 16, 3), np.float32)).shape == (1, 3)


@pytest.mark.parametrize("name", ["m.keras", "m.h5", "m.tflite", "m.txt"])
@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 not a zip"])
def test_what_is_no_model_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelFileError, match="m\\."):
        load(tmp_path / name)


def test_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="edgecnn build"):
        load(tmp_path / "m.keras")
    with pytest.raises(ModelFileError, match=r"saved_model\.pb"):
        load(tmp_path)


def test_two_inputs_are_refused(tmp_path: Path) -> None:
    a, b = keras.Input((4, 4, 3)), keras.Input((4, 4, 3))
    keras.Model([a, b], keras.layers.Flatten()(keras.layers.Add()([a, b]))).save(tmp_path / "m.keras")
    with pytest.raises(ModelFileError, match="2 inputs"):
        load(tmp_path / "m.keras")


@pytest.mark.parametrize("damage", ["encrypted", "stream"])
def test_a_keras_file_whose_members_can_not_be_read(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.0.0", "more": "x" * 100}))
    content = bytearray(path.read_bytes())
    if damage == "encrypted":
        for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            content[content.index(header) + flags] |= 1
    else:
        content[30 + len("metadata.json")] = 0xFF  # the first byte of the compressed data
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"not a valid .keras file"):
        load(path)
