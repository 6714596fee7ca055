"""Every kind of source, on real files and real sockets; cameras that are not here are doubles, and named so."""

import contextlib
import os
import socket
import struct
import sys
import threading
import time
import types
from typing import ClassVar

import numpy as np
import pytest
from scenes import BLUE, GREEN, RED, MjpegCamera, jpeg, plain, write_video

from edgecnn.camera.source import CorruptFrame, SourceEnded, SourceLost, Wish, examples, open_source
from edgecnn.camera.sources import auto, http, picamera2
from edgecnn.core.errors import CameraError, UsageError
from edgecnn.core.registry import CAMERA_SOURCES

WISH = Wish()


def color(picture):
    """The main color's name of an image in blue-green-red."""
    return ("blue", "green", "red")[int(np.argmax(picture.reshape(-1, 3).mean(axis=0)))]


def read_all(source):
    """(colors, number of corrupt frames)."""
    colors, corrupt = [], 0
    while True:
        try:
            colors.append(color(source.read().picture))
        except CorruptFrame:
            corrupt += 1
        except (SourceEnded, SourceLost):
            source.close()
            return colors, corrupt


@pytest.mark.parametrize("name", CAMERA_SOURCES.names())
def test_every_source_is_complete(name):
    module = CAMERA_SOURCES.load(name)
    assert module.EXAMPLE in examples() and module.__doc__
    assert callable(module.open_source)
    assert module.matches("no such source") is False


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("auto", "auto"),
        ("0", "v4l2"),
        ("/dev/video12", "v4l2"),
        ("picamera2:1", "picamera2"),
        ("http://camera/stream", "http"),
        ("https://user:secret@camera/stream", "http"),
        ("rtsp://camera:554/stream", "network"),
        ("udp://@:5000", "network"),
    ],
)
def test_addresses_have_one_source_each(address, name):
    assert [other for other in CAMERA_SOURCES.names() if CAMERA_SOURCES.load(other).matches(address)] == [name]


def test_unknown_address_names_the_choices():
    with pytest.raises(UsageError, match=r"'nowhere\.mp4', which is not a camera.*Expected auto.*RTSP.*video0"):
        open_source("nowhere.mp4", WISH)


@pytest.mark.parametrize("suffix", [".avi", ".mp4"])
def test_video_file(tmp_path, suffix):
    path = write_video(tmp_path / f"v{suffix}", [plain(RED)] * 3 + [plain(GREEN)] * 2, fps=25)
    source = open_source(str(path), WISH)
    assert (source.live, source.fps, source.name) == (False, 25, f"v{suffix}")
    assert read_all(source) == (["red"] * 3 + ["green"] * 2, 0)


def test_truncated_video_gives_what_is_there(tmp_path):
    path = write_video(tmp_path / "v.avi", [plain(RED)] * 20)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    colors, _ = read_all(open_source(str(path), WISH))
    assert 5 <= len(colors) <= 20 and set(colors) == {"red"}


def test_no_video(tmp_path):
    path = tmp_path / "notes.mp4"
    path.write_text("not a video")
    with pytest.raises(CameraError, match=r"notes\.mp4 is not a video that can be decoded; expected MP4"):
        open_source(str(path), WISH)


def test_folder_is_sorted_and_damaged_pictures_are_named(tmp_path):
    for number, picture in enumerate((RED, GREEN, BLUE)):
        (tmp_path / f"{number}.jpg").write_bytes(jpeg(plain(picture)))
    (tmp_path / "1b.png").write_bytes(b"no picture")
    (tmp_path / "notes.txt").write_text("passed over")
    source = open_source(str(tmp_path), WISH)
    assert [source.read().name for _ in range(2)] == ["0.jpg", "1.jpg"]
    with pytest.raises(CorruptFrame, match=r"1b\.png"):
        source.read()
    assert read_all(source) == (["blue"], 0)


def test_one_picture_and_no_picture(tmp_path):
    (tmp_path / "a.jpg").write_bytes(jpeg(plain(GREEN)))
    assert read_all(open_source(str(tmp_path / "a.jpg"), WISH)) == (["green"], 0)
    (tmp_path / "empty").mkdir()
    with pytest.raises(CameraError, match="holds no image"):
        open_source(str(tmp_path / "empty"), WISH)


@pytest.mark.parametrize("tell_length", [True, False])
def test_motion_jpeg(tell_length):
    parts = [jpeg(plain(RED)), jpeg(plain(GREEN, (320, 240))), jpeg(plain(BLUE))]
    with MjpegCamera(parts, fps=200, tell_length=tell_length, once=True) as camera:
        source = open_source(camera.address, WISH)
        assert source.live
        assert read_all(source) == (["red", "green", "blue"], 0)


def test_motion_jpeg_with_torn_frames():
    good = jpeg(plain(RED))
    parts = [good, good[: len(good) // 2], b"", b"garbage", good]
    with MjpegCamera(parts, fps=200, once=True) as camera:
        colors, corrupt = read_all(open_source(camera.address, WISH))
    assert colors == ["red", "red"] and corrupt >= 2


def test_motion_jpeg_is_timed_by_its_arrival():
    with MjpegCamera([jpeg(plain(RED))], fps=20) as camera:
        source = open_source(camera.address, WISH)
        arrivals = [(source.read().exposed_at, time.monotonic()) for _ in range(10)]
        source.close()
        for sent, (exposed_at, decoded) in zip(camera.sent, arrivals):
            assert sent <= exposed_at < decoded


def test_camera_that_hangs_up_is_lost_and_another_connection_works():
    with MjpegCamera([jpeg(plain(RED)), None], fps=100) as camera:
        for _ in range(2):
            source = open_source(camera.address, WISH)
            assert source.read().picture.shape == (480, 640, 3)
            with pytest.raises(SourceLost, match=r"127\.0\.0\.1: the connection was closed"):
                source.read()
        assert camera.connections == 2


def test_unreachable_camera():
    with MjpegCamera([]) as camera:
        address = camera.address
    with pytest.raises(CameraError, match=r"127\.0\.0\.1 can't be reached: .*refused"):
        open_source(address, WISH)
    before = dict(os.environ)
    with pytest.raises(CameraError, match="sends no video that FFmpeg can read"):
        open_source(address.replace("http:", "rtsp:"), WISH)
    assert dict(os.environ) == before  # FFmpeg's options for live streams would make files lose frames


@contextlib.contextmanager
def answering(*answers):
    """A server that reads a request and gives the next answer; yields its host and port, and the requests."""
    requests = []

    def serve():
        with contextlib.suppress(OSError):
            for answer in answers:
                peer, _ = server.accept()
                with peer:
                    requests.append(peer.recv(65536).decode())
                    peer.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}", requests


STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=shot\r\n"


def test_what_answers_is_no_http():
    with answering(b"SSH-2.0-x\r\n") as (place, _), pytest.raises(CameraError, match=r"can't be reached: SSH-2\.0-x"):
        open_source(f"http://{place}/", WISH)


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_no_such_address(scheme):
    with pytest.raises(UsageError, match=r"--source .*//\[::1'.*Expected an address such as http://"):
        open_source(f"{scheme}://[::1", WISH)


def test_no_such_port():
    with pytest.raises(CameraError, match="cam can't be reached: nonnumeric port: '80a'"):
        open_source("http://cam:80a/", WISH)


def test_a_chunked_stream_that_is_cut_is_lost():
    part = b"--shot\r\nContent-Length: 900\r\n\r\n" + bytes(100)
    with answering(STREAM + b"Transfer-Encoding: chunked\r\n\r\n1000\r\n" + part) as (place, _):
        source = open_source(f"http://{place}/", WISH)
        with pytest.raises(SourceLost, match=r"127\.0\.0\.1: the connection"):
            source.read()


def test_password_goes_to_its_camera_only():
    """Also after a redirect: to another page of the camera, but not to another server."""
    part = b"\r\n--shot\r\n\r\n" + jpeg(plain(RED))
    moved = b"HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n"
    with answering(STREAM + part) as (there, asked_there):
        away = moved % f"http://{there}/stream".encode()
        with answering(moved % b"/stream", away) as (here, asked_here):
            assert color(open_source(f"http://me:secret@{here}/", WISH).read().picture) == "red"
    told = ["Authorization: Basic" in request for request in (*asked_here, *asked_there)]
    assert told == [True, True, False]


def test_password_goes_into_the_header_and_not_into_the_address():
    request = http._request("http://me:p%40ss@camera:8080/stream?x=1")
    assert request.full_url == "http://camera:8080/stream?x=1"
    assert request.get_header("Authorization") == "Basic bWU6cEBzcw=="


def test_missing_camera():
    with pytest.raises(CameraError, match=r"There is no camera /dev/video97\..*--source auto"):
        open_source("97", WISH)


def test_auto_says_what_it_looked_for(monkeypatch):
    monkeypatch.setattr(auto.Path, "glob", lambda self, pattern: iter(()))
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(CameraError) as caught:
        open_source("auto", WISH)
    for part in ("No camera was found", "apt install python3-picamera2", "no /dev/video*", "--source FILE"):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("capabilities", "device", "expected"),
    [
        (0x85200001, 0x05200001, True),  # a USB camera
        (0x85200001, 0x04A00000, False),  # its metadata node
        (0x84208000, 0x04208000, False),  # a Pi's decoder (memory to memory)
        (0x05000001, 0, True),  # an old driver without device_caps
    ],
)
def test_which_devices_are_cameras(capabilities, device, expected):
    answer = bytes(80) + struct.pack("=III", 0x60100, capabilities, device) + bytes(12)
    assert len(answer) == 104 and auto.captures_video(answer) is expected


def test_a_file_is_no_camera(tmp_path):
    (tmp_path / "video0").write_bytes(b"")
    assert not auto.is_camera(tmp_path / "video0")


class Picamera2Double:
    """A test double of Picamera2: records what it is asked and gives blue images."""

    asked: ClassVar[dict] = {}
    models: tuple = ("imx708",)

    def __init__(self, number):
        self.asked["number"] = number

    @classmethod
    def global_camera_info(cls):
        return [{"Model": model} for model in cls.models]

    def create_video_configuration(self, **wishes):
        return wishes

    def configure(self, wishes):
        self.asked.update(wishes)

    def capture_request(self):
        return self

    def make_array(self, name):
        return plain(BLUE)

    def get_metadata(self):
        self.asked["stamp_ns"] = time.monotonic_ns() - 30_000_000
        return {"SensorTimestamp": self.asked["stamp_ns"]}

    def start(self):
        self.asked["running"] = True

    release = start

    def stop(self):
        self.asked["running"] = False

    def close(self):
        self.asked["closed"] = True


@pytest.fixture
def pi(monkeypatch):
    monkeypatch.setitem(sys.modules, "picamera2", types.SimpleNamespace(Picamera2=Picamera2Double))
    monkeypatch.setattr(Picamera2Double, "asked", {})
    return Picamera2Double


@pytest.mark.parametrize("address", ["picamera2", "auto"])
def test_ribbon_camera(pi, address):
    source = open_source(address, Wish(800, 600, 25))
    assert pi.asked["main"] == {"size": (800, 600), "format": "RGB888"}
    assert pi.asked["controls"] == {"FrameRate": 25} and source.fps == 25
    shot = source.read()
    assert color(shot.picture) == "blue" and shot.order == "bgr"
    assert shot.exposed_at == pytest.approx(pi.asked["stamp_ns"] / 1e9, abs=1e-6)
    source.close()
    assert pi.asked["running"] is False and pi.asked["closed"]


def test_missing_ribbon_camera(pi):
    with pytest.raises(CameraError, match="no ribbon camera 3; libcamera finds: imx708"):
        open_source("picamera2:3", WISH)


def test_picamera2_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(CameraError, match="system-site-packages"):
        picamera2.cameras()


def test_a_frame_that_claims_gigabytes_is_no_frame() -> None:
    good = jpeg(plain(RED))
    at = good.index(b"\xff\xc0") + 5
    assert http.decode_jpeg(good) is not None
    assert http.decode_jpeg(good[:at] + b"\xff\xff\xff\xff" + good[at + 4 :]) is None


@contextlib.contextmanager
def dripping(head, pause_s=0.1):
    """A camera that sends `head` and then a byte now and then, for ever; yields its address."""
    stopped = threading.Event()

    def serve(peer):
        with peer, contextlib.suppress(OSError):
            peer.recv(65536)
            peer.sendall(head)
            while not stopped.wait(pause_s):
                peer.sendall(b"x")

    def accept():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        stopped.set()
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nX-Long: "])
def test_a_header_that_never_ends_is_given_up(monkeypatch, head):
    monkeypatch.setattr(http, "_OPEN_S", 1.0)
    words = r"127\.0\.0\.1 can't be reached: no complete response within 1 s"
    with dripping(head) as address, pytest.raises(CameraError, match=words):
        open_source(address, WISH)


@pytest.mark.parametrize("part", [b"", b"--shot\r\nContent-Length: 999999\r\n\r\n", b"--shot\r\nX: "])
def test_a_picture_that_never_ends_is_given_up(monkeypatch, part):
    monkeypatch.setattr(http, "_PART_S", 1.0)
    with dripping(STREAM + b"\r\n" + part) as address:
        source = open_source(address, WISH)
        with pytest.raises(SourceLost, match=r"127\.0\.0\.1: no image within 1 s"):
            source.read()
        source.close()


def test_a_reason_is_only_text():
    answer = b"HTTP/1.1 404 \x1b]0;title\x07Gone\r\nContent-Length: 0\r\n\r\n"
    with (
        answering(answer) as (place, _),
        pytest.raises(CameraError, match="the HTTP status 404 \ufffd\\]0;title\ufffdGone"),
    ):
        open_source(f"http://{place}/", WISH)
