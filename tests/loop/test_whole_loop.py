"""The whole loop: a camera, labeled images, a model, int8, a service on a Pi, and Home Assistant's messages.

What is real: Chromium and its collect page, training, conversion, ssh, an aarch64 Python with LiteRT and OpenCV, and
Mosquitto. What is not: the cameras play videos, the Pi is emulated, and its systemd is a double.
"""

from __future__ import annotations

import importlib.util
import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import cv2
import fake_pi
import numpy as np
import pytest
import systemd_double
from broker import PASSWORD, USER, Broker
from chromium import PROGRAM, Chromium
from requirements import stand_in_pi, unavailable
from scenes import write_video
from small_model import write as write_small_model

import edgecnn
from edgecnn.camera.settings import DemoOptions
from edgecnn.collecting.collector import Collector
from edgecnn.collecting.settings import CollectOptions
from edgecnn.devices import known
from edgecnn.training.settings import TrainOptions

COLORS = {"apple": (50, 50, 200), "leaf": (50, 200, 50), "plum": (200, 50, 50)}  # blue, green, red
PER_CLASS = 40
SERVICE = "edgecnn-camera.service"
T = TypeVar("T")


def frames(color: tuple[int, int, int], count: int, seed: int) -> Iterator[np.ndarray]:
    """Patches of a color, no two images alike, uint8 (480, 640, 3)."""
    draw = np.random.default_rng(seed)
    for _ in range(count):
        patches = np.clip(np.array(color) + draw.integers(-50, 50, (12, 16, 3)), 0, 255).astype(np.uint8)
        yield cv2.resize(patches, (640, 480), interpolation=cv2.INTER_NEAREST)


def wait_for(what: Callable[[], T], timeout_s: float, told: Callable[[], object] = lambda: "it did not happen") -> T:
    end = time.monotonic() + timeout_s
    while not (found := what()):
        assert time.monotonic() < end, told()
        time.sleep(0.3)
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    if importlib.util.find_spec("paho") is None:
        unavailable('paho-mqtt is not installed: pip install "edgecnn[mqtt]"')
    with Broker(tmp_path / "broker", free_port(), password=True) as running:
        yield running


@pytest.fixture
def pi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[fake_pi.FakePi]:
    """A Pi 4 with OpenCV, known as `pi4`."""
    stand_in_pi()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("EDGECNN_CACHE", str(tmp_path / "cache"))
    with fake_pi.running(tmp_path / "board") as board:
        systemd_double.install(board.folder / "bin")
        board.restart(PYTHONPATH=str(fake_pi.opencv()))
        known.add(known.Entry("pi4", board.target, ssh_config=str(board.ssh_config)))
        yield board
        systemd_double.stop_all(board.home)


def collect(data: Path, name: str, camera: Path, folder: Path) -> None:
    """Hold the key of a class on the page, in front of a browser's camera, until there are enough images."""
    if PROGRAM is None:
        unavailable("there is no Chromium (Debian: apt install chromium)")
    flags = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    collector = Collector(CollectOptions(str(data), (name,), source="none", rate=20), note=lambda text: None)
    try:
        collector.start()
        with Chromium(folder, flags=(*flags, f"--use-file-for-fake-video-capture={camera}")) as browser:
            browser.open(collector.addresses[0])
            browser.wait_for("about")
            browser.run("document.getElementById('own').click()")
            browser.wait_for("own && document.getElementById('video').videoWidth > 0")
            key = 1 + collector.store.classes.index(name)
            words = {"key": str(key), "windowsVirtualKeyCode": ord(str(key))}
            browser.send("Input.dispatchKeyEvent", type="keyDown", text=str(key), **words)
            wait_for(lambda: collector.store.counts()[name] >= PER_CLASS, 120)
            browser.send("Input.dispatchKeyEvent", type="keyUp", **words)
            browser.wait_for("!holds.size && !reports.size")
    finally:
        collector.close()


def test_from_a_camera_to_home_assistant(pi: fake_pi.FakePi, broker: Broker, tmp_path: Path) -> None:
    data = tmp_path / "data"
    for seed, (name, color) in enumerate(COLORS.items()):
        camera = tmp_path / f"{name}.mjpeg"
        images = (cv2.imencode(".jpg", frame)[1].tobytes() for frame in frames(color, 60, seed))
        camera.write_bytes(b"".join(images))
        collect(data, name, camera, tmp_path / f"profile-{name}")
    assert all(len(list((data / name).glob("*.jpg"))) >= PER_CLASS for name in COLORS)

    small = write_small_model(tmp_path / "small.keras")
    options = TrainOptions(str(data), "scratch", {"epochs": 30, "batch_size": 16})
    trained = edgecnn.train(small, tmp_path / "trained.keras", options)
    assert trained.validation.accuracy_percent > 95
    edgecnn.quantize(tmp_path / "trained.keras", tmp_path / "fruit.tflite", calibration=str(data))

    walk = [frame for seed, color in enumerate(COLORS.values()) for frame in frames(color, 60, 100 + seed)]
    video = write_video(tmp_path / "garden.avi", walk, fps=10)
    (tmp_path / "mqtt.txt").write_text(f"{USER}:{PASSWORD}\n")
    (tmp_path / "mqtt.txt").chmod(0o600)
    sink = f"mqtt:127.0.0.1,port={broker.port},credentials={tmp_path / 'mqtt.txt'},device=garden"
    demo = DemoOptions(str(tmp_path / "fruit.tflite"), source=str(video), loop=True, sinks=(sink,), when="* for 2")
    (outcome,) = edgecnn.deploy(demo, "pi4")
    assert not outcome.error, outcome.error
    assert outcome.golden and outcome.golden.identical == outcome.golden.count, "int8 is the same on host and Pi"

    seen: set[str] = set()
    while_it_runs: dict[str, str] = {}

    def all_seen() -> bool:
        while_it_runs.update(broker.retained())
        seen.add(while_it_runs.get("edgecnn/garden/answer/state", ""))
        return seen >= set(COLORS)

    wait_for(all_seen, 240, lambda: (seen, while_it_runs, systemd_double.log(pi.home, SERVICE)))
    (topic,) = (name for name in while_it_runs if name.startswith("homeassistant/"))
    discovery = json.loads(while_it_runs[topic])
    assert topic == "homeassistant/sensor/garden/answer/config"
    assert discovery["state_topic"] == "edgecnn/garden/answer/state"
    assert while_it_runs[discovery["availability_topic"]] == "online"
    assert json.loads(while_it_runs[discovery["json_attributes_topic"]])["class"] in COLORS

    (removed,) = edgecnn.control_deployment("remove", "pi4")
    assert removed.deployments[0].state == "removed", removed.error
    assert broker.retained()[discovery["availability_topic"]] == "offline"
    left = [path for path in pi.home.rglob("*") if path.is_file() and ".systemd-double" not in path.parts]
    assert left == [], "nothing is left on the board"
