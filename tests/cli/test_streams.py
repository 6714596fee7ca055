"""Streams, file names and limits of the system that fail: a sentence and a status, no traceback, and no lost file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import check_clean_failure, run_cli

from edgecnn.runtime.model import model_file
from edgecnn.runtime.opencv import opencv

LATIN_1 = b"caf\xe9"
RECIPE = '[model]\nname = "mobilenet_v1"\ninput_size = 32\nwidth = 0.25\n'


def shell(line: str, *words: str | bytes | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash, in which `edgecnn` stands for the command with these words."""
    line = line.replace("edgecnn", '"$@"')
    command = ["bash", "-c", line, "bash", sys.executable, "-m", "edgecnn", *map(os.fsencode, words)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHONIO"))}
    return subprocess.run(
        command, capture_output=True, encoding="utf-8", errors="surrogateescape", env={**kept, **environment},
        timeout=300, check=False,
    )  # fmt: skip


@pytest.fixture()
def image() -> bytes:
    return bytes(opencv().imencode(".png", np.zeros((40, 40, 3), np.uint8))[1])


def test_closed_output(tmp_path: Path, tiny_int8: Path) -> None:
    page = tmp_path / "page.html"
    done = shell("edgecnn >&-", "report", tiny_int8, "-o", page)
    assert done.returncode == 1 and "standard output: it is closed" in done.stderr
    assert page.read_text().endswith("</html>\n")
    assert shell("edgecnn 2>&-", "report", tiny_int8, "-o", page).returncode == 0
    for words, status in ((["models"], 1), (["build", "x", "-o", "x.keras"], 2)):
        done = shell("edgecnn <&- >&- 2>&-", *words)
        assert (done.returncode, done.stdout, done.stderr) == (status, "", "")


def test_a_file_never_gets_the_descriptor_of_a_closed_output(tmp_path: Path, tiny_int8: Path) -> None:
    """Else what is printed would be written into it."""
    values = tmp_path / "values.json"
    shell("edgecnn >&- 2>&-", "inspect", tiny_int8, "--json", values)
    assert json.loads(values.read_text())["model"] == "tiny.tflite"


@pytest.mark.parametrize("words", [["models"], ["--help"], ["--version"], ["run", "--schema"]], ids=" ".join)
def test_full_disks_and_readers_that_leave(words: list[str]) -> None:
    full = shell("edgecnn > /dev/full", *words)
    assert full.returncode == 1
    assert full.stderr == (
        "Error: Can't write to standard output: No space left on device. Files that the command writes are complete.\n"
    )
    left = shell("edgecnn | true; exit ${PIPESTATUS[0]}", *words)
    assert (left.returncode, left.stderr) == (141, "")


def test_messages_that_nobody_can_read() -> None:
    assert shell("edgecnn 2> /dev/full", "build", "no_net", "-o", "x.keras").returncode == 2
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "edgecnn", "build", "no_net", "-o", "x.keras"]
    assert subprocess.run(command, stderr=writer, timeout=300, check=False).returncode == 141
    os.close(writer)


@pytest.mark.parametrize(
    "locale",
    [{"LC_ALL": "C.UTF-8"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}],
    ids=["UTF-8", "C"],
)
@pytest.mark.parametrize(
    "name", [LATIN_1, "caf\xe9 \u65e5\u672c".encode(), b"a\n\tb"], ids=["latin-1", "UTF-8", "controls"]
)
def test_any_file_name(tmp_path: Path, tiny_int8: Path, image: bytes, name: bytes, locale: dict[str, str]) -> None:
    """What a name holds that isn't UTF-8 is shown with its codes, and files of such names are read and written."""
    folder = os.fsencode(tmp_path) + b"/" + name
    Path(os.fsdecode(folder)).mkdir()
    model, picture, page, values = (
        folder + b"/" + name + suffix for suffix in (b".tflite", b".png", b".html", b".json")
    )
    Path(os.fsdecode(model)).write_bytes(tiny_int8.read_bytes())
    Path(os.fsdecode(picture)).write_bytes(image)
    shown = name.decode("utf-8", "backslashreplace").replace("\n\t", " ")
    for words in (
        ["classify", model, picture],
        ["classify", model, picture, "--json", values],
        ["inspect", model, "--html", page],
        ["report", model, "-o", page],
        ["profile", model, "--runs", "3", "--threads", "1", "--budget", "1"],
    ):
        done = shell("edgecnn", *words, **locale)
        assert done.returncode == 0, done.stderr
        if words[0] in ("classify", "inspect"):
            assert f"{shown}." in done.stdout + done.stderr
    assert json.loads(Path(os.fsdecode(values)).read_bytes())[0]["path"].endswith(".png")
    assert name.decode("utf-8", "backslashreplace").split("\n")[0] in Path(os.fsdecode(page)).read_text("utf-8")


def test_json_for_a_terminal_that_lacks_characters(tmp_path: Path, tiny_int8: Path, image: bytes) -> None:
    picture = tmp_path / "\u65e5\U0001f600.png"
    picture.write_bytes(image)
    done = shell("edgecnn", "classify", tiny_int8, picture, "--json", "-", PYTHONIOENCODING="latin-1", LC_ALL="C.UTF-8")
    assert json.loads(done.stdout)[0]["path"] == str(picture)


def test_a_name_that_a_configuration_cannot_hold(tmp_path: Path) -> None:
    config = tmp_path / os.fsdecode(LATIN_1)
    config.touch()
    words = ["devices", "add", "pi4", "pi@pi4.local", "--ssh-config", config]
    done = shell("edgecnn", *words, XDG_CONFIG_HOME=str(tmp_path), LC_ALL="C.UTF-8")
    assert "caf\\xe9" in check_clean_failure(done, status=2) and "expected UTF-8" in done.stderr
    assert not (tmp_path / "edgecnn").exists()


def test_training_and_quantizing_where_no_name_is_utf8(tmp_path: Path, tiny_keras: Path, picture_folder: Path) -> None:
    name = os.fsdecode(LATIN_1)
    here = picture_folder.rename(tmp_path / name)
    ants = (here / "ant").rename(here / name)
    (ants / "0.png").rename(ants / f"{name}.png")
    trained, artifact = here / "t.keras", here / f"{name}.tflite"
    for words in (
        [
            "train",
            tiny_keras,
            "--data",
            here,
            "--validation",
            here,
            "--strategy",
            "head",
            "--epochs",
            "1",
            "-o",
            trained,
        ],
        ["quantize", trained, "--calibration", here, "--samples", "4", "-o", artifact],
    ):
        done = shell("edgecnn", *words)
        assert done.returncode == 0, done.stderr
    assert model_file.read(artifact).contract.labels == ("bee", "caf\\xe9")


def test_names_that_are_too_long_and_folders_that_cant_be_written(tmp_path: Path, tiny_int8: Path) -> None:
    longest = tmp_path / f"{'n' * 250}.html"  # 255 bytes
    assert run_cli("report", tiny_int8, "-o", longest).returncode == 0 and longest.is_file()
    for place, reason in (
        (tmp_path / f"{'n' * 251}.keras", "name too long"),
        (tiny_int8 / "m.keras", "Not a directory"),
    ):
        message = check_clean_failure(run_cli("build", "mobilenet_v1", "-o", place))
        assert reason in message and message.startswith("Error: Can't write")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8 with CRLF", "utf-16", "latin-1"])
def test_recipes_of_other_editors(tmp_path: Path, encoding: str) -> None:
    text = f"# caf\xe9\n{RECIPE}colour = 1\n"
    content = text.replace("\n", "\r\n").encode() if "CRLF" in encoding else text.encode(encoding)
    (tmp_path / "r.toml").write_bytes(content)
    message = check_clean_failure(run_cli("run", "r.toml", cwd=tmp_path), status=2)
    readable = encoding.startswith("utf-8")
    assert ("colour" if readable else "expected TOML in UTF-8") in message


def test_few_descriptors(tiny_int8: Path, tmp_path: Path, image: bytes) -> None:
    (tmp_path / "x.png").write_bytes(image)
    assert shell("ulimit -n 12; edgecnn", "classify", tiny_int8, tmp_path / "x.png").returncode == 0
    message = check_clean_failure(shell("ulimit -n 7; edgecnn", "profile", tiny_int8, "--runs", "3"))
    assert "Too many open files. Raise the limit: ulimit -n 1024." in message


def test_little_address_space(tiny_keras: Path, tmp_path: Path) -> None:
    done = shell("ulimit -v 2000000; edgecnn", "quantize", tiny_keras, "-o", tmp_path / "m.tflite")
    assert "2.0 GB of address space, but TensorFlow needs at least 3 GB" in check_clean_failure(done)


def _python(code: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    code = f"import os, signal, sys\nfrom edgecnn import cli\n{code}\ncli.main()"
    return subprocess.run([sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True, timeout=300)


def test_a_user_without_a_home() -> None:
    nobody = "import pwd\nos.environ.pop('HOME', None)\ndef none(uid): raise KeyError(uid)\npwd.getpwuid = none"
    message = check_clean_failure(_python(nobody, "devices", "list"))
    assert "Set HOME or XDG_CONFIG_HOME" in message
    cache = f"{nobody}\nos.environ.pop('EDGECNN_CACHE', None)\nfrom edgecnn.core.cache import cache_folder"
    message = check_clean_failure(_python(f"{cache}\ncli.cli.main = lambda **_: cache_folder()"))
    assert "Set EDGECNN_CACHE" in message


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_a_library_turns_into_another_error(number: int) -> None:
    """As TensorFlow does while it traces: SystemError, or a message that blames the model."""
    for error in (
        "SystemError('returned a result with an exception set')",
        "cli.EdgecnnError('The model is damaged.')",
    ):
        asked = "" if number == signal.SIGINT else f"import signal; signal.signal({int(number)}, signal.SIG_DFL)\n"
        code = (  # whoever runs the tests may ignore it, as nohup does
            f"{asked}def work(**_):\n    try: os.kill(os.getpid(), {int(number)})\n"
            f"    except BaseException: raise {error} from None\ncli.cli.main = work"
        )
        done = _python(code)
        assert done.returncode == 128 + number, done.stderr
        assert "Traceback" not in done.stderr and "damaged" not in done.stderr
