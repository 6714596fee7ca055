"""Temporary folders don't stay, however the process that made them ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import tiny_models

from edgecnn.core import temporary
from edgecnn.core.errors import EdgecnnError

MAKE = "import os; from edgecnn.core import temporary; made = temporary.folder(); print(made.name, flush=True); "


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own for temporary files, also for child processes."""
    folder = tmp_path / "with a space"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    temporary._remove_leftovers.cache_clear()
    return folder


def make(code: str) -> str:
    """Run a process that makes a folder, prints its name and goes on with `code`."""
    done = subprocess.run([sys.executable, "-c", MAKE + code], stdout=subprocess.PIPE, text=True, timeout=120)
    return done.stdout.strip()


def test_gone_after_the_block(place: Path) -> None:
    with temporary.folder() as name:
        (Path(name) / "model.tflite").write_bytes(b"x")
        assert Path(name).parent == place
    assert list(place.iterdir()) == []


def test_the_next_process_removes_what_a_killed_one_left(place: Path) -> None:
    left = Path(make("open(made.name + '/model.tflite', 'w').close(); os.kill(os.getpid(), 9)"))
    assert left.is_dir()
    with temporary.folder() as name:
        assert [path.name for path in place.iterdir()] == [Path(name).name]


def test_what_lives_or_is_not_ours_stays(place: Path) -> None:
    """A folder of a process that runs, files and links of such names, and names that only look alike."""
    with subprocess.Popen([sys.executable, "-c", MAKE + "input()"], stdin=-1, stdout=-1, text=True) as process:
        assert process.stdout
        lives = Path(process.stdout.readline().strip())
        started = temporary._started(1) or 0
        names = [f"edgecnn-{temporary._namespace()}-{2**22 + 1}-{started}-{kind}" for kind in ("file", "link", "old")]
        (place / names[0]).write_bytes(b"x")
        (place / "target").mkdir()
        (place / names[1]).symlink_to(place / "target")
        (place / names[2]).mkdir()
        others = [f"edgecnn-1-{2**22 + 1}-1-other", f"edgecnn-ssh-{os.getuid()}", "edgecnn-x"]
        for other in others:
            (place / other).mkdir()
        with temporary.folder() as name:
            found = {path.name for path in place.iterdir()}
        assert found == {lives.name, "target", *names[:2], *others, Path(name).name}
        process.communicate("\n")


def test_a_number_that_was_given_again_is_another_process(place: Path) -> None:
    """This very process, but started at another time."""
    name = f"edgecnn-{temporary._namespace()}-{os.getpid()}-{(temporary._started(os.getpid()) or 0) + 1}-x"
    (place / name).mkdir()
    with temporary.folder():
        assert not (place / name).exists()


def test_what_a_library_leaves_is_removed_with_ours(place: Path) -> None:
    with pytest.raises(KeyboardInterrupt), temporary.of_libraries():
        tempfile.mkdtemp()
        raise KeyboardInterrupt
    assert tempfile.gettempdir() == str(place) and list(place.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_command_that_is_ended(place: Path, tmp_path: Path, number: int) -> None:
    """A signal that can be caught leaves nothing; of SIGKILL nothing is left after the next run."""
    model = tmp_path / "tiny.tflite"
    model.write_bytes(tiny_models.classifier().data)
    words = [sys.executable, "-m", "edgecnn", "profile", str(model), "--runs", "3", "--threads", "1"]
    process = subprocess.Popen([*words[:-3], "100000000", *words[-2:]], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not list(place.glob("edgecnn-*/*.tflite")):
        assert process.poll() is None and time.monotonic() < deadline, "no copy of the model was made"
        time.sleep(0.02)
    process.send_signal(number)
    _, complaints = process.communicate(timeout=120)
    assert process.returncode == (-number if number == signal.SIGKILL else 128 + number)
    assert "Traceback" not in complaints
    if number == signal.SIGKILL:
        assert subprocess.run(words, capture_output=True, timeout=240).returncode == 0
    assert list(place.glob("edgecnn-*/*")) == []


def test_a_full_disk_is_told(place: Path) -> None:
    words = r"Can't write a copy of m.tflite to .*with a space: No space left.*TMPDIR"
    with pytest.raises(EdgecnnError, match=words), temporary.writing("a copy of m.tflite"):
        Path("/dev/full").write_bytes(b"x")
