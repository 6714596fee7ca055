"""The exported Python file: same answers as `edgecnn classify`, with nothing of edgecnn."""

from __future__ import annotations

import dataclasses
import importlib.util
import itertools
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
from PIL import Image

from edgecnn.data import open_data
from edgecnn.exports import export
from edgecnn.runtime.model import model_file
from edgecnn.runtime.model.contract import FITS, RESIZES, Preprocessing
from edgecnn.runtime.run.engine import Engine
from edgecnn.runtime.run.preprocess import fit, read_picture


@pytest.fixture(scope="module")
def exported(lite0_int8: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("python") / "classifier"
    export(model_file.read(lite0_int8), "python", folder)
    return folder


@pytest.fixture(scope="module")
def script(exported: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("exported_classify", exported / "classify.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_same_pixels_give_the_same_probabilities(exported: Path, script: ModuleType) -> None:
    engine, classify = Engine(model_file.read(exported / "model.tflite")), script.Classifier()
    whole = engine.contract.preprocessing
    for example in open_data("photos:whole").examples:
        pixels = fit(example.read(), whole)
        script.MODEL["preprocessing"]["crop"] = 1.0
        try:
            found = classify(Image.fromarray(pixels))
        finally:
            script.MODEL["preprocessing"]["crop"] = whole.crop
        expected = engine.probabilities(engine.tensor(pixels))
        assert found.argmax() == expected.argmax()
        assert np.abs(found - expected).max() < 1e-6


def test_the_same_files_give_the_same_classes(exported: Path, script: ModuleType, tmp_path: Path) -> None:
    engine, classify = Engine(model_file.read(exported / "model.tflite")), script.Classifier()
    differences = []
    for number, example in enumerate(open_data("photos:whole").examples):
        path = tmp_path / f"{number}.{'png' if number % 2 else 'jpg'}"
        cv2.imwrite(str(path), example.read())
        expected = engine.probabilities(engine.prepare(read_picture(path)))
        found = classify(script.upright(path))
        assert found.argmax() == expected.argmax()
        differences.append(float(np.abs(found - expected).max()))
    # A pixel that is rounded the other way may move a logit by its quantization step: 0.02 of a probability here.
    assert sum(difference < 1e-6 for difference in differences) >= 8 and max(differences) < 0.03


def test_files_are_decoded_alike(script: ModuleType, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (6, 8, 4), dtype=np.uint8)
    picture = cv2.resize(coarse, (80, 60), interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(tmp_path / "a.png"), picture)
    ours = read_picture(tmp_path / "a.png")[:, :, ::-1].astype(int)
    assert np.abs(np.asarray(script.upright(tmp_path / "a.png")).astype(int) - ours).max() <= 1
    turned = Image.fromarray(np.ascontiguousarray(picture[:, :, :3]))
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(tmp_path / "b.jpg", exif=exif)
    ours = read_picture(tmp_path / "b.jpg")[:, :, ::-1]
    assert (np.asarray(script.upright(tmp_path / "b.jpg")) == ours).all() and ours.shape[:2] == (80, 60)


@pytest.mark.parametrize(("resize", "way", "color"), list(itertools.product(RESIZES, FITS, ("rgb", "gray"))))
def test_pixels_differ_by_a_rounding_at_most(script: ModuleType, resize: str, way: str, color: str) -> None:
    random = np.random.default_rng(1)
    for rows, columns in ((90, 130), (40, 30), (33, 200), (64, 64)):
        picture = random.integers(0, 256, (rows, columns, 3), dtype=np.uint8)
        contract = Preprocessing(64, 48, resize=resize, fit=way, color=color)
        expected = fit(picture, contract, "rgb").astype(int)
        found = script.fitted(Image.fromarray(picture), **dataclasses.asdict(contract)).astype(int)
        assert found.shape == expected.shape
        assert np.abs(found - expected).max() <= (0 if resize == "nearest" else 1)
        assert (found != expected).mean() < 0.2


def test_it_runs_without_edgecnn_and_with_hostile_labels(tiny_int8: Path, picture_folder: Path, tmp_path: Path) -> None:
    labels = ('"""+exit(3)#', "it's", "two\nlines\x1b[31m", "日本", "{{name}}")
    file = model_file.read(tiny_int8)
    export(dataclasses.replace(file, contract=file.contract.replace(labels=labels)), "python", tmp_path / "c")
    image = next(picture_folder.rglob("*.png"))
    script = tmp_path / "c/classify.py"
    code = (
        "import sys, runpy\nsys.modules['edgecnn'] = sys.modules['cv2'] = None\n"
        f"sys.argv = ['classify.py', {str(image)!r}]\nrunpy.run_path({str(script)!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-X", "utf8", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    named = [line.split("%  ")[1] for line in done.stdout.splitlines()]
    assert len(named) == 3 and set(named) <= {"two?lines?[31m", *labels}
