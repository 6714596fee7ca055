"""Collecting with a board's camera, at the other end of a real ssh; and what the demo there is told to be wrong."""

import json
import urllib.request

import cv2
import pytest
from collecting_doubles import Client, scene
from scenes import RED, jpeg, plain, write_video
from test_demo_command import Running
from test_demo_on_a_board import demos, host, name, wait_until  # noqa: F401 (fixtures)

from edgecnn.camera.source import SourceEnded
from edgecnn.collecting.board import camera_of
from edgecnn.collecting.collector import Collector
from edgecnn.collecting.settings import CollectOptions
from edgecnn.core.errors import CameraError


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    frames = [scene(number, (1280, 720)) for number in range(12)]
    return write_video(tmp_path_factory.mktemp("video") / "v.avi", frames, fps=10)


def test_its_frames_are_stored_here_in_full_size(name, video, host, tmp_path):  # noqa: F811
    options = CollectOptions(str(tmp_path / "data"), ("cat",), source=str(video), loop=True)
    with camera_of(name, options, print) as open_camera:
        collector = Collector(options, open_camera)
        collector.start()
        assert collector.source == "v.avi of here"
        assert collector.live.newer(0, 30) is not None
        client = Client(collector)
        client.post("/hold", **{"burst": "b", "class": "cat", "rate": 10})
        wait_until(lambda: collector.recorder.burst("b").tally.stored >= 3)
        client.post("/release", burst="b")
        collector.close()
    tally = collector.recorder.burst("b").tally
    assert tally.offered == tally.stored + tally.near_duplicates
    images = [cv2.imread(str(path)) for path in (tmp_path / "data/cat").glob("*.jpg")]
    assert len(images) == tally.stored and {each.shape for each in images} == {(720, 1280, 3)}
    wait_until(lambda: not demos(host))


def test_the_camera_is_found_again_when_the_connection_breaks(name, video, host, tmp_path):  # noqa: F811
    options = CollectOptions(str(tmp_path / "data"), ("cat",), source=str(video), loop=True)
    with camera_of(name, options, print) as open_camera:
        collector = Collector(options, open_camera)
        collector.start()
        collector.live.newer(0, 30)
        collector.live._capture._source._process.kill()
        wait_until(lambda: collector.live._capture.counts.reconnects == 1)
        assert collector.live.newer(collector.live.state()["captured"], 30) is not None
        collector.close()


def test_ends_and_errors_are_told(name, host, tmp_path):  # noqa: F811
    (tmp_path / "a.jpg").write_bytes(jpeg(plain(RED)))
    with camera_of(name, CollectOptions("data", source=str(tmp_path / "a.jpg")), print) as open_camera:
        camera = open_camera()
        assert camera.read().picture.shape == (480, 640, 3)
        with pytest.raises(SourceEnded, match="all images were shown"):
            camera.read()
        camera.close()
    with (
        camera_of(name, CollectOptions("data", source=str(tmp_path / "none.avi")), print) as open_camera,
        pytest.raises((CameraError, Exception), match="is not a camera, file, folder"),
    ):
        open_camera()


def test_corrections_of_a_demo_there_are_stored_here(name, host, color_model, tmp_path):  # noqa: F811
    (tmp_path / "a.jpg").write_bytes(jpeg(plain(RED, (1280, 720))))
    with Running(
        color_model, "--device", name, "--source", tmp_path / "a.jpg", "--loop", "--collect", tmp_path / "data"
    ) as running:
        address = running.line(r"Open in a browser: (http://127\.0\.0\.1:\d+/)").group(1)
        frame = urllib.request.urlopen(address + "frame?after=0").read()
        said = json.loads(frame[4 : 4 + int.from_bytes(frame[:4], "big")])
        request = urllib.request.Request(
            f"{address}wrong?number={said['number']}&class=cat&said=red", b"x", method="POST",
            headers={"Origin": address.rstrip("/"), "Content-Type": "application/octet-stream"},
        )  # fmt: skip
        assert json.load(urllib.request.urlopen(request))["said"] == "Sent as cat."
        running.line("cat: stored, 1 image in all")
    images = [cv2.imread(str(path)) for path in (tmp_path / "data/cat").glob("*.jpg")]
    assert [each.shape for each in images] == [(720, 1280, 3)]
