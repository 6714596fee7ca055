"""A model file is only data: what would execute, write, delete or read is refused before anything is loaded."""

from __future__ import annotations

import importlib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from attacks import HDF5, KERAS_2, KERAS_3
from attacks_saved_model import SAVED_MODEL
from commands import check_clean_failure, run_cli
from hostile_models import keras_2, repacked, with_config

from edgecnn.core.compat.tensorflow import keras, tf
from edgecnn.core.errors import ModelFileError, UntrustedModelError, WeightsError
from edgecnn.float_model import keras_names, operation_names, safety, safety_hdf5
from edgecnn.float_model.loading import load
from edgecnn.weights import file as weights_file

ALL = {
    f"{kind}: {name}": attack
    for kind, attacks in (("Keras 2", KERAS_2), ("Keras 3", KERAS_3), ("HDF5", HDF5), ("SavedModel", SAVED_MODEL))
    for name, attack in attacks.items()
}


@pytest.fixture()
def folder(tmp_path: Path) -> Path:
    """Where the attacks want to delete `victim` and `tree`, and to write `touched`."""
    (tmp_path / "victim").write_text("alive")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "leaf").write_text("alive")
    return tmp_path


def check_untouched(folder: Path) -> None:
    """Nothing of the attack has happened."""
    assert not (folder / "touched").exists()
    assert not (folder.parent / "touched").exists()
    assert (folder / "victim").read_text() == (folder / "tree" / "leaf").read_text() == "alive"


@pytest.mark.parametrize("name", ALL)
def test_no_attack_succeeds_and_each_refusal_names_it(folder: Path, name: str) -> None:
    attack, named = ALL[name]
    path = attack(folder)
    (folder / "touched").unlink(missing_ok=True)  # what making the attack has done itself
    before = sorted(folder.iterdir())
    with pytest.raises(UntrustedModelError, match=rf"(?s)was not loaded.*{named}.*add --trust") as caught:
        load(path)
    assert str(path) in str(caught.value)
    assert sorted(folder.iterdir()) == before
    check_untouched(folder)


def test_the_attacks_bite_when_the_file_is_trusted(folder: Path) -> None:
    """Otherwise the tests above would prove nothing."""
    for name, expected in (("slicing writes", "touched"), ("slicing copies", "touched")):
        with pytest.raises(ModelFileError):  # a function that gives no tensor can't be a layer, but it has run
            load(KERAS_2[name][0](folder), trust=True)
        assert (folder / expected).exists()
        (folder / expected).unlink()
    with pytest.raises(ModelFileError):
        load(KERAS_2["slicing deletes a folder"][0](folder), trust=True)
    assert not (folder / "tree").exists()


@pytest.mark.parametrize(
    "command", ["inspect", "quantize", "verify", "visualize", "doctor", "prune", "build", "train", "teacher"]
)
def test_no_command_runs_what_a_model_asks_for(
    folder: Path, tiny_keras: Path, tiny_int8: Path, picture_folder: Path, command: str
) -> None:
    with zipfile.ZipFile(tiny_keras) as archive:
        contract = archive.read(safety.CONTRACT)
    path = repacked(KERAS_2["slicing writes"][0](folder), lambda members: members.update({safety.CONTRACT: contract}))
    out, data, image = folder / "out.keras", picture_folder, next(picture_folder.rglob("*.png"))
    arguments = {
        "inspect": ("inspect", path),
        "quantize": ("quantize", path, "-o", folder / "out.tflite"),
        "verify": ("verify", tiny_int8, "--against", path, "--data", data),
        "visualize": ("visualize", path, image, "-o", folder / "out.png"),
        "doctor": ("doctor", tiny_int8, "--against", path, "--data", data),
        "prune": ("prune", path, "--method", "channels", "--data", data, "-o", out),
        "build": ("build", "mobilenet_v1", "--width", "0.25", "--input-size", "32", "--weights", path, "-o", out),
        "train": ("train", path, "--data", data, "--validation", data, "-o", out),
        "teacher": ("train", tiny_keras, "--teacher", path, "--data", data, "--validation", data, "-o", out),
    }[command]
    message = check_clean_failure(run_cli(*arguments), status=1)
    assert "layer 'hostile' refers to the TensorFlow function 'io.write_file'" in " ".join(message.split())
    has_option = "--trust" in run_cli(arguments[0], "--help").stdout
    assert ("add --trust" in message) == has_option
    check_untouched(folder)


@pytest.mark.parametrize("name", ["external link", "soft link", "external storage", "virtual dataset"])
def test_weights_alone_are_read_from_the_file_itself(folder: Path, name: str) -> None:
    attack, named = HDF5[name]
    with pytest.raises(UntrustedModelError, match=named):
        weights_file.load(keras.models.load_model(keras_2(folder)), attack(folder))


def test_groups_are_counted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safety_hdf5, "MAXIMUM_OBJECTS", 3)
    with pytest.raises(UntrustedModelError, match="more than 3 arrays and groups"):
        load(keras_2(folder))


def test_damaged_weights_stay_a_weights_error(folder: Path) -> None:
    (folder / "weights.h5").write_bytes(b"no HDF5")
    with pytest.raises(WeightsError, match=r"weights\.h5 is not a valid Keras 2 \.h5 file"):
        weights_file.load(keras.models.load_model(keras_2(folder)), folder / "weights.h5")


def test_members_that_unpack_to_far_more_are_refused(folder: Path) -> None:
    for member in ("config.json", "metadata.json", "model.weights.h5"):
        with zipfile.ZipFile(folder / "bomb.keras", "w", zipfile.ZIP_DEFLATED) as archive:
            for name in ("config.json", "metadata.json", "model.weights.h5"):
                archive.writestr(name, b" " * (80 << 20) if name == member else b"{}")
        with pytest.raises(ModelFileError, match=rf"{member}.*unpacks"):
            load(folder / "bomb.keras")


def test_what_lies_too_deep_is_refused(folder: Path) -> None:
    def deepen(config: dict[str, Any]) -> None:
        value: Any = 1
        for _ in range(300):
            value = [value]
        config["config"]["deep"] = value

    with pytest.raises(UntrustedModelError, match="inside one another"):
        load(with_config(keras_2(folder), deepen))


def test_every_listed_operation_exists() -> None:
    from tensorflow.python.framework import op_def_registry

    known = operation_names.GRAPH_OPERATIONS | {operation_names.RESTORE}
    assert [name for name in sorted(known) if op_def_registry.get(name) is None] == []


def test_no_listed_operation_is_known_to_reach_outside() -> None:
    """Words of the names of operations that do; an independent reading of the list."""
    words = (
        "File",
        "Py",
        "Save",
        "Dataset",
        "Reader",
        "Checkpoint",
        "Print",
        "Summary",
        "Table",
        "Queue",
        "Send",
        "Recv",
    )
    names = operation_names.GRAPH_OPERATIONS | operation_names.FUNCTIONS
    assert [name for name in sorted(names) for word in words if word in name] == []


def test_every_listed_function_of_tensorflow_exists() -> None:
    from tensorflow.python.util.tf_export import get_symbol_from_name

    names = operation_names.FUNCTIONS | operation_names.SLICES
    assert [name for name in sorted(names) if get_symbol_from_name(name) is None] == []


def test_own_layers_are_listed() -> None:
    from edgecnn.models import layers

    defined = {
        name
        for name, value in vars(layers).items()
        if isinstance(value, type) and value.__module__ == layers.__name__ and issubclass(value, keras.layers.Layer)
    }
    assert defined == keras_names.OWN_CLASSES


def test_a_trusted_file_is_not_looked_at(folder: Path) -> None:
    safety.check(KERAS_2["code"][0](folder), trust=True)


def _augmentation() -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            *(keras.Input((32, 32, 3)), layers.RandomFlip(), layers.RandomRotation(0.1), layers.RandomZoom(0.1)),
            *(layers.RandomCrop(30, 30), layers.Resizing(28, 28), layers.CenterCrop(24, 24)),
            *(layers.RandomContrast(0.1), layers.Rescaling(1 / 255), layers.Conv2D(4, 3, activation="swish")),
            *(layers.GlobalAveragePooling2D(), layers.Dense(3, activation="softmax")),
        ]
    )


def _preprocessed() -> Any:
    image = keras.Input((32, 32, 3))
    scaled = keras.applications.mobilenet.preprocess_input(image)
    features = tf.nn.gelu(keras.layers.Conv2D(4, 3)(tf.image.resize(scaled, (16, 16)))[:, 1:, :, :])
    return keras.Model(image, keras.layers.Dense(3)(tf.reduce_mean(features, (1, 2))))


def _compiled_inside() -> Any:
    inner = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Conv2D(4, 3), keras.layers.Flatten()])
    inner.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, 10)), "mse", ["accuracy"])
    return keras.Sequential([keras.Input((32, 32, 3)), inner, keras.layers.Dense(3)])


def _half_precision() -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            *(keras.Input((32, 32, 3)), layers.Conv2D(4, 3, dtype="mixed_float16", kernel_regularizer="l2")),
            *(layers.GlobalAveragePooling2D(), layers.Dense(3, dtype="float32", kernel_constraint="max_norm")),
        ]
    )


ORDINARY = {
    "augmentation": _augmentation,
    "preprocessed": _preprocessed,
    "compiled inside": _compiled_inside,
    "half precision": _half_precision,
}


def _write(model: Any, folder: Path, suffix: str) -> None:
    if suffix:
        model.save(folder / f"m{suffix}")
    else:
        model.export(folder / "m")


@pytest.mark.parametrize("suffix", [".keras", ".h5", ""])
@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_models_need_no_trust(tmp_path: Path, name: str, suffix: str) -> None:
    model = ORDINARY[name]()
    _write(model, tmp_path, suffix)
    if name == "augmentation" and not suffix:  # Keras exports it as in training: no trust would help
        image = tf.random.uniform((1, 32, 32, 3), maxval=255)
        exported = tf.saved_model.load(str(tmp_path / "m"))
        answers = [exported.serve(image).numpy() for _ in range(4)]
        assert len({answer.tobytes() for answer in answers}) > 1
        with pytest.raises(ModelFileError, match="depends on random numbers"):
            load(tmp_path / "m")
        return
    assert load(tmp_path / f"m{suffix}").call(tf.zeros((1, 32, 32, 3))).shape == (1, 3)


# Not of ConvNeXt, whose own .keras and .h5 files tf_keras can't load.
APPLICATIONS = [
    *(("MobileNetV3Small", suffix) for suffix in (".keras", ".h5", "")),
    *(("RegNetX002", ".keras"), ("ConvNeXt", "")),
]


def _application(applications: Any, name: str) -> Any:
    """Untrained; a ConvNeXt with one block where the smallest has up to nine."""
    options = {"weights": None, "input_shape": (64, 64, 3), "classes": 5}
    if name != "ConvNeXt":
        return getattr(applications, name)(**options)
    build = importlib.import_module(applications.ConvNeXtTiny.__module__).ConvNeXt
    return build(depths=[1, 1, 1, 1], projection_dims=[8, 16, 16, 32], **options)


@pytest.mark.slow()
@pytest.mark.parametrize(("name", "suffix"), APPLICATIONS)
def test_keras_applications_need_no_trust(tmp_path: Path, name: str, suffix: str) -> None:
    model = _application(keras.applications, name)
    _write(model, tmp_path, suffix)
    assert load(tmp_path / f"m{suffix}").call(tf.zeros((1, 64, 64, 3))).shape == (1, 5)


@pytest.mark.slow()
@pytest.mark.parametrize("name", ["MobileNetV3Small", "ConvNeXt"])
def test_applications_of_keras_3_need_no_trust(tmp_path: Path, name: str) -> None:
    import keras as keras3

    _application(keras3.applications, name).save(tmp_path / "m.keras")
    assert load(tmp_path / "m.keras").call(tf.zeros((1, 64, 64, 3))).shape == (1, 5)
