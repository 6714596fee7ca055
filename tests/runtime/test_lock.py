"""One measurement at a time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny_models

from edgecnn.devices import open_device
from edgecnn.runtime.errors import EdgecnnError
from edgecnn.runtime.process import lock


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def test_second_is_refused_when_it_may_not_wait(folder):
    with lock.measuring(0), pytest.raises(EdgecnnError, match="Another measurement"), lock.measuring(0):
        raise AssertionError("both hold the lock")
    with lock.measuring(0):
        pass


def test_second_waits_and_says_so_and_a_killed_holder_lets_go(folder, capsys, monkeypatch):
    code = (
        f"import sys, time; sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
        "from edgecnn.runtime.process import lock\n"
        "with lock.measuring(0): print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    waits = []

    def end_holder(seconds: float) -> None:
        waits.append(seconds)
        holder.kill()
        holder.wait()

    monkeypatch.setattr(lock.time, "sleep", end_holder)
    with lock.measuring(30):
        assert len(waits) == 1
    assert "Waiting until another measurement" in capsys.readouterr().err


def test_tensors_that_are_not_timed_need_no_lock():
    """A verification may take long, and its answers are the same beside a measurement."""
    with lock.measuring(0), open_device() as device:
        tensors = [np.zeros((1, 32, 32, 3), np.int8)]
        assert len(list(device.outputs(tiny_models.classifier(), tensors, wait=0))) == 1


def test_a_folder_that_can_not_be_written_has_no_lock(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    with lock.measuring(0):
        assert not (tmp_path / "missing").exists()


def test_a_link_in_the_place_of_the_lock_is_not_followed(folder):
    (folder / lock.FILE_NAME).symlink_to(folder / "elsewhere")
    with lock.measuring(0):
        assert not (folder / "elsewhere").exists()
