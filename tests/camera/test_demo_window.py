"""The window, on a virtual screen (Xvfb), with an OpenCV that has windows in a folder of its own."""

import contextlib
import fcntl
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from scenes import GREEN, jpeg, plain
from test_demo_command import COMMAND

REQUIRED = os.environ.get("EDGECNN_REQUIRE_ALL")
pytestmark = pytest.mark.skipif(
    not shutil.which("Xvfb") and not REQUIRED, reason="needs Xvfb (Debian: apt install xvfb)"
)


@pytest.fixture(scope="module")
def windows():
    """Environment of a Python whose cv2 is opencv-python; it would overwrite the headless one if it were installed."""
    version = next(line for line in _pip("freeze").splitlines() if line.startswith("opencv-python-headless==")).split(
        "=="
    )[1]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edgecnn-tests"
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / f"opencv-python-{version}"
    with open(cache / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _pip("install", "-q", "--no-deps", "--target", f"{folder}.tmp", f"opencv-python=={version}")
            Path(f"{folder}.tmp").rename(folder)
    return {**os.environ, "PYTHONPATH": str(folder)}


def _pip(*words):
    return subprocess.run([sys.executable, "-m", "pip", *words], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def screen(tmp_path):
    """A virtual screen; its pixels are in a file."""
    reader, writer = os.pipe()
    words = [
        "Xvfb",
        "-displayfd",
        str(writer),
        "-screen",
        "0",
        "1024x768x24",
        "-fbdir",
        str(tmp_path),
        "-nolisten",
        "tcp",
    ]
    server = subprocess.Popen(words, pass_fds=[writer], stderr=subprocess.DEVNULL)
    os.close(writer)
    with os.fdopen(reader) as stream:
        number = stream.readline().strip()
    yield f":{number}", tmp_path / "Xvfb_screen0"
    server.terminate()
    server.wait()


def pixels(path):
    """The screen as uint8 (height, width, 3), blue-green-red; the file is in the format of xwd."""
    data = path.read_bytes()
    header = struct.unpack(">25I", data[:100])
    size, width, height, line, colors = header[0], header[4], header[5], header[12], header[19]
    rows = np.frombuffer(data, np.uint8, line * height, size + 12 * colors).reshape(height, line)
    return rows.reshape(height, -1, 4)[:, :width, :3]


def share_of_green(path):
    shown = pixels(path)
    return float(((shown[:, :, 1] > 200) & (shown[:, :, 0] < 60) & (shown[:, :, 2] < 60)).mean())


def test_window_shows_the_picture_with_the_answer(windows, screen, color_model, tmp_path):
    display, memory = screen
    (tmp_path / "a.jpg").write_bytes(jpeg(plain(GREEN)))
    words = [*COMMAND, color_model, "--source", str(tmp_path / "a.jpg"), "--loop", "--window", "--seconds", "60"]
    environment = {**windows, "DISPLAY": display}
    process = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        end = time.monotonic() + 50
        while (green := share_of_green(memory)) < 0.03 and time.monotonic() < end:
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.1)
        assert green > 0.03
        if folder := os.environ.get("EDGECNN_WRITE_WINDOW"):
            cv2.imwrite(f"{folder}/window.png", pixels(memory))
        process.send_signal(signal.SIGINT)
        _, complaints = process.communicate(timeout=40)
        assert process.returncode == 0 and "processed" in complaints, complaints
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.communicate()


def test_no_screen_is_a_message_and_no_abort(windows, color_model, tmp_path):
    (tmp_path / "a.jpg").write_bytes(jpeg(plain(GREEN)))
    environment = {key: value for key, value in windows.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
    words = [*COMMAND, color_model, "--source", str(tmp_path / "a.jpg"), "--window"]
    result = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60)
    assert result.returncode == 1 and "--window needs a screen" in result.stderr
