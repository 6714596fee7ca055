"""The command as a person types it: answers, endings, and messages without a traceback."""

import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from scenes import BLUE, GREEN, PHOTOS, RED, MjpegCamera, jpeg, photo_frames, plain, read_video, write_video

COMMAND = [sys.executable, "-m", "edgecnn", "demo"]


def demo(*arguments, timeout_s=60):
    return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=timeout_s)


class Running:
    """A demo in the background."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [*COMMAND, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.said = []

    def line(self, pattern):
        """The first line on standard error that matches."""
        for text in self.process.stderr:
            self.said.append(text)
            if match := re.search(pattern, text):
                return match
        pytest.fail(f"it ended without saying {pattern!r}: {''.join(self.said)}")

    def end(self, number=signal.SIGINT):
        """Send a signal; returns (exit status, standard output, the rest of standard error)."""
        self.process.send_signal(number)
        output, complaints = self.process.communicate(timeout=20)
        return self.process.returncode, output, complaints

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


def wait_for_answers(address, count, timeout_s=60):
    """Look at the page's images until the demo has given so many answers."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        body = urllib.request.urlopen(f"{address}frame?after=0", timeout=timeout_s).read()
        if json.loads(body[4 : 4 + int.from_bytes(body[:4], "big")])["counts"]["inferred"] >= count:
            return
        time.sleep(0.05)
    pytest.fail(f"no {count} answers in {timeout_s} s")


@pytest.fixture(scope="module")
def colors_video(tmp_path_factory):
    frames = [frame for color in (RED, GREEN, BLUE) for frame in [plain(color)] * 20]
    return write_video(tmp_path_factory.mktemp("video") / "colors.avi", frames)


def answers(output):
    return [json.loads(line) for line in output.splitlines()]


def sequence(labels):
    """Without repetitions."""
    return [label for label, _ in itertools.groupby(labels)]


def test_labels_of_a_file_are_the_known_ones(photo_model, photo_video):
    """One photograph a second; from 0.5 s after each change the answer is right."""
    result = demo(*photo_model, "--source", photo_video, "--headless", "--as-fast-as-possible", "--smooth", 0.1)
    assert result.returncode == 0, result.stderr
    lines = answers(result.stdout)
    assert [line["frame"] for line in lines] == list(range(1, 30 * len(PHOTOS) + 1)), (lines[-1], result.stderr)
    for second, expected in enumerate(PHOTOS.values()):
        said = {line["label"] for line in lines if second + 0.5 <= line["time_s"] < second + 1}
        assert said and said <= expected, (second, said)


def test_labels_of_a_network_camera_are_the_known_ones(photo_model):
    with MjpegCamera([jpeg(frame) for frame in photo_frames(2.5)], fps=30, once=True) as camera:
        result = demo(*photo_model, "--source", camera.address, "--headless", "--smooth", 0, "--seconds", 12)
    assert result.returncode == 0, result.stderr
    said = [next((n for n, known in PHOTOS.items() if line["label"] in known), None) for line in answers(result.stdout)]
    runs = [name for name, group in itertools.groupby(said) if len(list(group)) >= 5 and name]
    assert sequence(runs)[: len(PHOTOS)] == list(PHOTOS)


def test_headless_lines_and_summary(color_model, colors_video, tmp_path):
    path = tmp_path / "summary.json"
    result = demo(
        color_model, "--source", colors_video, "--headless", "--as-fast-as-possible", "--smooth", 0, "--json", path
    )
    assert result.returncode == 0, result.stderr
    lines = answers(result.stdout)
    assert [line["frame"] for line in lines] == list(range(1, 61)), (lines[-1], result.stderr)
    assert [line["label"] for line in lines] == ["red"] * 20 + ["green"] * 20 + ["blue"] * 20
    assert sum(lines[9]["stages_ms"].values()) == pytest.approx(lines[9]["latency_ms"], abs=0.01)
    summary = json.loads(path.read_text())
    assert summary["counts"] == {"captured": 60, "dropped": 0, "inferred": 60, "corrupt": 0, "reconnects": 0}
    assert set(summary["latency_ms"]) == {"median", "p95", "p99"} and summary["threads"] >= 1
    assert summary["device"]["cores"] == os.cpu_count() and summary["ended"] == "source ended"
    assert "60 frames captured, 0 dropped, 60 processed" in result.stderr


def test_a_folder_names_its_pictures(color_model, tmp_path):
    for name, color in (("a.jpg", RED), ("b.jpg", GREEN)):
        (tmp_path / name).write_bytes(jpeg(plain(color)))
    (tmp_path / "c.jpg").write_bytes(b"torn")
    result = demo(color_model, "--source", tmp_path, "--headless", "--as-fast-as-possible", "--smooth", 0)
    assert [(line["picture"], line["label"]) for line in answers(result.stdout)] == [
        ("a.jpg", "red"),
        ("b.jpg", "green"),
    ]
    assert result.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ended_by_a_signal(color_model, colors_video, tmp_path, number):
    """Exit status 0, a summary, and a recording that plays."""
    path = tmp_path / "r.mp4"
    with Running(color_model, "--source", colors_video, "--loop", "--record", path) as running:
        address = running.line(r"Open in a browser: (http://127\.0\.0\.1:\d+/)").group(1)
        running.line("Ctrl-C")
        assert b"<!doctype html>" in urllib.request.urlopen(address).read()
        wait_for_answers(address, 10)
        status, output, complaints = running.end(number)
    assert status == 0 and "frames captured" in complaints and "invoke" in output
    assert "Traceback" not in complaints
    assert len(read_video(path)) >= 5
    assert [file.name for file in tmp_path.iterdir()] == ["r.mp4"]


def test_a_camera_that_comes_back(color_model):
    parts = [*[jpeg(plain(RED))] * 10, None]
    with MjpegCamera(parts, fps=60) as camera:
        result = demo(color_model, "--source", camera.address, "--headless", "--frames", 25)
        assert camera.connections >= 2
    assert result.returncode == 0 and answers(result.stdout)[-1]["inferred"] == 25


def test_recording_of_every_frame(color_model, colors_video, tmp_path):
    path = tmp_path / "r.avi"
    result = demo(color_model, "--source", colors_video, "--headless", "--as-fast-as-possible", "--record", path)
    assert result.returncode == 0 and len(read_video(path)) == 60


def test_seconds_end_it(color_model, colors_video, tmp_path):
    options = ("--loop", "--headless", "--seconds", 1, "--json", tmp_path / "summary.json")
    result = demo(color_model, "--source", colors_video, *options)
    assert result.returncode == 0, result.stderr
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["ended"] == "stopped" and summary["seconds"] >= 1


def test_reader_that_goes_away(color_model, colors_video):
    with Running(color_model, "--source", colors_video, "--loop", "--headless") as running:
        assert json.loads(running.process.stdout.readline())["frame"] >= 1
        running.process.stdout.close()
        assert running.process.wait(20) in (1, 141)
        assert "Traceback" not in running.process.stderr.read()


def test_a_token_beyond_loopback(color_model, colors_video):
    with Running(color_model, "--source", colors_video, "--loop", "--host", "0.0.0.0") as running:
        match = running.line(r"Open in a browser: http://.*:(\d+)(/\?token=[\w-]{16,})")
        page = urllib.request.urlopen(f"http://127.0.0.1:{match.group(1)}{match.group(2)}").read()
        assert b"<!doctype html>" in page
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"http://127.0.0.1:{match.group(1)}/")
        assert running.end()[0] == 0


def test_taken_port(color_model, colors_video):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = demo(color_model, "--source", colors_video, "--port", port)
    assert result.returncode == 1 and re.search(rf"Port {port} is already used by .*--port \d+", result.stderr)


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--source", "nowhere"], 2, "'nowhere', which is not a camera, file, folder or address that exists"),
        (["--source", "97"], 1, "There is no camera /dev/video97"),
        (["--size", "640"], 2, "--size is '640'; expected WIDTHxHEIGHT, for example 640x480"),
        (["--window", "--headless"], 2, "can't be used together"),
        (["--headless", "--json", "-"], 2, "Give --json a file"),
        (["--source", "VIDEO", "--record", "r.gif"], 2, "expected a file name that ends with .mp4"),
        (["--source", "VIDEO", "--window"], 1, "--window needs an OpenCV build that opens windows"),
        (
            ["--source", "VIDEO", "--delegate", "npu"],
            2,
            "Unknown delegate 'npu'. Choose one of: cpu, edgetpu[",
        ),
        (["--device", "nobody@127.0.0.1:1", "--delegate", "npu"], 2, "Unknown delegate 'npu'"),
        (["--size", "²x²"], 2, "--size is '²x²'; expected WIDTHxHEIGHT"),
        (["--source", "VIDEO", "--threshold", "3"], 2, "threshold"),
        (["--source", "VIDEO", "--labels", "none.txt"], 1, "Can't read the labels file none.txt"),
        (["--source", "VIDEO", "--host", "not a host"], 2, "--host not a host"),
    ],
)
def test_what_a_person_can_get_wrong(color_model, colors_video, arguments, status, message):
    result = demo(color_model, *[colors_video if word == "VIDEO" else word for word in arguments])
    assert result.returncode == status, result.stderr
    assert message in " ".join(result.stderr.split()) and "Traceback" not in result.stderr


def test_no_model(tmp_path):
    assert "There is no file" in demo(tmp_path / "none.tflite").stderr
    (tmp_path / "junk.tflite").write_bytes(b"junk")
    result = demo(tmp_path / "junk.tflite")
    assert result.returncode == 1 and "is not a .tflite file" in result.stderr


def test_qr_code_can_be_read():
    """Draws the terminal's characters and reads them back with OpenCV's detector."""
    import cv2
    import numpy as np

    from edgecnn.web.qr_code import qr_code

    text = "http://192.168.178.77:8000/?token=VJGcU4aJy1IqwRGK"
    rows = [re.sub(r"\033\[[0-9;]*m", "", line) for line in qr_code(text).splitlines()]
    halves = {"█": (255, 255), "▀": (255, 0), "▄": (0, 255), " ": (0, 0)}
    picture = np.array([[halves[c][half] for c in row] for row in rows for half in (0, 1)], np.uint8)
    read, *_ = cv2.QRCodeDetector().detectAndDecode(picture.repeat(8, axis=0).repeat(8, axis=1))
    assert read == text
