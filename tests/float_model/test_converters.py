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
from edgecnn.float_model.converters.external_data import external_files
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
if "refused" in text:
    print("first", "has 2 inputs (a, b); expected one image.", sep="\\n", file=sys.stderr)
    sys.exit(3)
if "fails" in text:
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
    (tmp_path / "m.onnx").write_bytes(field(2, b"sound"))
    return tmp_path / "m.onnx"


def field(number: int, *content: bytes) -> bytes:
    """A field of a protobuf message, of a few bytes."""
    joined = b"".join(content)
    tag = number << 3 | 2
    return (bytes([tag]) if tag < 128 else bytes([tag & 127 | 128, tag >> 7])) + bytes([len(joined)]) + joined


def external(location: str) -> bytes:
    """A model with a weight in another file: ModelProto.graph, GraphProto.initializer, TensorProto.external_data."""
    entries = [(b"location", location.encode()), (b"length", b"8")]
    tensor = [field(8, b"w"), *(field(13, field(1, key), field(2, value)) for key, value in entries)]
    return field(2, b"sound") + field(7, field(5, *tensor))


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


@pytest.mark.parametrize("location", ["weights.bin", "m.onnx.data", "more/w"])
def test_changed_weights_beside_a_model_are_converted_again(onnx: Path, location: str) -> None:
    onnx.write_bytes(external(location))
    weights = onnx.parent / location
    weights.parent.mkdir(exist_ok=True)
    weights.write_bytes(bytes(8))
    first = converter.converted(onnx)
    assert converter.converted(onnx) == first
    assert set(first.origin["weights"]) == {location}
    weights.write_bytes(bytes(7) + b"1")
    assert converter.converted(onnx).path != first.path


@pytest.mark.parametrize("location", ["../weights.bin", "/etc/passwd", "a/../../b", "", r"..\w.bin", r"C:\w.bin"])
def test_weights_outside_of_the_models_folder_are_refused(onnx: Path, location: str) -> None:
    onnx.write_bytes(external(location))
    for use in (converter.converted, converter.Runner):
        with pytest.raises(ModelFileError, match=r"names a weights file .*; expected one in the model's folder"):
            use(onnx)


def test_weights_that_are_missing_are_named(onnx: Path) -> None:
    onnx.write_bytes(external("weights.bin"))
    with pytest.raises(ModelFileError, match=r"its weights in weights\.bin, which can't be read: No such file"):
        converter.converted(onnx)


def test_locations_are_found_wherever_a_tensor_lies(tmp_path: Path) -> None:
    """In a node's attribute, in the graph of a branch, in a function, in a sparse tensor; the key after the value."""
    names = [f"w{number}" for number in range(4)]
    tensors = [field(13, field(2, name.encode()), field(1, b"location")) for name in names]
    places = [
        field(7, field(1, field(5, field(5, tensors[0])))),
        field(7, field(1, field(5, field(6, field(5, tensors[1]))))),
        field(25, field(7, field(5, field(10, tensors[2])))),
        field(7, field(15, field(1, tensors[3]))),
    ]
    (tmp_path / "m.onnx").write_bytes(b"\x08\x07" + b"".join(places))
    for name in names:
        (tmp_path / name).touch()
    assert [path.name for path in external_files(tmp_path / "m.onnx")] == names


@pytest.mark.parametrize("damage", [b"no model", b"\x0a\x7f", b"\xff" * 12, b"\x0b", b"\x09\0"])
def test_what_is_no_protobuf_is_refused(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "m.onnx").write_bytes(external("w") + damage)
    (tmp_path / "w").touch()
    with pytest.raises(ModelFileError, match=r"m\.onnx is no valid ONNX model: "):
        external_files(tmp_path / "m.onnx")


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
    onnx.write_bytes(field(2, text.encode()))
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
