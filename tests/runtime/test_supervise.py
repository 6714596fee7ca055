"""A job can't outlive whoever asked for it, and always answers with one JSON."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

_JOB = """
import os, sys, time
sys.path.insert(0, {root!r})
from edgecnn.runtime.errors import ModelFileError
from edgecnn.runtime.process.supervise import supervised
def job():
    {body}
sys.exit(supervised(job, {silence}))
"""
SILENCE_S = 8.0  # many times what a busy machine may take for a start or a beat
ROOT = str(Path(__file__).parents[2])


def start(body: str, silence: float | None = None) -> subprocess.Popen:
    code = _JOB.format(root=ROOT, body=body, silence=silence)
    return subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)  # fmt: skip


def answer(body: str) -> tuple[int, dict, str]:
    process = start(body)
    stdout, stderr = process.communicate(timeout=30)
    assert stdout.count("\n") == 1, "exactly one JSON"
    return process.returncode, json.loads(stdout), stderr


def test_result():
    assert answer("return {'a': [1, 2]}")[:2] == (0, {"a": [1, 2]})


def test_error_keeps_its_kind():
    status, value, _ = answer("raise ModelFileError('cut short')")
    assert (status, value) == (1, {"error": {"kind": "ModelFileError", "message": "cut short"}})


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("os.kill(os.getpid(), 11)", "SIGSEGV"),
        ("os.abort()", "SIGABRT"),
        ("os.kill(os.getpid(), 9)", "the memory ran out"),
        ("return 1 / 0", "ZeroDivisionError"),
        ("raise MemoryError", "Out of memory"),
        ("import numpy_that_is_missing", "numpy_that_is_missing"),
    ],
)
def test_crash_is_a_message(body, words):
    status, value, _ = answer(body)
    assert status == 1
    assert words in value["error"]["message"]


def test_what_a_library_prints_stays_out_of_the_json():
    status, value, stderr = answer("os.write(1, b'INFO: hello\\n'); print('and this'); sys.stdout.flush(); return 7")
    assert (status, value) == (0, 7)
    assert "INFO: hello" in stderr


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until_dead(pid: int) -> None:
    deadline = time.monotonic() + 120
    while is_alive(pid):
        assert time.monotonic() < deadline, "the job lives on"
        time.sleep(0.02)


def start_long(tmp_path: Path, silence: float | None) -> tuple[subprocess.Popen, list[int]]:
    """A job with a child of its own; returns the supervisor and both."""
    note = tmp_path / "pids"
    told = f"open({str(note)!r}, 'w').write(f'{{os.getpid()}} {{child}}.')"
    body = f"child = os.fork()\n    if child: {told}\n    time.sleep(600)"
    process = start(body, silence)
    deadline = time.monotonic() + 120
    while not note.exists() or not note.read_text().endswith("."):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)
    return process, [int(word) for word in note.read_text().rstrip(".").split()]


@pytest.mark.parametrize("end", ["input ends", "silence", "terminated", "hung up"])
def test_job_and_its_children_end_with_the_asker(tmp_path, end):
    process, pids = start_long(tmp_path, SILENCE_S if end == "silence" else 0)
    assert all(map(is_alive, pids))
    if end == "input ends":
        process.stdin.close()
    elif end == "terminated":
        process.terminate()
    elif end == "hung up":
        process.send_signal(signal.SIGHUP)
    process.wait(timeout=20)
    for pid in pids:
        wait_until_dead(pid)
    assert process.stdout.read() == ""


def test_heartbeat_keeps_a_job_alive(tmp_path):
    process, pids = start_long(tmp_path, SILENCE_S)
    end = time.monotonic() + SILENCE_S + 1
    while time.monotonic() < end:
        process.stdin.write(".")
        process.stdin.flush()
        time.sleep(0.5)
    assert all(map(is_alive, pids))
    process.stdin.close()
    process.wait(timeout=20)


def test_job_dies_with_a_supervisor_that_is_killed(tmp_path):
    process, pids = start_long(tmp_path, 0)
    process.kill()
    process.wait()
    wait_until_dead(pids[0])
    assert not is_alive(pids[0])
    if is_alive(pids[1]):
        os.kill(pids[1], signal.SIGKILL)  # the test's own grandchild does not ask to die with its parent
