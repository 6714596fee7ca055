"""What a recipe asks for that can't be is told before any stage works, with the name of its section."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgecnn.core.errors import EdgecnnError, RecipeError
from edgecnn.devices import known
from edgecnn.recipe.run import run
from edgecnn.recipe.stage import digest

MODEL = '[model]\nname = "mobilenet_v1"\ninput_size = 32\nwidth = 0.25\nclasses = 5\n'


@pytest.fixture()
def refuse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a recipe that is refused; the message. Nothing may be left behind."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    def refused(text: str, kind: type[EdgecnnError] = EdgecnnError) -> str:
        Path("r.toml").write_text(text)
        with pytest.raises(kind) as found:
            run("r.toml", folder="out")
        assert not Path("out").exists()
        return str(found.value)

    return refused


def test_models_and_weights_that_are_not_there(refuse: Any) -> None:
    Path("m.onnx").write_bytes(b"\x08\x07")
    Path("given.keras").write_bytes(b"PK\x03\x04")
    assert "model.file is 'absent.keras', but this file does not exist." in refuse('[model]\nfile = "absent.keras"\n')
    assert "Did you mean given.keras?" in refuse('[model]\nfile = "givn.keras"\n')
    training = '[train]\ndata = "photos"\n'
    assert "m.onnx is an ONNX model; expected a Keras model" in refuse(f'[model]\nfile = "m.onnx"\n{training}')
    Path("m.txt").write_text("nothing")
    assert "expected a Keras model, a .keras file, a SavedModel folder, a float .tflite, an .onnx file" in refuse(
        '[model]\nfile = "m.txt"\n'
    )
    message = refuse('[model]\nname = "mobilenet_v1"\nweights = "imagenett"\n')
    assert message.startswith("[model] There is no weights file imagenett. Did you mean imagenet?")
    assert refuse('[model]\nname = "vgg16"\nweights = "absent.keras"\n').startswith("[model] ")


def test_code_in_a_model_needs_trust_and_has_no_place_in_training(refuse: Any) -> None:
    Path("m.pt2").write_bytes(b"PK\x03\x04")
    Path("m.keras").write_bytes(b"PK\x03\x04")
    assert "may run code that it carries. It was not loaded. With --trust (in a recipe: trust = true)" in refuse(
        '[model]\nfile = "m.pt2"\n'
    )
    message = refuse('[model]\nfile = "m.keras"\ntrust = true\n[train]\ndata = "photos"\n')
    assert "model.trust has no effect: the stage train runs no code" in message
    assert "model.trust goes with file" in refuse('[model]\nname = "vgg16"\ntrust = true\n')


def test_weights_beside_a_model_by_others(refuse: Any) -> None:
    """A weight whose location is `w`: the file must be there, and a changed one is another model."""
    Path("m.onnx").write_bytes(b"\x3a\x11\x2a\x0f\x6a\x0d\x0a\x08location\x12\x01w")
    assert "m.onnx has its weights in w, which can't be read" in refuse('[model]\nfile = "m.onnx"\n')
    Path("w").write_bytes(b"1")
    before = digest("m.onnx")
    Path("w").write_bytes(b"2")
    assert digest("m.onnx") != before


def test_a_teacher_that_is_not_there(refuse: Any, picture_folder: Path) -> None:
    text = f'{MODEL}[train]\ndata = "{picture_folder}"\nvalidation_share = 0.5\nteacher = "absent.keras"\n'
    assert "train.teacher is 'absent.keras', but this file does not exist" in refuse(text)


def test_labels_are_counted(refuse: Any) -> None:
    Path("l.txt").write_text("a\nb\nc\n")
    message = refuse(f'{MODEL}[quantize]\nlabels = "l.txt"\n')
    assert message.startswith("[quantize] ") and "3 labels for 5 classes" in message
    assert refuse(f'{MODEL}[quantize]\nlabels = "absent.txt"\n').startswith("[quantize] ")


def test_classes_of_other_data_are_refused(refuse: Any, picture_folder: Path) -> None:
    """Trained on two classes, verified on another one; or ImageNet's 1,000 names, none of which fits."""
    import shutil

    others = picture_folder.with_name("others")
    shutil.copytree(picture_folder / "ant", others / "cockroach")
    shutil.copytree(picture_folder / "bee", others / "wasp")
    message = refuse(
        f'{MODEL}[train]\ndata = "{picture_folder}"\nvalidation_share = 0.5\n[verify]\ndata = "{others}"\n'
    )
    assert message.startswith("[verify] 2 of 2 classes of ")
    assert "match none of the model's 2 labels: cockroach, wasp" in message
    Path("l.txt").write_text("a\nb\nc\nd\ne\n")
    message = refuse(f'{MODEL}[quantize]\nlabels = "l.txt"\n[verify]\ndata = "{picture_folder}"\n')
    assert "match none of the model's 5 labels: ant, bee" in message


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ('delegate = "edgetp"', "[profile] Unknown delegate 'edgetp'."),
        ('delegate = "edgetpu:usb,power=much"', "[profile] The option power of the delegate edgetpu is 'much'"),
        ('delegate = "edgetpu"', "profile.delegate is 'edgetpu', which runs only compiled models"),
        ('device = "pi@"', "[profile] "),
        ('device = "pie4.invalid"', "[profile] There is no host 'pie4.invalid'. Did you mean pi4.invalid?"),
    ],
)
def test_boards_and_delegates_are_looked_at_first(refuse: Any, keys: str, sentence: str) -> None:
    known.add(known.Entry("pi4.invalid", "pi@pi4.invalid"))
    assert refuse(f"{MODEL}[profile]\n{keys}\n").startswith(sentence)


def test_a_board_without_a_runtime_is_told_before_hours_of_training(
    refuse: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Bare:
        """A board as it comes."""

        def __enter__(self) -> Bare:
            return self

        def __exit__(self, *exception: object) -> None: ...

        def run(self, job: str) -> dict[str, Any]:
            assert job == "check"
            system = {"python": "3.11.2", "bits": 64, "glibc": "2.36", "runtime": None}
            return {"system": system, "numpy": None, "virtual_environment": None}

    monkeypatch.setattr("edgecnn.devices.open_device", lambda target: Bare())
    message = refuse(f'{MODEL}[profile]\ndevice = "pi4"\n')
    assert (
        "[profile] pi4 can't run a model yet. runtime: none. Install a TFLite runtime: edgecnn devices check pi4 --fix"
        in message
    )


def test_a_file_that_a_stage_would_overwrite(
    tmp_path: Path, tiny_keras: Path, picture_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "trained.keras").write_bytes(tiny_keras.read_bytes())
    (tmp_path / "link.keras").symlink_to(folder / "trained.keras")
    for file in ("out/trained.keras", "link.keras"):
        Path("r.toml").write_text(
            f'[model]\nfile = "{file}"\n[train]\ndata = "{picture_folder}"\nvalidation_share = 0.5\n'
        )
        with pytest.raises(RecipeError, match=r"model\.file is .*, but the stage train would overwrite this file"):
            run("r.toml", folder="out")
    assert (folder / "trained.keras").read_bytes() == tiny_keras.read_bytes()


def test_a_finished_run_needs_no_board(tmp_path: Path) -> None:
    from edgecnn.recipe import sections
    from edgecnn.recipe.stage import Context, stages_of

    path = tmp_path / "r.toml"
    path.write_text(f'{MODEL}[profile]\ndevice = "nothing.invalid"\n')
    settings, text = sections.read(path)
    context = Context(settings, text, tmp_path, "r", lambda *step: None)
    stage = next(stage for stage in stages_of(settings) if stage.name == "profile")
    with pytest.raises(EdgecnnError, match=r"nothing\.invalid"):
        stage.refuse(context)
    context.profile.write_text("{}")
    stage.refuse(context)
