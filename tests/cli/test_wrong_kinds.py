"""Files of another kind, swapped arguments, and outputs that are inputs: told before anything is loaded."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from PIL import Image

from edgecnn.cli import cli
from edgecnn.core.file_kind import kind_of


@pytest.fixture()
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files that begin as those of each kind do."""
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (40, 40)).save("cat.png")
    Image.new("RGB", (40, 40)).save("cat.jpg")
    Path("m.tflite").write_bytes(b"\x18\0\0\0TFL3" + bytes(100))
    Path("m.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    for name, member in (
        ("m.keras", "config.json"),
        ("m.pt", "archive/data.pkl"),
        ("m.pt2", "m/data/weights/0"),
        ("pictures.zip", "a/b.png"),
    ):
        with zipfile.ZipFile(name, "w") as archive:
            archive.writestr(member, "{}")
    for name in ("m.onnx", "m.safetensors", "m.pb", "m.unknown"):
        Path(name).write_bytes(b"\x08\x07\x12\x07")
    Path("r.toml").write_text('[model]\nname = "mobilenet_v1"\n')
    Path("saved").mkdir()
    Path("saved/saved_model.pb").write_bytes(b"\x08\x01")
    Path("plain").mkdir()
    return tmp_path


def refused(*words: str) -> str:
    """The message of a command that was refused for wrong usage."""
    done = CliRunner().invoke(cli, list(words), standalone_mode=False)
    assert isinstance(done.exception, click.UsageError), (words, done.exception, done.output)
    return done.exception.format_message()


def test_kinds_of_files(folder: Path) -> None:
    kinds = {path.name: kind_of(path) for path in folder.iterdir()}
    names = {name: kind.name if kind else "" for name, kind in kinds.items()}
    assert names == {
        "cat.png": "image", "cat.jpg": "image", "m.tflite": "tflite", "m.h5": "keras", "m.keras": "keras",
        "m.pt": "other", "m.pt2": "pt2", "pictures.zip": "other",
        "m.onnx": "onnx", "m.safetensors": "other", "m.pb": "other",
        "m.unknown": "", "r.toml": "recipe", "saved": "saved_model", "plain": "folder",
    }  # fmt: skip
    assert kind_of(folder / "absent") is None and kind_of("a\0b") is None
    renamed = folder / "picture.tflite"
    renamed.write_bytes((folder / "cat.png").read_bytes())
    assert "a PNG image" in refused("profile", "picture.tflite")


@pytest.mark.parametrize(
    ("words", "sentences"),
    [
        ("classify cat.png m.tflite", ("cat.png is a PNG image; expected a .tflite model", "The model comes first")),
        ("classify m.tflite m.tflite", ("m.tflite is a TensorFlow Lite model; expected an image",)),
        ("classify m.tflite plain", ("plain is a folder; expected an image", "plain/*")),
        ("classify m.keras cat.jpg", ("is a Keras model", "edgecnn quantize m.keras -o m.tflite")),
        (
            "visualize cat.jpg m.keras -o x.html",
            ("a JPEG image; expected a .keras or .tflite model", "model comes first"),
        ),
        (
            "profile efficientnet_lite0",
            ("is the name of a model", "edgecnn build efficientnet_lite0", "edgecnn quantize"),
        ),
        ("profile m.onnx", ("an ONNX model; expected a .tflite model", "edgecnn quantize m.onnx -o m.tflite")),
        ("profile m.pt", ("a PyTorch file", "torch.export.save")),
        ("profile m.pt2", ("an exported PyTorch program", "edgecnn quantize m.pt2 -o m.tflite")),
        ("profile cat.jpg", ("a JPEG image",)),
        ("profile saved", ("a SavedModel", "edgecnn quantize saved")),
        ("inspect m.onnx", ("an ONNX model",)),
        ("inspect pictures.zip", ("a zip archive",)),
        ("train m.tflite -o x.keras --data d", ("TensorFlow Lite model; expected a Keras model", "already converted")),
        ("quantize m.pb -o x.tflite", ("a frozen TensorFlow graph", "SavedModel")),
        ("quantize m.safetensors -o x.tflite", ("safetensors", "without a model")),
        (
            "train mobilenet_v2 -o x.keras --data d",
            ("the name of a model", "edgecnn build mobilenet_v2 -o mobilenet_v2.keras"),
        ),
        ("prune cat.png -o x.keras --data d --method swap", ("a PNG image; expected a Keras model",)),
        (
            "verify m.keras --against m.tflite --data d",
            ("a Keras model; expected the .tflite artifact", "follows --against"),
        ),
        ("verify m.tflite --against cat.png --data d", ("'--against'", "a PNG image; expected the float model")),
        ("doctor m.tflite --against cat.png --data d", ("'--against'", "expected the float model")),
        ("demo m.h5", ("a Keras model; expected a .tflite model",)),
        ("report r.toml -o x.html", ("a recipe; expected a .tflite model", "edgecnn run r.toml")),
        ("compile m.keras --target edgetpu", ("a Keras model", "edgecnn quantize")),
        ("run m.tflite", ("expected a recipe",)),
        ("run plain", ("plain is a folder; expected a recipe",)),
        ("report m.tflite -o page.txt", ("page.txt has the wrong ending", "ends with .html")),
        ("inspect m.tflite --html page", ("ends with .html",)),
    ],
)
def test_a_file_of_another_kind_is_told_with_a_remedy(folder: Path, words: str, sentences: tuple[str, ...]) -> None:
    message = refused(*words.split())
    for sentence in sentences:
        assert sentence in message, message


@pytest.mark.parametrize("words", ["profile m.unknown", "profile plain", "inspect mobilenet_v2 --target edgetpu"])
def test_what_is_of_no_known_kind_is_left_to_the_command(folder: Path, words: str) -> None:
    done = CliRunner().invoke(cli, words.split(), standalone_mode=False)
    assert done.exception is not None and "expected a .tflite model" not in str(done.exception)


def _symlink(path: Path) -> str:
    Path("link.json").symlink_to(path)
    return "link.json"


def _hardlink(path: Path) -> str:
    Path("hard.json").hardlink_to(path)
    return "hard.json"


@pytest.mark.parametrize(
    "spelled",
    [str, lambda path: path.name, lambda path: f"plain/../{path.name}", _symlink, _hardlink],
    ids=["absolute", "relative", "through a folder", "symbolic link", "hard link"],
)
@pytest.mark.parametrize(
    "before", ["profile {}", "inspect {}", "classify m.tflite {}", "verify {} --against m.keras --data d"]
)
def test_an_output_that_is_an_input_is_refused(folder: Path, spelled: Callable[[Path], str], before: str) -> None:
    name = "cat.png" if "classify" in before else "m.tflite"
    content = (folder / name).read_bytes()
    message = refused(*before.format(name).split(), "--json", spelled(folder / name))
    assert "--json is" in message and "the same file as" in message and "Choose another name for --json" in message
    assert (folder / name).read_bytes() == content


@pytest.mark.parametrize(
    ("words", "other"),
    [
        ("quantize m.keras -o m.keras", "MODEL"),
        ("train m.keras --data d -o m.keras", "MODEL"),
        ("train m.keras --data d --teacher t.keras -o t.keras", "--teacher"),
        ("prune m.keras --data d --method swap -o ./m.keras", "MODEL"),
        ("build mobilenet_v1 --weights m.keras -o m.keras", "--weights"),
        ("compile m.tflite --target edgetpu -o m.tflite", "MODEL.tflite"),
        ("report m.tflite -o v.html --verification v.html", "--verification"),
        ("verify m.tflite --against m.keras --data training:d.csv --json d.csv", "--data"),
        ("profile m.tflite --per-op --node-data m.tflite", "MODEL.tflite"),
        ("profile m.tflite --per-op --node-data x.json --json x.json", "--node-data"),
        ("demo m.tflite --source v.mp4 --record v.mp4", "--source"),
        ("inspect m.tflite --html x.html --json ./x.html", "--html"),
        ("run r.toml --json r.toml", "RECIPE"),
        ("quantize m.keras -o m.tflite --labels l.txt --json l.txt", "--labels"),
    ],
)
def test_every_command_that_writes_refuses_it(folder: Path, words: str, other: str) -> None:
    for name in ("t.keras", "v.html", "d.csv", "v.mp4", "l.txt"):
        Path(name).write_bytes((folder / "m.keras").read_bytes() if name.endswith(".keras") else b"x")
    assert f"the same file as {other}, which would be overwritten" in refused(*words.split())


def test_every_output_is_known_as_one() -> None:
    """An option that writes has the type, or the setting says so."""
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        for param in command.params:
            if isinstance(param, click.Option) and any(
                word in (param.help or "") for word in ("to write", "Write the")
            ):
                declared = getattr(param, "declared", None)
                is_output = type(param.type).__name__ == "OutputFile" or (declared and declared.writes)
                assert is_output, (name, param.opts)


def test_standard_output_is_no_file(folder: Path) -> None:
    Path("-").write_text("{}")
    done = CliRunner().invoke(cli, ["models", "lite0", "--json", "-"])
    assert json.loads(io.StringIO(done.output).read())[0]["name"] == "efficientnet_lite0"
