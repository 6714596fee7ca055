"""A detector on a board and in a browser: mAP, boxes and golden vectors are the host's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
from fake_pi import FakePi
from requirements import litertjs_folder, needs_chromium

from edgecnn.devices import Device, open_device
from edgecnn.devices.ssh_device import SshDevice
from edgecnn.runtime.model import model_file
from edgecnn.runtime.run.boxes import detect
from edgecnn.runtime.run.engine import Engine
from edgecnn.verification import verify
from edgecnn.web import litertjs


@pytest.fixture
def data(tiny_detector: Path, tmp_path: Path) -> str:
    """Boxes that the host finds, so that another box anywhere costs precision."""
    engine, lines = Engine(model_file.read(tiny_detector / "d.tflite"), 1), ["path,label,xmin,ymin,xmax,ymax"]
    for path in sorted((tiny_detector / "images").glob("*.png")):
        image = cv2.imread(str(path))
        cv2.imwrite(str(tmp_path / path.name), image)
        for box in detect(engine, image, most=8):
            lines.append(f"{path.name},{box['label']}," + ",".join(map(str, box["pixels"])))
    (tmp_path / "boxes.csv").write_text("\n".join(lines))
    return str(tmp_path / "boxes.csv")


def test_map_on_a_board_is_the_hosts(
    pi: FakePi, reach: Callable[..., SshDevice], tiny_detector: Path, data: str
) -> None:
    with reach(pi) as device:
        check_verification(device, tiny_detector / "d.tflite", data)


@needs_chromium
def test_map_in_a_browser_is_the_hosts(tiny_detector: Path, data: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """LiteRT.js has the operator that suppresses boxes; its outputs come in the order of its own names."""
    monkeypatch.setenv(litertjs.FOLDER_VARIABLE, str(litertjs_folder()))
    with open_device("browser", note=lambda text: None) as device:
        check_verification(device, tiny_detector / "d.tflite", data)


def check_verification(device: Device, artifact: Path, data: str) -> None:
    here = verify(artifact, artifact, data)
    assert here.metrics["map"].artifact.percent > 20
    with device.session(model_file.read(artifact)) as session:
        there = verify(artifact, artifact, data, device=device.name, runner=session)
    for name, metric in here.metrics.items():
        assert there.metrics[name].artifact.percent == pytest.approx(metric.artifact.percent, abs=1e-4)
    assert there.agreement == here.agreement
    assert there.golden is not None and there.golden.identical == there.golden.count
