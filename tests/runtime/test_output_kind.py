"""What a classifier's output holds: told by what computes it, whatever number format and shape come after that."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from small_graphs import Graph

from edgecnn.core.errors import ModelFileError
from edgecnn.runtime.model import model_file, output_kind
from edgecnn.runtime.model.output_kind import ONE_LOGIT
from edgecnn.runtime.model.tflite import parse
from edgecnn.runtime.run.answers import answer
from edgecnn.runtime.run.engine import Engine

SIDE = 8


def classifier(classes: int, activation: str, after: tuple[str, ...] = (), dtype: str = "i1") -> bytes:
    """A convolution, a mean, an activation, and operators that change no value after it."""
    made = Graph()
    picture = made.tensor("picture", (1, SIDE, SIDE, 3), dtype)
    features = made.conv("stem", picture, classes, dtype=dtype)
    axes = made.tensor("axes", (2,), "i4", values=[1, 2])
    last = made.tensor("mean", (1, classes), dtype)
    made.operator("MEAN", [features, axes], [last], schema.ReducerOptionsT())
    if activation:
        options = schema.SoftmaxOptionsT() if activation == "SOFTMAX" else None
        if options is not None:
            options.beta = 1.0
        scale, zero = ((1 / 256,), -128) if dtype == "i1" else ((), 0)
        output = made.tensor("activation", (1, classes), dtype, scale, zero_point=zero)
        made.operator(activation, [last], [output], options)
        last = output
    for number, name in enumerate(after):
        last = _format(made, name, last, number)
    return made.build([picture], [last])


def _format(made: Graph, name: str, source: int, number: int) -> int:
    given = made.graph.tensors[source]
    shape = tuple(given.shape)
    if name == "RESHAPE":
        shape = (1, *shape) if len(shape) < 4 else (shape[0], shape[-1])
        options = schema.ReshapeOptionsT()
        options.newShape = list(shape)
        return made.unary("RESHAPE", f"reshape{number}", source, options, shape)
    if name == "DEQUANTIZE":
        return made.unary("DEQUANTIZE", f"float{number}", source, dtype="f4")
    output = made.tensor(f"bytes{number}", shape, "i1", (1 / 256,), zero_point=-128)
    made.operator("QUANTIZE", [source], [output])
    return output


AFTER = [(), ("DEQUANTIZE",), ("RESHAPE",), ("RESHAPE", "DEQUANTIZE"), ("DEQUANTIZE", "QUANTIZE", "RESHAPE", "RESHAPE")]
KINDS = {
    (4, "SOFTMAX"): "probabilities",
    (4, "LOGISTIC"): "independent_probabilities",
    (4, ""): "logits",
    (1, "LOGISTIC"): "binary_probability",
    (1, ""): "binary_logit",
}


@pytest.mark.parametrize(("which", "after"), list(itertools.product(KINDS, AFTER)))
def test_the_kind_of_a_files_output(which: tuple[int, str], after: tuple[str, ...]) -> None:
    if not which[1] and "QUANTIZE" in after:
        pytest.skip("quantized to steps of 1/256, logits would be cut")
    file = model_file.from_bytes(classifier(*which, after))
    assert file.contract.output == KINDS[which]
    assert (ONE_LOGIT in file.contract.assumed) == (KINDS[which] == "binary_logit")


@pytest.mark.parametrize(("which", "dtype"), list(itertools.product(KINDS, ("i1", "f4"))))
def test_answers_are_those_of_the_runtime(which: tuple[int, str], dtype: str) -> None:
    """Against LiteRT fed by hand, and plain NumPy."""
    data = classifier(*which, ("RESHAPE", "DEQUANTIZE") if dtype == "i1" else ("RESHAPE",), dtype)
    picture = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    interpreter = Interpreter(model_content=data)
    interpreter.allocate_tensors()
    scaled = picture.astype(np.int16) - 128 if dtype == "i1" else (picture - np.float32(127.5)) / np.float32(127.5)
    given = interpreter.get_input_details()[0]
    interpreter.set_tensor(given["index"], scaled.astype(given["dtype"])[np.newaxis])
    interpreter.invoke()
    raw = interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).astype(np.float64).reshape(-1)
    expected = {
        "probabilities": lambda: raw,
        "independent_probabilities": lambda: raw,
        "logits": lambda: np.exp(raw) / np.exp(raw).sum(),
        "binary_probability": lambda: np.array([1 - raw[0], raw[0]]),
        "binary_logit": lambda: np.array([1 - 1 / (1 + np.exp(-raw[0])), 1 / (1 + np.exp(-raw[0]))]),
    }[KINDS[which]]()
    found = answer(Engine(model_file.from_bytes(data)), picture, order="rgb")
    assert len(found) == max(2, which[0])
    assert [each["probability"] for each in sorted(found, key=lambda each: int(each["index"]))] == pytest.approx(
        expected.tolist(), abs=1e-5
    )


def test_one_value_of_a_softmax_is_refused() -> None:
    with pytest.raises(ModelFileError, match="only output passes through a softmax, so it is 1"):
        model_file.from_bytes(classifier(1, "SOFTMAX"))


def test_a_part_of_a_softmax_is_a_probability_of_its_own() -> None:
    made = Graph()
    picture = made.tensor("picture", (1, SIDE, SIDE, 3), "f4")
    features = made.conv("stem", picture, 2, dtype="f4")
    axes = made.tensor("axes", (2,), "i4", values=[1, 2])
    mean, both = made.tensor("mean", (1, 2), "f4"), made.tensor("both", (1, 2), "f4")
    made.operator("MEAN", [features, axes], [mean], schema.ReducerOptionsT())
    softmax = schema.SoftmaxOptionsT()
    softmax.beta = 1.0
    made.operator("SOFTMAX", [mean], [both], softmax)
    begin, size = (made.tensor(name, (2,), "i4", values=values) for name, values in (("b", [0, 1]), ("s", [1, 1])))
    second = made.tensor("second", (1, 1), "f4")
    made.operator("SLICE", [both, begin, size], [second], schema.SliceOptionsT())
    graph = parse(made.build([picture], [second])).graph
    assert output_kind.guessed(graph, ()) == ("binary_probability", [])


def test_a_compiled_model_is_told_by_its_steps() -> None:
    """The Edge TPU's compiler swallows the softmax; TFLite gives it steps of 1/256 always."""
    made = Graph()
    picture = made.tensor("picture", (1, SIDE, SIDE, 3), "u1")
    scores = made.tensor("scores", (1, 5), "u1", (1 / 256,))
    made.operator("CUSTOM", [picture], [scores])
    made.model.operatorCodes[0].customCode = "edgetpu-custom-op"
    assert model_file.from_bytes(made.build([picture], [scores])).contract.output == "probabilities"


def nan_classifier() -> bytes:
    """The logarithm of what is below 0."""
    made = Graph()
    picture = made.tensor("picture", (1, SIDE, SIDE, 3), "f4")
    axes, mean = made.tensor("axes", (2,), "i4", values=[1, 2]), made.tensor("mean", (1, 3), "f4")
    made.operator("MEAN", [picture, axes], [mean], schema.ReducerOptionsT())
    offset, lower = made.tensor("offset", (1,), "f4", values=[-9.0]), made.tensor("lower", (1, 3), "f4")
    made.operator("ADD", [mean, offset], [lower], schema.AddOptionsT())
    return made.build([picture], [made.unary("LOG", "nan", lower)])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["classify", "MODEL", "IMAGE"], "Error: IMAGE: The model's output holds NaN or infinite values (3 of 3)"),
        (["visualize", "MODEL", "IMAGE", "-o", "page.html"], "holds NaN or infinite values"),
        (["verify", "MODEL", "--against", "MODEL", "--data", "FOLDER"], "The float model's output holds NaN"),
        (["demo", "MODEL", "--source", "FOLDER", "--headless", "--frames", "1"], "holds NaN or infinite values"),
        (["profile", "MODEL", "--runs", "1", "--threads", "1"], "outputs 3 NaN or infinite values for the test input"),
    ],
)
def test_nan_is_said_by_every_command(tmp_path: Path, arguments: list[str], said: str) -> None:
    places = {"MODEL": tmp_path / "nan.tflite", "IMAGE": tmp_path / "images" / "a.png", "FOLDER": tmp_path / "images"}
    places["MODEL"].write_bytes(nan_classifier())
    places["FOLDER"].mkdir()
    cv2.imwrite(str(places["IMAGE"]), np.full((20, 20, 3), 90, np.uint8))
    words = [str(places.get(word, word)) for word in arguments]
    done = subprocess.run([sys.executable, "-m", "edgecnn", *words], capture_output=True, text=True, cwd=tmp_path)
    assert said.replace("IMAGE", str(places["IMAGE"])) in " ".join((done.stdout + done.stderr).split())
    assert "Traceback" not in done.stderr
    assert done.returncode == (0 if arguments[0] == "profile" else 1)
