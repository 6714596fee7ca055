"""Models that are no image classifiers are refused by what their shapes look like; open sizes are asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from small_graphs import Graph

from edgecnn.core.errors import UsageError
from edgecnn.core.hints import Hints
from edgecnn.runtime.model import free_input, model_file
from edgecnn.runtime.model.model_file import AnyFile, ModelFile, NoClassifierError
from edgecnn.runtime.model.tflite import parse

IMAGE = (1, 32, 32, 3)


def model(
    inputs: list[tuple[int, ...]],
    outputs: list[tuple[int, ...]],
    dtypes: tuple[str, str] = ("f4", "f4"),
    free: tuple[int, ...] = (),
    operator: str = "SIN",
) -> bytes:
    """Shapes alone: an operator that nobody runs stands between them."""
    made = Graph()
    given = [made.tensor(f"input{n}", shape, dtypes[0], free=free) for n, shape in enumerate(inputs)]
    found = [made.tensor(f"output{n}", shape, dtypes[1]) for n, shape in enumerate(outputs)]
    for number in found:
        made.operator(operator, given[:1], [number])
        if operator == "CUSTOM":
            made.model.operatorCodes[-1].customCode = "TFLite_Detection_PostProcess"
    return made.build(given, found)


@pytest.mark.parametrize(
    ("inputs", "outputs", "said"),
    [
        ([IMAGE], [(1, 32, 32, 21)], "semantic segmentation: scores at each of 32 x 32 positions"),
        ([IMAGE], [(1, 32, 32, 1)], "semantic segmentation or depth"),
        ([IMAGE], [(1, 32, 32)], "semantic segmentation or depth"),
        ([IMAGE], [(1, 64, 64, 3)], "image-to-image: an image of 64 x 64 pixels"),
        ([IMAGE], [(1, 8, 8, 17)], "pose estimation or object detection: a map of 8 x 8 positions with 17 values"),
        ([IMAGE], [(1, 1, 17, 3)], "pose estimation or landmarks"),
        ([IMAGE], [(1, 2100, 85)], "object detection (one box with scores per anchor)"),
        ([IMAGE], [(1, 10, 4), (1, 10)], "object detection (boxes and scores)"),
        ([IMAGE], [(1, 8, 8, 17), (1, 8, 8, 34)], "pose estimation or object detection (maps"),
        ([IMAGE], [(1, 5), (1, 1)], "several tasks in one model"),
        ([(1, 16000)], [(1, 12)], "a vector of features or audio samples"),
        ([(1, 96, 64)], [(1, 12)], "a sequence of audio or sensor data, or a gray image without"),
        ([(1, 32, 32, 8)], [(1, 12)], "something other than one image"),
        ([(4, 32, 32, 3)], [(4, 12)], "something other than one image"),
        ([IMAGE, (1, 5)], [(1, 12)], "has 2 inputs ([1, 32, 32, 3], [1, 5]); expected one image"),
    ],
)
def test_what_is_no_classifier_is_named(
    inputs: list[tuple[int, ...]], outputs: list[tuple[int, ...]], said: str
) -> None:
    data = model(inputs, outputs)
    with pytest.raises(NoClassifierError) as caught:
        model_file.from_bytes(data, "m.tflite")
    assert said in str(caught.value)
    assert "These commands accept it: `edgecnn inspect` (also with --target), `profile` and `compile`" in str(
        caught.value
    )
    assert ("the four outputs of TFLite_Detection_PostProcess, or" in str(caught.value)) == ("object detection" in said)
    found = model_file.any_from_bytes(data, "m.tflite")
    assert type(found) is AnyFile and found.sha256


def test_tokens_boxes_embeddings_and_numbers_of_classes_are_named() -> None:
    for data, said in (
        (model([(1, 20)], [(1, 2)], ("i4", "f4")), "text as token numbers"),
        (model([IMAGE], [(1, 10, 4), (1, 10), (1, 10), (1,)], operator="CUSTOM"), "which is object detection"),
        (model([IMAGE], [(1, 64)], operator="L2_NORMALIZATION"), "an embedding"),
        (model([IMAGE], [(1,)], ("f4", "i4")), "a class number instead of scores"),
    ):
        with pytest.raises(NoClassifierError, match=said):
            model_file.from_bytes(data)


@pytest.mark.parametrize("output", [(1, 10), (1, 1, 1, 10), (10,), (1, 1)])
def test_vectors_are_classes(output: tuple[int, ...]) -> None:
    assert isinstance(model_file.any_from_bytes(model([IMAGE], [output])), ModelFile)


def test_open_sizes_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "open.tflite"
    path.write_bytes(model([(1, 1, 1, 3)], [(1, 10)], free=(1, 2)))
    with pytest.raises(NoClassifierError, match=r"has no fixed input size \(\[1, -1, -1, 3\]\).*--input-size"):
        model_file.read(path)
    assert Hints(input_size=48).read(path).contract.preprocessing.shape == (48, 48, 3)
    file, taken = Hints().read_any(path)
    assert file.model.graph.tensors[0].shape == (1, free_input.IMAGE_SIZE, free_input.IMAGE_SIZE, 3)
    assert "assumed the shape [1, 224, 224, 3]. Set another one with --input-size" in taken
    assert Hints(input_size=64).read_any(path)[1] == ""


def test_a_spectrogram_is_no_gray_image_unless_somebody_says_so() -> None:
    data = model([(1, 49, 40, 1)], [(1, 12)])
    with pytest.raises(NoClassifierError, match=r"either a gray image or a spectrogram \(audio\).*--color gray"):
        model_file.from_bytes(data)
    assert model_file.from_bytes(data, said=("color",)).contract.preprocessing.color == "gray"
    assert model_file.from_bytes(model([(1, 28, 28, 1)], [(1, 12)])).contract.preprocessing.color == "gray"


def test_a_free_batch_is_one_image() -> None:
    assert model_file.from_bytes(model([IMAGE], [(1, 10)], free=(0,))).contract.preprocessing.shape == IMAGE[1:]


@pytest.mark.parametrize("stored", [(-1, -1, -1, 3), (0, 0, 0, 3), (1, -1, 0, 3)])
def test_sizes_that_are_no_sizes_are_open(stored: tuple[int, ...]) -> None:
    data = model([stored], [(1, 10)])
    closed = parse(free_input.closed(data, parse(data), 40)).graph.tensors[0]
    assert closed.shape == (1, 40, 40, 3) and len(free_input.closed(data, parse(data), 40)) == len(data)


def test_hints_are_of_classifiers_only(tmp_path: Path) -> None:
    path = tmp_path / "segmentation.tflite"
    path.write_bytes(model([IMAGE], [(1, 32, 32, 21)]))
    only = r"--color, --mean can be used only with an image classifier\. .*semantic segmentation"
    with pytest.raises(UsageError, match=only):
        Hints(mean=(0.0,), color="bgr").read_any(path)


@pytest.mark.parametrize("arguments", [["classify", "MODEL", "IMAGE"], ["report", "MODEL", "-o", "page.html"]])
def test_commands_refuse_without_an_answer(tmp_path: Path, arguments: list[str]) -> None:
    places = {"MODEL": tmp_path / "s.tflite", "IMAGE": tmp_path / "a.png"}
    places["MODEL"].write_bytes(model([IMAGE], [(1, 32, 32, 21)]))
    cv2.imwrite(str(places["IMAGE"]), np.zeros((20, 20, 3), np.uint8))
    words = [str(places.get(word, word)) for word in arguments]
    done = subprocess.run([sys.executable, "-m", "edgecnn", *words], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1 and not done.stdout and not (tmp_path / "page.html").exists()
    assert "Error: s.tflite is not an image classifier: it has an output of shape [1, 32, 32, 21]" in done.stderr
