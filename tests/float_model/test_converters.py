"""Models that other libraries convert: what edgecnn does around them, with a converter of the test's own."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgecnn.core.compat.tensorflow import keras, tf
from edgecnn.core.errors import MissingExtraError, ModelFileError, UntrustedModelError
from edgecnn.core.hints import Hints
from edgecnn.float_model.converters import converter
from edgecnn.float_model.converters.environment import Environment
from edgecnn.quantization import Calibration, quantize
from edgecnn.verification import verify

PROGRAMS = Path(converter.__file__).parent / "programs"
# Stands for a library: its "ONNX model" is a text, its answer to an image the means of the channels.
PROGRAM = """
import json, shutil, sys
from pathlib import Path
import numpy as np
what, path, *words = sys.argv[1:]
text = Path(path).read_text()
if text == "refused":
    print("first", "has 2 inputs (a, b); expected one image.", sep="\\n", file=sys.stderr)
    sys.exit(3)
if text == "fails":
    raise KeyError("GridSample")
if what == "convert":
    shutil.copy({theirs!r}, Path(words[0]) / "model.tflite")
    (Path(words[0]) / "notes.json").write_text(json.dumps({{"by": "a test", "size": words[1:]}}))
else:
    sys.path.insert(0, {programs!r})
    from common import serve
    serve(lambda images: [images.mean(axis=(1, 2))], "NHWC")
"""


@pytest.fixture()
def onnx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """m.onnx, whose three scores are the means of red, green and blue."""
    monkeypatch.setenv("EDGECNN_CACHE", str(tmp_path / "cache"))
    model = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3)])
    model.layers[-1].set_weights([np.eye(3, dtype=np.float32), np.zeros(3, np.float32)])
    theirs = tmp_path / "theirs.tflite"
    theirs.write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.format(theirs=str(theirs), programs=str(PROGRAMS)))

    def command(self: Environment, name: str, words: list[str], progress: Any) -> list[str]:
        return [sys.executable, str(program), *words]

    monkeypatch.setattr(Environment, "command", command)
    (tmp_path / "m.onnx").write_text("sound")
    return tmp_path / "m.onnx"


def test_a_converted_model_is_quantized_and_compared_with_its_own_runtime(onnx: Path, tmp_path: Path) -> None:
    file = quantize(
        onnx, tmp_path / "m.tflite", calibration=Calibration("photos", 16), hints=Hints(mean=(0,), std=(1,))
    )
    origin = file.contract.provenance.extra["converted_from"]
    assert (origin["file"], origin["by"], origin["size"]) == ("m.onnx", "a test", [])
    assert len(origin["sha256"]) == 64
    found = verify(tmp_path / "m.tflite", onnx, "photos")
    assert found.against == "m.onnx"
    assert found.agreement.percent >= 95 and found.snr_db > 30  # gray images have equal scores


def test_probabilities_are_compared_with_probabilities(onnx: Path, tmp_path: Path) -> None:
    raw = Hints(mean=(0,), std=(99,))
    quantize(onnx, tmp_path / "m.tflite", calibration=Calibration("photos", 8), hints=raw, probabilities=True)
    found = verify(tmp_path / "m.tflite", onnx, "photos", hints=raw)
    assert found.snr_db > 30


def test_what_was_converted_is_kept(onnx: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = converter.converted(onnx)
    monkeypatch.setattr(Environment, "command", lambda *_: pytest.fail("converted again"))
    assert converter.converted(onnx) == first
    assert first.path.name == "m.tflite"


def test_the_input_size_is_passed_on(onnx: Path) -> None:
    assert converter.converted(onnx, input_size=32).origin["size"] == ["32"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("refused", r"m\.onnx has 2 inputs \(a, b\); expected one image\.$"),
        ("fails", r"onnx2tf can't convert .*m\.onnx: KeyError: 'GridSample'\. Export it again"),
    ],
)
def test_refusals_are_one_sentence(onnx: Path, text: str, message: str) -> None:
    onnx.write_text(text)
    with pytest.raises(ModelFileError, match=message):
        converter.converted(onnx)
    with pytest.raises(ModelFileError, match="can't be run: "):
        converter.Runner(onnx)(np.zeros((1, 16, 16, 3), np.float32))


def test_exported_programs_need_trust(tmp_path: Path) -> None:
    """`torch.export.load` unpickles; nothing of the file is read before."""
    (tmp_path / "m.pt2").write_bytes(b"PK\3\4")
    with pytest.raises(UntrustedModelError, match=r"an exported PyTorch program: loading it may run code .*--trust"):
        quantize(tmp_path / "m.pt2", tmp_path / "m.tflite")
    with pytest.raises(UntrustedModelError, match="--trust"):
        converter.Runner(tmp_path / "m.pt2")


def test_an_environment_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without requirements pip has nothing to fetch: this one is made without a network."""
    monkeypatch.setenv("EDGECNN_CACHE", str(tmp_path))
    environment, told = Environment("nothing", ("pip",), 1, "by hand"), []
    python = environment.python(lambda stage, done, total: told.append(stage))
    assert python.exists() and python.is_relative_to(tmp_path)
    assert environment.python(lambda stage, done, total: told.append(stage)) == python
    assert told == ["Making an environment for nothing: once, 0 GB"]


def test_what_cannot_be_installed_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECNN_CACHE", str(tmp_path))
    environment = Environment("onnx2tf", ("--no-index", "edgecnn-no-such-package"), 1, "onnx2tf -i MODEL.onnx")
    with pytest.raises(MissingExtraError, match=r"onnx2tf can't be installed for Python 3\.\d+: .*onnx2tf -i MODEL"):
        environment.python(lambda stage, done, total: None)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("environment")]


def test_every_converter_has_its_program() -> None:
    for each in converter.CONVERTERS.values():
        assert (PROGRAMS / each.program).exists()
        assert dataclasses.asdict(each)["words"]
