"""Damaged and odd inputs through the command line: a clear message or a right answer; no traceback, hang or crash."""

from __future__ import annotations

import io
import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from commands import check_clean_failure, run_cli
from PIL import Image

from edgecnn.cli import cli
from edgecnn.runtime.errors import EdgecnnError
from edgecnn.runtime.model import model_file
from edgecnn.runtime.process import guard
from edgecnn.runtime.run.answers import answer_files

MUTANTS = 200


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "picture.png"
    colors = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(colors).save(path)
    return path


def _mutant(data: bytes, number: int) -> bytes:
    """Truncated, or with one to sixteen bits flipped, half of them near the start, where the structure is."""
    chance = random.Random(number)
    if number % 4 == 0:
        return data[: chance.randrange(len(data))]
    damaged = bytearray(data)
    for _ in range(chance.choice((1, 2, 4, 16))):
        end = len(data) if chance.random() < 0.5 else 4096
        damaged[chance.randrange(end)] ^= 1 << chance.randrange(8)
    return bytes(damaged)


@pytest.mark.parametrize("ours", [True, False], ids=["ours", "by others"])
def test_mutants_of_a_model_never_crash_the_command(tiny_int8: Path, picture: Path, tmp_path: Path, ours: bool) -> None:
    """What `edgecnn classify` does, without paying for a process's start 400 times; the child process is real."""
    from edgecnn import artifact

    data = tiny_int8.read_bytes()
    if not ours:
        data = artifact.graph_bytes(model_file.read(tiny_int8))
    outcomes = {"answered": 0, "refused": 0}
    path = tmp_path / "mutant.tflite"
    for number in range(MUTANTS):
        path.write_bytes(_mutant(data, number))
        try:
            file = model_file.read(path)
            answer = guard.isolated(answer_files, file, [str(picture)], 3, timeout_s=30)
            assert answer[0]["classes"][0]["probability"] >= 0
            outcomes["answered"] += 1
        except EdgecnnError as error:
            assert len(str(error)) > 20
            outcomes["refused"] += 1
    assert sum(outcomes.values()) == MUTANTS
    assert outcomes["refused"] > MUTANTS // 4
    if ours:
        assert outcomes["answered"] <= 3, "a damaged artifact was used"


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_mutants_through_the_real_command(tiny_int8: Path, picture: Path, tmp_path: Path, number: int) -> None:
    (tmp_path / "m.tflite").write_bytes(_mutant(tiny_int8.read_bytes(), number))
    check_clean_failure(run_cli("classify", tmp_path / "m.tflite", picture))


@pytest.mark.parametrize("content", [b"", b"some text\n", b"TFL3" * 100, b"\0" * 100_000])
@pytest.mark.parametrize("command", [["classify"], ["profile", "--runs", "1"], ["inspect"]], ids=lambda c: c[0])
def test_files_that_are_no_models(tmp_path: Path, picture: Path, command: list[str], content: bytes) -> None:
    (tmp_path / "m.tflite").write_bytes(content)
    extra = [picture] if command == ["classify"] else []
    assert "m.tflite" in check_clean_failure(run_cli(command[0], tmp_path / "m.tflite", *extra, *command[1:]))


def test_folder_missing_and_huge_model(tmp_path: Path, picture: Path) -> None:
    assert "is a folder" in check_clean_failure(run_cli("classify", tmp_path, picture))
    assert "no file" in check_clean_failure(run_cli("classify", tmp_path / "none.tflite", picture))
    with (tmp_path / "huge.tflite").open("wb") as stream:
        stream.truncate(3 << 30)  # sparse: takes no room on the disk
    assert "at most" in check_clean_failure(run_cli("classify", tmp_path / "huge.tflite", picture))


def test_bad_pictures_among_good_ones(tiny_int8: Path, picture: Path, tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "empty.png").write_bytes(b"")
    stream = io.BytesIO()
    Image.open(picture).save(stream, "JPEG")
    (tmp_path / "cut.jpg").write_bytes(stream.getvalue()[:-200])
    names = ["text.jpg", "empty.png", "cut.jpg", "none.png"]
    done = run_cli("classify", tiny_int8, picture, *(tmp_path / name for name in names), "--json", "-")
    message = check_clean_failure(done)
    results = json.loads(done.stdout)
    assert len(results) == 5 and len(results[0]["classes"]) == 3
    for name, result in zip(names, results[1:]):
        assert name in result["error"] and name in message


def test_odd_pictures_get_right_answers(tiny_int8: Path, picture: Path, tmp_path: Path) -> None:
    original = Image.open(picture)
    original.convert("RGBA").save(tmp_path / "alpha.png")
    original.save(tmp_path / "lossless.bmp")
    exif = Image.Exif()
    exif[0x0112] = 3
    original.rotate(180).save(tmp_path / "turned.tiff", exif=exif)
    done = run_cli("classify", tiny_int8, picture, tmp_path / "alpha.png", tmp_path / "lossless.bmp", "--json", "-")
    assert done.returncode == 0, done.stderr
    answers = [result["classes"] for result in json.loads(done.stdout)]
    assert answers[0] == answers[1] == answers[2]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["quantize", "m.keras"], "Missing option"),
        (["quantize", "m.keras"], "For example: edgecnn quantize "),
        (["build", "lite0"], "ends with .keras. For example: edgecnn build efficientnet_lite0 "),
        (["completion"], "bash"),
        (["quantise"], "No such command"),
        (["classify", "m.tflite"], "IMAGE"),
        (["quantize", "m.keras", "-o", "m.tflite", "--scheme", "int4"], "int8_per_tensor"),
        (["quantize", "m.keras", "-o", "m.bin"], ".tflite"),
        (["build", "no_such_net", "-o", "m.keras"], "edgecnn models"),
        (
            ["build", "mobilenet_v1", "-o", "m.keras", "--seed", "-1"],
            "--seed is -1; expected a whole number from 0 to 4,",
        ),
        (["build", "mobilenet_v1", "-o", "m.keras", "--seed", str(2**32)], "--seed is 4294967296"),
        (["profile", "m.tflite", "--threads", "many"], "threads"),
    ],
)
def test_wrong_usage_exits_with_2(tmp_path: Path, arguments: list[str], sentence: str) -> None:
    assert sentence in check_clean_failure(run_cli(*arguments, cwd=tmp_path), status=2)


@pytest.mark.parametrize("module", ["pydantic", "threadpoolctl"])
def test_a_board_without_the_hosts_libraries_says_what_to_install(
    tiny_keras: Path, tmp_path: Path, module: str
) -> None:
    (tmp_path / "r.toml").write_text('[model]\nname = "mobilenet_v1"\ninput_size = 32\nwidth = 0.25\nclasses = 5\n')
    arguments = {"pydantic": ["run", "r.toml"], "threadpoolctl": ["quantize", str(tiny_keras), "-o", "m.tflite"]}
    code = f"import sys\nsys.modules[{module!r}] = None\nfrom edgecnn.cli import main\nmain()"
    command = [sys.executable, "-c", code, *arguments[module]]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    message = check_clean_failure(done)
    assert module in message and 'pip install "edgecnn[host]"' in message


def test_missing_inputs_are_named(tmp_path: Path, tiny_int8: Path) -> None:
    for arguments in (
        ["quantize", "none.keras", "-o", "m.tflite"],
        ["verify", "none.tflite", "--against", "none.keras", "--data", "photos"],
        ["verify", tiny_int8, "--against", "none.keras", "--data", "photos"],
        ["verify", tiny_int8, "--against", "none.keras", "--data", "none/"],
        ["report", "none.tflite", "-o", "r.html"],
    ):
        assert "none" in check_clean_failure(run_cli(*arguments, cwd=tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_full_disk_leaves_nothing(tiny_keras: Path, tmp_path: Path) -> None:
    """A real file system of 64 kB, too small for the artifact."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        done = run_cli("quantize", tiny_keras, "-o", disk / "m.tflite", "--samples", "4")
        assert "No space left" in check_clean_failure(done)
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_read_only_folder(tiny_keras: Path, tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a read-only file system needs root")
    try:
        done = run_cli("quantize", tiny_keras, "-o", folder / "m.tflite", "--samples", "4")
        assert "Can't write" in check_clean_failure(done)
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_stopped_quantize_leaves_no_half_file(tiny_keras: Path, tmp_path: Path, stop: signal.Signals) -> None:
    (tmp_path / "m.tflite").write_bytes(b"what was there before")
    command = [sys.executable, "-m", "edgecnn", "quantize", str(tiny_keras), "-o", str(tmp_path / "m.tflite")]
    for wait in (0.3, 1.5, 3.0):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        time.sleep(wait)
        process.send_signal(stop)
        _, errors = process.communicate(timeout=60)
        content = (tmp_path / "m.tflite").read_bytes()
        assert content == b"what was there before" or model_file.from_bytes(content).sealed
        assert "Traceback" not in errors
        if stop == signal.SIGINT:
            assert process.returncode in (0, 130)
    assert run_cli("quantize", tiny_keras, "-o", tmp_path / "m.tflite", "--samples", "4").returncode == 0
    assert model_file.read(tmp_path / "m.tflite").sealed


def test_interrupt_after_the_work_is_done(tiny_keras: Path, tmp_path: Path) -> None:
    """Python needs a while to end with TensorFlow loaded; a Ctrl-C then must not hide the exit status."""
    output = tmp_path / "m.tflite"
    command = [sys.executable, "-m", "edgecnn", "quantize", str(tiny_keras), "-o", str(output), "--samples", "4"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and str(output) in process.stdout.readline()
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        time.sleep(0.02)
    _, errors = process.communicate()
    assert "Traceback" not in errors
    assert process.returncode in (0, 130)
    assert model_file.read(output).sealed


def test_interrupt_that_falls_into_an_exec_of_text(tmp_path: Path) -> None:
    """CPython remembers such a Ctrl-C, and kills itself in the end though it was caught."""
    (tmp_path / "late.py").write_text(
        "import sys, edgecnn.cli, edgecnn.__main__\n"
        "try:\n    exec('raise KeyboardInterrupt')\nexcept KeyboardInterrupt:\n    pass\n"
        "edgecnn.cli.main = lambda: sys.exit(130)\n"
        "edgecnn.__main__.main()\n"
    )
    assert subprocess.run([sys.executable, "-m", "late"], cwd=tmp_path, check=False).returncode == 130


def test_every_command_has_help_with_an_example() -> None:
    import click

    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None and command.help and "Example" in command.help, name
