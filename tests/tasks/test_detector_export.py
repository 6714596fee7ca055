"""A detector's artifact: heads in int8 before TFLite_Detection_PostProcess, the same boxes with and without it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from commands import run_cli
from flatbuffers import flexbuffers

from edgecnn.artifact import graph_bytes
from edgecnn.core.compat.litert_schema import pack, unpack
from edgecnn.quantization import quantize
from edgecnn.runtime.errors import ModelFileError
from edgecnn.runtime.model import model_file
from edgecnn.runtime.model.flexbuffer import read_map
from edgecnn.runtime.model.foreign_detector import POSTPROCESS
from edgecnn.runtime.run.boxes import detect
from edgecnn.runtime.run.engine import Engine
from edgecnn.runtime.run.interpreter import open_interpreter
from edgecnn.runtime.run.program import Program
from edgecnn.runtime.tasks.detection import TASK
from edgecnn.verification import verify


@pytest.fixture(scope="module")
def made(tiny_detector: Path) -> Path:
    """A small detector with random heads that give many boxes, and its artifacts."""
    return tiny_detector


def pictures(root: Path) -> list[np.ndarray]:
    return [cv2.imread(str(path)) for path in sorted((root / "images").glob("*.png"))]


def test_all_before_the_operator_is_integer(made: Path) -> None:
    graph = model_file.read(made / "d.tflite").model.graph
    *before, first, second, last = graph.operators
    assert last.name == POSTPROCESS and {first.name, second.name} == {"DEQUANTIZE"}
    for operator in before:
        types = {graph.tensors[number].dtype for number in operator.outputs}
        assert types <= {"INT8", "UINT8", "INT32"}, operator
    assert [graph.tensors[number].dtype for number in graph.inputs] == ["UINT8"]
    options = read_map(last.custom)
    assert options is not None and options["num_classes"] == 3 and options["use_regular_nms"] == 0
    assert options["max_detections"] == 100 and abs(options["nms_iou_threshold"] - 0.5) < 1e-6
    contract = model_file.read(made / "d.tflite").contract
    assert (contract.output, model_file.read(made / "raw.tflite").contract.output) == ("boxes", "boxes_and_scores")
    assert contract.golden is not None


def test_the_same_boxes_with_and_without_the_operator(made: Path) -> None:
    engines = [Engine(model_file.read(made / name)) for name in ("d.tflite", "raw.tflite")]
    total = 0
    for picture in pictures(made):
        ours, raw = (detect(engine, picture, 0.05) for engine in engines)
        assert [(each["label"], each["probability"]) for each in ours] == [
            (each["label"], each["probability"]) for each in raw
        ]
        assert np.allclose([each["box"] for each in ours], [each["box"] for each in raw], atol=1e-5)
        assert len({each["probability"] for each in ours}) > 3
        total += len(ours)
    assert total > 60


def test_any_number_of_threads_gives_the_same(made: Path) -> None:
    file = model_file.read(made / "d.tflite")
    engines = [Engine(file, threads) for threads in (1, 2, 3, 4)]
    for picture in pictures(made):
        outputs = [engine.invoke(engine.prepare(picture)).tobytes() for engine in engines]
        assert len(set(outputs)) == 1


def regular(root: Path) -> bytes:
    """The same as another exporter would write it: with regular non-maximum suppression."""
    unpacked = unpack(graph_bytes(model_file.read(root / "d.tflite")))
    operator = unpacked.subgraphs[0].operators[-1]
    options = flexbuffers.Loads(bytes(operator.customOptions))
    builder = flexbuffers.Builder()
    with builder.Map():
        for key, value in {**options, "use_regular_nms": True}.items():
            builder.Key(key)
            (builder.Bool if isinstance(value, bool) else builder.Float if isinstance(value, float) else builder.Int)(
                value
            )
    operator.customOptions = list(builder.Finish())
    return pack(unpacked)


def test_no_class_is_lost_to_threads_in_models_by_others(made: Path) -> None:
    """LiteRT 2.3 never gives class T at T threads with regular non-maximum suppression; the runtime then takes one."""
    data = regular(made)
    file = model_file.AnyFile("other.tflite", data, model_file.parse(data))
    classes: list[Any] = []
    for threads in (1, 2, 4):
        program = Program(file, threads)
        assert program.threads == 1
        found = set()
        for picture in pictures(made):
            engine = Engine(model_file.read(made / "d.tflite"), 1)
            _, labels, scores, count = program.run((engine.prepare(picture),))
            found |= {
                (int(label), round(float(score), 5)) for label, score in zip(labels[0], scores[0][: int(count[0])])
            }
        classes.append(found)
    assert classes[0] == classes[1] == classes[2] and {label for label, _ in classes[0]} == {0, 1, 2}


def test_the_background_of_a_label_map_shifts_no_class(made: Path, tmp_path: Path) -> None:
    """TensorFlow's label maps begin with ???, but the operator's class 0 is the first that is an object."""
    (tmp_path / "other.tflite").write_bytes(graph_bytes(model_file.read(made / "d.tflite")))
    labels = tmp_path / "labels.txt"
    for text in ("ant\nbee\ncow\n", "???\nant\nbee\ncow\n", "background\nant\nbee\ncow\n"):
        labels.write_text(text)
        assert model_file.read(tmp_path / "other.tflite", labels).contract.labels == ("ant", "bee", "cow")
    labels.write_text("ant\nbee\n")
    with pytest.raises(ModelFileError, match="has 2 labels for 3 classes"):
        model_file.read(tmp_path / "other.tflite", labels)


def test_flexbuffers_of_strangers() -> None:
    builder = flexbuffers.Builder()
    values = {"a": 3, "b": -70000, "c": 0.5, "d": True, "e": 1 << 40, "text": "no number"}
    with builder.Map():
        for key, value in values.items():
            builder.Key(key)
            builder.Add(value)
    data = bytes(builder.Finish())
    assert read_map(data) == {key: value for key, value in values.items() if key != "text"}
    random = np.random.default_rng(0)
    for _ in range(500):
        damaged = bytearray(data)
        for place in random.integers(0, len(data), 3):
            damaged[place] = random.integers(256)
        read_map(bytes(damaged[: random.integers(0, len(data) + 1)]))  # raises nothing
    assert read_map(b"") is None and read_map(b"\x00\x04\x01") is None


def test_it_is_verified_by_matched_boxes_and_map(made: Path) -> None:
    data = str(made / "images" / "boxes.csv")
    found = verify(made / "d.tflite", made / "d.keras", data)
    assert found.task == "detection" and found.golden is not None and found.golden.passed
    assert found.golden.identical == found.golden.count and found.metrics.keys() == {"map", "ap50"}
    assert found.drop is not None and found.drop.low_percent <= found.drop.percent <= found.drop.high_percent
    raw = verify(made / "raw.tflite", made / "d.keras", data)
    assert raw.metrics == found.metrics and raw.agreement == found.agreement


def test_a_float_artifact_loses_nothing(made: Path) -> None:
    quantize(made / "d.keras", made / "float.tflite", scheme="float32")
    found = verify(made / "float.tflite", made / "d.keras", str(made / "images" / "boxes.csv"))
    assert found.agreement.percent == 100 and abs(found.drop.percent) < 0.01  # type: ignore[union-attr]


def test_labels_and_outputs_in_the_standard_metadata(made: Path) -> None:
    file = model_file.read(made / "d.tflite")
    interpreter = open_interpreter(file.data, 1)
    shapes = [tuple(each["shape"]) for each in interpreter.get_output_details()]
    assert shapes == [(1, 100, 4), (1, 100), (1, 100), (1,)]
    text = bytes(file.model.metadata["TFLITE_METADATA"])
    assert all(name in text for name in (b"location", b"category", b"score", b"number of detections", b"labels.txt"))


def test_detect_names_and_draws(made: Path, tmp_path: Path) -> None:
    images = [str(path) for path in sorted((made / "images").glob("*.png"))[:2]]
    out = tmp_path / "found.json"
    done = run_cli("detect", str(made / "d.tflite"), *images, "--threshold", "0.05", "--draw", str(tmp_path / "drawn"),
                   "--json", str(out))  # fmt: skip
    assert done.returncode == 0, done.stderr
    results = json.loads(out.read_text())
    assert [result["path"] for result in results] == images and results[0]["boxes"]
    for box in results[0]["boxes"]:
        left, top, right, bottom = box["pixels"]
        assert 0 <= left <= right <= 160 and 0 <= top <= bottom <= 120 and box["label"] in ("ant", "bee", "cow")
    drawn = cv2.imread(results[0]["drawn"])
    assert drawn.shape == (120, 160, 3) and (drawn != cv2.imread(images[0])).any()
    refused = run_cli("detect", str(made / "d.tflite"), str(made / "images" / "boxes.csv"))
    assert refused.returncode in (1, 2) and "Traceback" not in refused.stderr


def test_a_detector_by_others_in_another_order(made: Path, tmp_path: Path) -> None:
    """Without a contract, its outputs reversed, as an exporter may leave them: the same boxes."""
    ours = Engine(model_file.read(made / "d.tflite"))
    unpacked = unpack(graph_bytes(ours.file))
    unpacked.subgraphs[0].outputs = unpacked.subgraphs[0].outputs[::-1]
    (tmp_path / "other.tflite").write_bytes(pack(unpacked))
    other = Engine(model_file.read(tmp_path / "other.tflite"))
    assert (other.contract.task, other.contract.preprocessing.fit) == ("detection", "stretch")
    assert other.contract.extra == {"output_order": [3, 2, 1, 0]}
    assert other.contract.assumed  # how its input is scaled
    for picture in pictures(made):
        tensor = ours.prepare(picture)
        first, second = (engine.interpret(engine.invoke(tensor)) for engine in (ours, other))
        assert len(first) and np.array_equal(first, second)
        assert len(TASK.answers(second, other.contract)) == len(TASK.answers(first, ours.contract))
    found = verify(tmp_path / "other.tflite", tmp_path / "other.tflite", str(made / "images"))
    assert found.agreement.percent == 100 and not found.metrics
