"""One measurement at a time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edgecnn.runtime import lock
from edgecnn.runtime.errors import EdgecnnError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_second_is_refused_when_it_may_not_wait(folder):
    with lock.measuring(0), pytest.raises(EdgecnnError, match="Another measurement"), lock.measuring(0):
        raise AssertionError("both hold the lock")
    with lock.measuring(0):
        pass


def test_second_waits_and_says_so_and_a_killed_holder_lets_go(folder, capsys):
    code = (
        f"import sys, time; sys.path.insert(0, {str(Path(__file__).parents[2])!r}); import tempfile;"
        f"tempfile.tempdir = {str(folder)!r}; from edgecnn.runtime import lock\n"
        "with lock.measuring(0): print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    killer = subprocess.Popen(["sh", "-c", 'sleep 0.5; kill -9 "$1"', "sh", str(holder.pid)])
    with lock.measuring(30):
        assert holder.poll() is not None or holder.wait(5) is not None
    killer.wait()
    assert "Waiting for another measurement" in capsys.readouterr().err


def test_a_folder_that_can_not_be_written_has_no_lock(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    with lock.measuring(0):
        assert not (tmp_path / "missing").exists()


def test_a_link_in_the_place_of_the_lock_is_not_followed(folder):
    (folder / lock.FILE_NAME).symlink_to(folder / "elsewhere")
    with lock.measuring(0):
        assert not (folder / "elsewhere").exists()
