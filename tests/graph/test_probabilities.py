"""A softmax or a sigmoid behind a graph's output, against NumPy's on the logits of the graph without it."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from small_graphs import Graph

from edgecnn.core.errors import ModelFileError
from edgecnn.graph.probabilities import with_probabilities
from edgecnn.runtime.model.output_kind import activation_of
from edgecnn.runtime.model.tflite import parse
from edgecnn.runtime.tasks.classification import sigmoid, softmax

CLASSES, STEP = 10, 0.08
CODES = {"i1": (-128, 127), "u1": (0, 255), "f4": (-8, 8), "i2": (-3000, 3000)}


def graph_of(dtype: str, last: str = "") -> bytes:
    """One operator that changes nothing, before a QUANTIZE to uint8 where that is `last`."""
    made = Graph()
    scale, zero = (STEP if dtype != "i2" else 0.01,), 3 if dtype in ("i1", "u1") else 0
    source = made.tensor("in", (1, CLASSES), dtype, scale, zero_point=zero)
    logits = made.tensor("logits", (1, CLASSES), dtype, scale, zero_point=zero)
    shape = made.tensor("shape", (2,), "i4", values=[1, CLASSES])
    made.operator("RESHAPE", [source, shape], [logits])
    if last:
        output = made.tensor("out", (1, CLASSES), "u1", scale, zero_point=zero + 128)
        made.operator("QUANTIZE", [logits], [output])
        logits = output
    return made.build([source], [logits])


def real_outputs(model: bytes, inputs: np.ndarray) -> list[np.ndarray]:
    interpreter = Interpreter(model_content=model)
    interpreter.allocate_tensors()
    detail, results = interpreter.get_output_details()[0], []
    for one in inputs:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], one[np.newaxis])
        interpreter.invoke()
        found = interpreter.get_tensor(detail["index"])[0].astype(np.float64)
        scale, zero = detail["quantization"]
        results.append((found - zero) * scale if scale else found)
    return results


@pytest.mark.parametrize("kind", ["logits", "independent_logits"])
@pytest.mark.parametrize(("dtype", "last"), [("f4", ""), ("i1", ""), ("u1", ""), ("i2", ""), ("i1", "QUANTIZE")])
def test_probabilities_are_within_a_step(dtype: str, last: str, kind: str) -> None:
    random = np.random.default_rng(0)
    low, high = CODES[dtype]
    inputs = random.uniform(low, high, (50, CLASSES)).astype({"i1": "i1", "u1": "u1", "i2": "i2", "f4": "f4"}[dtype])
    before = graph_of(dtype, last)
    after = with_probabilities(before, kind)
    step = {"f4": 1e-5, "i2": 1e-3}.get(dtype, 1 / 256)
    for logits, found in zip(real_outputs(before, inputs), real_outputs(after, inputs)):
        expected = softmax(logits) if kind == "logits" else sigmoid(logits)
        assert np.abs(found - expected).max() <= step
    graph = parse(after, "after").graph
    assert activation_of(graph) == ("softmax" if kind == "logits" else "sigmoid")
    plain = parse(before, "before").graph
    assert graph.tensors[graph.outputs[0]].dtype == plain.tensors[plain.outputs[0]].dtype
    assert (graph.operators[-1].name == "QUANTIZE") == bool(last)


def test_a_shape_that_softmax_would_misread_is_refused() -> None:
    made = Graph()
    source = made.tensor("in", (1, CLASSES, 1), "f4")
    with pytest.raises(ModelFileError, match="expected float32"):
        with_probabilities(made.build([source], [source]), "logits")
