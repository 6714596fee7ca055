"""ONNX and .pt2 models by the real converters, in environments that edgecnn makes (3 and 8 GB in the cache, once)."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from onnx_models import MODELS
from requirements import unavailable

from edgecnn.core.errors import EdgecnnError, ModelFileError
from edgecnn.core.hints import Hints
from edgecnn.data import open_data
from edgecnn.float_model.converters.converter import CONVERTERS
from edgecnn.quantization import Calibration, quantize
from edgecnn.quantization.refusals import float_operators
from edgecnn.runtime.model.contract import Preprocessing
from edgecnn.runtime.run.preprocess import fit
from edgecnn.verification import verify

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not os.environ.get("EDGECNN_REAL_CONVERTERS"),
        reason="fetches 11 GB of converters; EDGECNN_REAL_CONVERTERS=1 runs it",
    ),
]
SIDE = 64


def made(suffix: str, program: str, folder: Path, output: Path) -> None:
    """Let a program of the tests write its models, in the converter's environment."""
    try:
        python = CONVERTERS[suffix].environment.python(lambda stage, done, total: None)
    except EdgecnnError as error:
        unavailable(f"the environment can't be made: {error}")
    examples = open_data("photos").examples
    names = sorted({example.name.rpartition("-")[0] for example in examples})
    np.savez(
        folder / "photos.npz",
        images=np.stack([fit(example.read(), Preprocessing(SIDE, SIDE)) for example in examples]),
        labels=[names.index(example.name.rpartition("-")[0]) for example in examples],
    )
    path = Path(__file__).parents[1] / program
    subprocess.run([str(python), str(path), str(output), str(folder / "photos.npz")], check=True)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All models of `onnx_models`, their heads fitted to crops of photographs."""
    folder = tmp_path_factory.mktemp("onnx")
    made(".onnx", "onnx_models.py", folder, folder)
    return folder


def test_an_exported_program_becomes_int8_and_agrees_with_torch(tmp_path: Path) -> None:
    path = tmp_path / "m.pt2"
    made(".pt2", "pt2_model.py", tmp_path, path)
    file = quantize(path, tmp_path / "m.tflite", calibration=Calibration("photos", 100), trust=True)
    assert not float_operators(file.model.graph)
    assert "TRANSPOSE" not in {operator.name for operator in file.model.graph.operators}
    assert verify(tmp_path / "m.tflite", path, "photos", trust=True).agreement.percent >= 98


@pytest.mark.parametrize("name", [name for name in MODELS if name != "open_size"])
def test_onnx_models_become_int8_and_agree_with_onnx_runtime(models: Path, tmp_path: Path, name: str) -> None:
    file = quantize(models / f"{name}.onnx", tmp_path / "m.tflite", calibration=Calibration("photos", 100))
    assert not float_operators(file.model.graph)
    operators = {operator.name for operator in file.model.graph.operators}
    assert ("TRANSPOSE" in operators) == (name == "transposes_inside")
    assert file.contract.output == ("probabilities" if name == "softmax_inside" else "logits")
    raw = (file.contract.preprocessing.mean, file.contract.preprocessing.std) == ((0.0,), (1.0,))
    assert raw == (name == "normalization_inside")
    assert file.contract.provenance.extra["converted_from"]["opset"] == MODELS[name][1]
    assert verify(tmp_path / "m.tflite", models / f"{name}.onnx", "photos").agreement.percent >= 98


def test_an_open_size_must_be_said(models: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"open_size\.onnx has no fixed input size .*--input-size N"):
        quantize(models / "open_size.onnx", tmp_path / "m.tflite")
    said = Hints(input_size=SIDE)
    file = quantize(models / "open_size.onnx", tmp_path / "m.tflite", calibration=Calibration("photos", 8), hints=said)
    assert file.contract.preprocessing.shape == (SIDE, SIDE, 3)


@pytest.mark.parametrize("content", [b"", b"\x08\x07\x12\x07", b"no model at all" * 9])
def test_what_is_no_onnx_model_is_refused(models: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.onnx").write_bytes(content)
    with pytest.raises(ModelFileError, match=r"m\.onnx is no valid ONNX model: "):
        quantize(tmp_path / "m.onnx", tmp_path / "m.tflite")
