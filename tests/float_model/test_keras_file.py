"""`.keras` files with a contract inside: the same bytes each time, and no code from strangers."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgecnn.builder import build_model
from edgecnn.core.compat.tensorflow import keras
from edgecnn.core.errors import EdgecnnError, ModelFileError, UntrustedModelError, UsageError
from edgecnn.float_model import keras_file


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A MobileNetV3, which has layers of ours."""
    path = tmp_path_factory.mktemp("keras") / "m.keras"
    keras_file.save(*build_model("mobilenet_v3_small", width=0.5, input_size=32, classes=3), path)
    return path


def rewritten(saved: Path, path: Path, change: Any) -> Path:
    """A copy of a `.keras` file whose configuration has been changed."""
    with zipfile.ZipFile(saved) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "config.json":
                config = json.loads(content)
                change(config)
                content = json.dumps(config).encode()
            target.writestr(name, content)
    return path


def test_model_and_contract_come_back(saved: Path) -> None:
    model, contract = build_model("mobilenet_v3_small", width=0.5, input_size=32, classes=3)
    again, found = keras_file.load(saved)
    pictures = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype(np.float32)
    np.testing.assert_array_equal(again(pictures), model(pictures))
    assert found is not None and found.to_dict() == contract.to_dict()
    assert keras_file.read_contract(saved) == found


def test_the_same_model_gives_the_same_bytes_in_another_process(saved: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from edgecnn.float_model import keras_file; from edgecnn.builder import build_model;"
        "keras_file.save(*build_model('mobilenet_v3_small', width=0.5, input_size=32, classes=3), sys.argv[1])"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "m.keras")], check=True)
    assert (tmp_path / "m.keras").read_bytes() == saved.read_bytes()


def test_files_of_others_have_no_contract(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    model.save(tmp_path / "theirs.keras")
    again, contract = keras_file.load(tmp_path / "theirs.keras")
    assert contract is None and again.output_shape == (None, 2)


def test_tf_keras_applications_load_without_trust(tmp_path: Path) -> None:
    """Their hard-swish is made of TensorFlow operations, which only compute."""
    keras.applications.MobileNetV3Small(weights=None, input_shape=(32, 32, 3)).save(tmp_path / "theirs.keras")
    again, contract = keras_file.load(tmp_path / "theirs.keras")
    assert contract is None and again.count_params() == 2_554_968


def test_lambda_layers_are_refused_and_not_run(tmp_path: Path) -> None:
    marker = tmp_path / "was-run"
    model = keras.Sequential([keras.Input((4,)), keras.layers.Lambda(lambda x: x * 2, name="twice")])
    model.save(tmp_path / "lambda.keras")
    with pytest.raises(UntrustedModelError, match=r"layer 'twice' refers to the code of a Lambda object.*--trust"):
        keras_file.load(tmp_path / "lambda.keras")
    trusted, _ = keras_file.load(tmp_path / "lambda.keras", trust=True)
    np.testing.assert_array_equal(trusted(np.ones((1, 4))), np.full((1, 4), 2))
    assert not marker.exists()


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"module": "os", "class_name": "system", "config": "true"}, "the class os.system"),
        ({"module": "my.package", "class_name": "Layer", "config": {}}, "the class my.package.Layer"),
        ({"module": "builtins", "class_name": "function", "config": "f"}, "the code of a function object"),
        ({"module": "builtins", "class_name": "eval", "config": "1"}, "the class builtins.eval"),
        ({"module": None, "class_name": "mine>Layer", "registered_name": "mine>Layer"}, "the custom class mine>Layer"),
        ({"class_name": "__lambda__", "config": {"value": "x"}}, "the code of a __lambda__ object"),
        (
            {"module": "keras.layers", "class_name": "TFOpLambda", "config": {"function": "io.write_file"}},
            "the TensorFlow function 'io.write_file'",
        ),
        (
            {"module": "keras.layers", "class_name": "TFOpLambda", "config": {"function": "py_function"}},
            "the TensorFlow function 'py_function'",
        ),
        (
            {"module": "edgecnn.core.files", "class_name": "write_bytes", "config": {}},
            "the class edgecnn.core.files.write_bytes",
        ),
        ({"module": "keras_evil", "class_name": "Layer", "config": {}}, "the class keras_evil.Layer"),
    ],
)
def test_anything_but_keras_layers_is_refused_wherever_it_hides(
    saved: Path, tmp_path: Path, item: dict[str, Any], reason: str
) -> None:
    def hide(config: dict[str, Any]) -> None:
        layer = next(layer for layer in config["config"]["layers"] if layer["config"]["name"] == "stem_conv")
        layer["config"]["kernel_initializer"] = {"nested": [item]}

    path = rewritten(saved, tmp_path / "hostile.keras", hide)
    with pytest.raises(UntrustedModelError) as caught:
        keras_file.load(path)
    assert f"layer 'stem_conv' refers to {reason}; expected" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04" + bytes(50)])
def test_other_files_are_clear_errors(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.keras").write_bytes(content)
    with pytest.raises(ModelFileError, match=r"m\.keras is not a valid \.keras file"):
        keras_file.load(tmp_path / "m.keras")


def test_missing_files_and_folders_are_clear_errors(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.keras", tmp_path):
        with pytest.raises(ModelFileError, match="Can't read"):
            keras_file.load(path)


def test_damaged_files_are_clear_errors_or_load(saved: Path, tmp_path: Path) -> None:
    whole, generator = saved.read_bytes(), np.random.default_rng(0)
    path = tmp_path / "mutant.keras"
    outcomes = set()
    for share in (0.1, 0.5, 0.9, 0.999):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(ModelFileError):
            keras_file.load(path)
    for _ in range(20):
        mutant = bytearray(whole)
        for place in generator.integers(0, len(whole), 30):
            mutant[place] ^= 1 << int(generator.integers(8))
        path.write_bytes(mutant)
        try:
            keras_file.load(path)
            outcomes.add("loaded")
        except EdgecnnError as error:
            outcomes.add(type(error).__name__)
    assert "ModelFileError" in outcomes and outcomes <= {"loaded", "ModelFileError"}


def test_other_suffixes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"ends with \.keras"):
        keras_file.save(None, None, tmp_path / "m.h5")
    assert list(tmp_path.iterdir()) == []


def test_a_converted_model_in_the_place_of_its_source_is_named(tiny_int8: Path) -> None:
    """Our .tflite files are zips too, as the metadata is one."""
    with pytest.raises(ModelFileError, match=r"tiny\.tflite is already converted; expected the \.keras file"):
        keras_file.read_contract(tiny_int8)
