"""The command: pages that need no network, PNG files, exit statuses."""

import json
import re
import subprocess
import sys

import cv2
import numpy as np
import pytest

from edgecnn.builder import build_model
from edgecnn.float_model import keras_file
from edgecnn.quantization import Calibration, quantize


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("visualize")
    model, contract = build_model("mobilenet_v1", input_size=64, width=0.25, classes=10)
    keras_file.save(model, contract, folder / "m.keras")
    quantize((model, contract), folder / "m.tflite", calibration=Calibration("photos", 4))
    picture = np.random.default_rng(0).integers(0, 256, (90, 120, 3)).astype(np.uint8)
    cv2.imwrite(str(folder / "p <b>.png"), cv2.resize(picture, (240, 180)))
    return folder


def run(folder, *arguments, check=True):
    command = [sys.executable, "-m", "edgecnn", "visualize", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=check, cwd=folder)


def test_a_page_of_everything(folder):
    done = run(
        folder,
        "m.keras",
        "p <b>.png",
        "-o",
        "all.html",
        "--data",
        "photos",
        "--samples",
        "6",
        "--shift",
        "4",
        "--json",
        "-",
    )
    values = json.loads(done.stdout)
    assert [curve["name"] for curve in values["translation"]["curves"]] == ["unchanged", "stride", "max", "average"]
    stable = values["translation"]["curves"]
    assert stable[0]["probability"] == pytest.approx(stable[1]["probability"], abs=1e-4)
    page = (folder / "all.html").read_text()
    for title in ("First-layer filters", "Feature maps", "Grad-CAM", "Occlusion", "Patches", "Shifting the image"):
        assert f"<h2>{title}" in page
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    assert "<script" not in page
    assert "p <b>" not in page
    assert page.count("<img") == page.count("alt=")


def test_png_files_of_a_tflite(folder):
    only = "filters,features,gradcam,occlusion,int8,translation"
    done = run(
        folder,
        "m.tflite",
        "p <b>.png",
        "-o",
        "drawings",
        "--against",
        "m.keras",
        "--only",
        only,
        "--class",
        "3",
        "--json",
        "-",
    )
    written = json.loads(done.stdout)["files"]
    names = sorted(path.name for path in (folder / "drawings").iterdir())
    assert len(written) == len(names)
    assert {"filters.png", "gradcam_3.png", "input.png", "occlusion.png", "values.json"} <= set(names)
    assert any(name.startswith("int8_block") for name in names)
    for name in names:
        if name.endswith(".png"):
            assert cv2.imread(str(folder / "drawings" / name)) is not None


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("m.tflite", "missing.png", "-o", "x.html"), 1, "Can't read the image"),
        (("missing.tflite", "p <b>.png", "-o", "x.html"), 1, "no file"),
        (("m.tflite", "p <b>.png", "-o", "x.html", "--only", "dreams"), 2, "expected one of: filters"),
        (("m.tflite", "p <b>.png", "-o", "x.html", "--only", "patches"), 2, "needs the option --data"),
        (("m.tflite", "p <b>.png", "-o", "x.html", "--class", "zebra"), 2, "not a class of this model"),
        (("m.tflite", "p <b>.png", "-o", "x.html", "--layer", "no", "--only", "features"), 2, "no feature map named"),
    ],
)
def test_mistakes(folder, arguments, status, words):
    done = run(folder, *arguments, check=False)
    assert done.returncode == status
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "x.html").exists()
