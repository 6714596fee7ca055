"""Folders for compilers that are not here: what is in them is right, and their scripts do what those tools document."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from edgecnn.core.errors import UsageError
from edgecnn.data import open_data
from edgecnn.exports import export
from edgecnn.exports.kinds import hailo, imx500
from edgecnn.quantization import Calibration, quantize
from edgecnn.runtime.model import model_file
from edgecnn.runtime.run.preprocess import fit


@pytest.fixture(scope="module")
def tiny_float(tiny_keras: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("float") / "float.tflite"
    quantize(tiny_keras, path, scheme="float32", calibration=Calibration("photos", 1))
    return path


def ran(script: Path, monkeypatch: pytest.MonkeyPatch, **modules: Any) -> dict[str, Any]:
    """The names of an exported script, run where its compiler's modules are doubles."""
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    names: dict[str, Any] = {"__name__": "exported", "__file__": str(script)}
    exec(compile(script.read_text(), str(script), "exec"), names)
    return names


def test_hailo(tiny_float: Path, picture_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, place = model_file.read(tiny_float), tmp_path / "hailo"
    done = export(file, "hailo", place, hailo.Options(calibration=str(picture_folder), samples=6))
    assert any("hailo.ai" in note for note in done.notes)
    how = file.contract.preprocessing
    mean, std = list(how.mean * 3)[:3], list(how.std * 3)[:3]
    assert (place / "model.alls").read_text() == f"normalization1 = normalization({mean}, {std})\n"
    assert (place / "labels.txt").read_text().split() == ["ant", "bee", "cat", "dog", "eel"]
    calls: list[Any] = []

    class ClientRunner:
        def __init__(self, hw_arch: str) -> None:
            calls.append(hw_arch)

        def __getattr__(self, name: str) -> Any:
            return lambda *given: calls.append((name, *given)) or b"HEF"

    names = ran(place / "compile.py", monkeypatch, hailo_sdk_client=SimpleNamespace(ClientRunner=ClientRunner))
    names["main"]("hailo8")
    assert [call if isinstance(call, str) else call[0] for call in calls] == [
        "hailo8", "translate_tf_model", "load_model_script", "optimize", "compile",
    ]  # fmt: skip
    images = calls[3][1]
    assert images.shape == (6, *how.shape) and images.dtype == np.uint8
    examples = open_data(str(picture_folder)).part("train").sample(6, 0).examples
    assert all((found == fit(example.read(), how)).all() for found, example in zip(images, examples))
    assert (place / "model.hef").read_bytes() == b"HEF"
    with pytest.raises(SystemExit, match="hailo8l"):
        names["main"]("hailo9")


def test_imx500(
    tiny_int8: Path, tiny_keras: Path, picture_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, place = model_file.read(tiny_int8), tmp_path / "imx500"
    options = imx500.Options(calibration=str(picture_folder), samples=3, keras=tiny_keras)
    assert any("Java 17" in note for note in export(file, "imx500", place, options).notes)
    assert (place / "model.keras").read_bytes() == tiny_keras.read_bytes()
    assert json.loads((place / "model.json").read_text())["labels"] == list(file.contract.labels)
    batches = list(ran(place / "quantize.py", monkeypatch)["calibration_images"]())
    how = file.contract.preprocessing
    assert len(batches) == 3 and batches[0][0].shape == (1, *how.shape) and batches[0][0].dtype == np.float32
    picture = cv2.imread(str(place / "calibration/0000.png"))[:, :, ::-1]
    assert np.allclose(batches[0][0][0], (picture - np.array(how.mean)) / np.array(how.std), atol=1e-6)
    done: dict[str, Any] = {}

    def quantized(**given: Any) -> tuple[str, None]:
        done.update(given)
        return "quantized", None

    toolkit = ModuleType("model_compression_toolkit")
    toolkit.ptq = SimpleNamespace(keras_post_training_quantization=quantized)  # type: ignore[attr-defined]
    toolkit.get_target_platform_capabilities = lambda *given: given  # type: ignore[attr-defined]
    toolkit.exporter = SimpleNamespace(keras_export_model=lambda **given: done.update(given))  # type: ignore[attr-defined]
    keras = SimpleNamespace(models=SimpleNamespace(load_model=lambda path, compile: path.name))
    modules = {"model_compression_toolkit": toolkit, "tensorflow": SimpleNamespace(keras=keras)}
    ran(place / "quantize.py", monkeypatch, **modules)["main"]()
    assert done["in_model"] == "model.keras" and done["target_platform_capabilities"] == ("tensorflow", "imx500")
    assert done["model"] == "quantized" and done["save_model_path"].endswith("quantized.keras")


def test_what_the_compilers_cant_take_is_refused(tiny_int8: Path, tiny_float: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"is quantized; .*--scheme float32"):
        export(model_file.read(tiny_int8), "hailo", tmp_path / "a")
    with pytest.raises(UsageError, match=r"received None.*--keras MODEL.keras"):
        export(model_file.read(tiny_int8), "imx500", tmp_path / "b")
    file = model_file.read(tiny_int8)
    with pytest.raises(UsageError, match=r"received .*float.tflite"):
        export(file, "imx500", tmp_path / "c", imx500.Options(keras=tiny_float))
    assert not list(tmp_path.iterdir())
