"""A detector's file in the programs that read such files: the same boxes and labels as `edgecnn detect`.

What Frigate and pycoral do is done here by code of the tests' own; MediaPipe runs in an environment of its own.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from mediapipe_python import found_python
from tiny_detectors import SIDE, noise

from edgecnn.artifact import graph_bytes
from edgecnn.core.compat.litert_schema import pack, unpack
from edgecnn.core.errors import UsageError
from edgecnn.exports import export
from edgecnn.runtime.model import model_file
from edgecnn.runtime.run.boxes import detect
from edgecnn.runtime.run.engine import Engine
from edgecnn.runtime.tasks import Answer

COUNT = 50
Found = tuple[str, float, tuple[float, ...]]
"""Label, score, and left, top, right, bottom (MediaPipe: left, top, width, height) in pixels."""
MEDIAPIPE = """
import json, sys, mediapipe
from mediapipe.tasks.python import BaseOptions, vision
options = vision.ObjectDetectorOptions(base_options=BaseOptions(model_asset_path=sys.argv[1]), score_threshold=0.5)
with vision.ObjectDetector.create_from_options(options) as detector:
    for path in sys.argv[2:]:
        found = []
        for each in detector.detect(mediapipe.Image.create_from_file(path)).detections:
            box, best = each.bounding_box, each.categories[0]
            found.append([best.category_name, best.score, [box.origin_x, box.origin_y, box.width, box.height]])
        print("FOUND", json.dumps(found), flush=True)
"""


@pytest.fixture(scope="module")
def images() -> list[np.ndarray]:
    """uint8 (height, width, 3), blue-green-red, as large as the model's input: how it is resized is each one's own."""
    random = np.random.default_rng(7)
    return [noise(random, SIDE, SIDE) for _ in range(COUNT)]


@pytest.fixture(scope="module")
def detected(tiny_detector: Path, images: list[np.ndarray]) -> list[list[Answer]]:
    engine = Engine(model_file.read(tiny_detector / "d.tflite"))
    return [detect(engine, image, 0.5) for image in images]


@pytest.fixture(scope="module")
def ours(detected: list[list[Answer]]) -> list[list[Found]]:
    return [[(each["label"], each["probability"], tuple(each["pixels"])) for each in boxes] for boxes in detected]


def check(theirs: list[list[Found]], ours: list[list[Found]]) -> None:
    """The same boxes, in any order of those with equal scores."""
    assert len(theirs) == len(ours) == COUNT and sum(map(len, ours)) > 3 * COUNT
    for found, expected in zip(theirs, ours):
        assert [round(each[1], 4) for each in found] == [round(each[1], 4) for each in expected]
        check_each(found, expected)


def check_each(found: list[Found], expected: list[Found]) -> None:
    """Each expected box is found, within a pixel; of equal scores in any order."""
    left = [*found]
    for label, score, box in expected:
        same = [
            each
            for each in left
            if each[0] == label and abs(each[1] - score) < 1e-4 and np.abs(np.subtract(each[2], box)).max() <= 1
        ]
        assert same, (label, score, box, left[:3])
        left.remove(same[0])


def clipped(box: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(min(max(value, 0), SIDE) for value in box)


class Frigate:
    """What Frigate's detectors for processor and Coral keep of a model, and do with an image."""

    def __init__(self, folder: Path) -> None:
        self.interpreter = Interpreter(model_path=str(folder / "model.tflite"), num_threads=3)
        self.interpreter.allocate_tensors()
        self.inputs, self.outputs = self.interpreter.get_input_details(), self.interpreter.get_output_details()
        lines = (folder / "labelmap.txt").read_text(encoding="utf-8").splitlines()
        self.labels = dict.fromkeys(range(91), "unknown")
        if lines[0].split(" ", maxsplit=1)[0].isdigit():
            pairs = [line.split(" ", maxsplit=1) for line in lines]
            self.labels.update({int(number): label.strip() for number, label in pairs})
        else:
            self.labels.update({number: line.strip() for number, line in enumerate(lines)})

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """uint8 red-green-blue -> (20, 6): class, score, y0, x0, y1, x1."""
        self.interpreter.set_tensor(self.inputs[0]["index"], image[np.newaxis])
        self.interpreter.invoke()
        boxes, classes, scores = (self.interpreter.get_tensor(each["index"])[0] for each in self.outputs[:3])
        found = np.zeros((20, 6), np.float32)
        for row in range(int(self.interpreter.get_tensor(self.outputs[3]["index"])[0])):
            if row == 20 or scores[row] < 0.4:
                break
            found[row] = [classes[row], scores[row], *boxes[row]]
        return found


def test_frigate(tiny_detector: Path, images: list[np.ndarray], ours: list[list[Found]], tmp_path: Path) -> None:
    record = export(model_file.read(tiny_detector / "d.tflite"), "frigate", tmp_path / "mine")
    assert any("0.4" in note for note in record.notes)
    frigate, theirs = Frigate(tmp_path / "mine"), []
    for image in images:
        rows = [row for row in frigate(image[..., ::-1]) if row[1] >= 0.5]
        theirs.append([(frigate.labels[int(row[0])], float(row[1]), clipped(row[[3, 2, 5, 4]] * SIDE)) for row in rows])
    check(theirs, [each[:20] for each in ours])
    readme = (tmp_path / "mine" / "README.md").read_text()
    assert "width: 96" in readme and "num_threads: 3" in readme and "track: [ant, bee, cow]" in readme


def test_a_mean_between_two_levels_is_near_enough(tiny_detector: Path, tmp_path: Path) -> None:
    """Of 127.5, as MobileNets have it: the exported contract says what Frigate does."""
    file = model_file.read(tiny_detector / "d.tflite")
    between = dataclasses.replace(file.contract.preprocessing, mean=(127.5,) * 3, std=(127.5,) * 3)
    export(dataclasses.replace(file, contract=file.contract.replace(preprocessing=between)), "frigate", tmp_path / "m")
    engine = Engine(model_file.read(tmp_path / "m" / "model.tflite"))
    image = np.arange(256, dtype=np.uint8).repeat(SIDE * SIDE * 3 // 256).reshape(SIDE, SIDE, 3)
    assert np.array_equal(engine.prepare(image, "rgb")[0], image)
    assert engine.contract.preprocessing.fit == "stretch"


def test_labels_that_frigate_would_take_for_numbers(tiny_detector: Path, tmp_path: Path) -> None:
    file = model_file.read(tiny_detector / "d.tflite")
    labels = ("3 dogs", "two\nlines", "cow")
    export(dataclasses.replace(file, contract=file.contract.replace(labels=labels)), "frigate", tmp_path / "mine")
    found = Frigate(tmp_path / "mine").labels
    assert [found[number] for number in range(4)] == ["3 dogs", "two lines", "cow", "unknown"]


def get_objects(interpreter: Interpreter, least: float) -> list[tuple[int, float, tuple[int, ...]]]:
    """What pycoral.adapters.detect.get_objects does: outputs by their signature, or by which one is a single number."""
    values = [interpreter.get_tensor(each["index"])[0] for each in interpreter.get_output_details()]
    assert not interpreter.get_signature_list()
    if np.size(values[3]) == 1:
        boxes, classes, scores, count = values
    else:
        scores, boxes, count, classes = values
    _, height, width, _ = interpreter.get_input_details()[0]["shape"]
    found = []
    for row in range(int(count)):
        top, left, bottom, right = boxes[row]
        if scores[row] >= least:
            corners = (int(left * width), int(top * height), int(right * width), int(bottom * height))
            found.append((int(classes[row]), float(scores[row]), corners))
    return found


def test_pycoral(tiny_detector: Path, images: list[np.ndarray], ours: list[list[Found]]) -> None:
    file = model_file.read(tiny_detector / "d.tflite")
    interpreter = Interpreter(model_content=file.data, num_threads=1)
    interpreter.allocate_tensors()
    theirs = []
    for image in images:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image[np.newaxis, ..., ::-1])
        interpreter.invoke()
        found = get_objects(interpreter, 0.5)
        theirs.append([(file.contract.labels[index], score, clipped(box)) for index, score, box in found])
    check(theirs, ours)


def test_mediapipe(tiny_detector: Path, images: list[np.ndarray], detected: list[list[Answer]], tmp_path: Path) -> None:
    """It says where a box begins and how large it is. Of boxes that reach beyond the image it changes the place, or
    leaves them out; all that lie inside are compared.
    """
    paths = [str(tmp_path / f"{number}.png") for number in range(COUNT)]
    for path, image in zip(paths, images):
        cv2.imwrite(path, image)
    command = [str(found_python()), "-c", MEDIAPIPE, str(tiny_detector / "d.tflite"), *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    lines = [json.loads(line[6:]) for line in done.stdout.splitlines() if line.startswith("FOUND")]
    assert len(lines) == COUNT, done.stderr[-2000:]
    count = 0
    for boxes, found in zip(detected, lines):
        sides = [(each, [value * SIDE for value in each["box"]]) for each in boxes]
        inside = [
            (each["label"], each["probability"], (x0, y0, x1 - x0, y1 - y0))
            for each, (x0, y0, x1, y1) in sides
            if min(x0, y0) >= 0 and max(x1, y1) <= SIDE
        ]
        check_each([(label, score, tuple(place)) for label, score, place in found], inside)
        count += len(inside)
    assert count > 10 * COUNT


@pytest.mark.parametrize("target", ["android", "ios", "python", "web"])
def test_exports_for_classifiers_name_those_for_detectors(target: str, tiny_detector: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--for frigate; MediaPipe's ObjectDetector"):
        export(model_file.read(tiny_detector / "d.tflite"), target, tmp_path / "mine")


def test_what_frigate_would_misread_is_refused(tiny_detector: Path, tmp_path: Path) -> None:
    file = model_file.read(tiny_detector / "d.tflite")
    contract = file.contract
    scaled = dataclasses.replace(contract.preprocessing, mean=(0.0,) * 3, std=(255.0,) * 3)
    unpacked = unpack(graph_bytes(file))
    unpacked.subgraphs[0].outputs = unpacked.subgraphs[0].outputs[::-1]
    (tmp_path / "other.tflite").write_bytes(pack(unpacked))
    for changed, said in (
        (dataclasses.replace(file, contract=contract.replace(labels=())), "--labels"),
        (dataclasses.replace(file, contract=contract.replace(preprocessing=scaled)), "--io uint8"),
        (model_file.read(tmp_path / "other.tflite"), "another order"),
        (model_file.read(tiny_detector / "raw.tflite"), "without --raw"),
    ):
        with pytest.raises(UsageError, match=said):
            export(changed, "frigate", tmp_path / "mine")
        assert not (tmp_path / "mine").exists()
