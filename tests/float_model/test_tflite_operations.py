"""Each operation that stands for a TFLite operator gives what LiteRT's own kernel gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from small_graphs import Graph

from edgecnn.core.compat.tensorflow import tf
from edgecnn.float_model.tflite.operations import OPERATIONS
from edgecnn.float_model.tflite.rebuild import Rebuilt
from edgecnn.float_model.traced import FloatModel
from edgecnn.runtime.model.tflite import parse

IMAGE = (1, 4, 6, 3)


def options(kind: str, **values: Any) -> Any:
    made = getattr(schema, f"{kind}OptionsT")()
    for key, value in values.items():
        assert hasattr(made, key)
        setattr(made, key, value)
    return made


def floats(*shape: int, low: float = -1.0, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).uniform(low, 1.0, shape).astype(np.float32)


def ints(*values: Any) -> np.ndarray:
    return np.array(values, np.int32)


I = "the image"  # noqa: E741
SAME, VALID = 0, 1
UNARY = """RELU RELU6 RELU_N1_TO_1 RELU_0_TO_1 ELU HARD_SWISH LOGISTIC TANH LOG_SOFTMAX L2_NORMALIZATION ABS NEG SIGN
EXP LOG SQRT RSQRT SQUARE SIN COS FLOOR CEIL ROUND ZEROS_LIKE""".split()  # noqa: SIM905
BINARY = {"ADD": "Add", "SUB": "Sub", "MUL": "Mul", "DIV": "Div", "MAXIMUM": None, "MINIMUM": None, "POW": None,
          "SQUARED_DIFFERENCE": None, "FLOOR_DIV": None, "FLOOR_MOD": None}  # fmt: skip
COMPARED = "EQUAL NOT_EQUAL LESS LESS_EQUAL GREATER GREATER_EQUAL".split()  # noqa: SIM905
REDUCED = "MEAN SUM REDUCE_MAX REDUCE_MIN REDUCE_PROD".split()  # noqa: SIM905

CASES: dict[str, tuple[list[Any], Any, str]] = {
    "CONV_2D": ([I, floats(5, 3, 3, 3), floats(5)],
                options("Conv2D", padding=SAME, strideH=2, strideW=2, fusedActivationFunction=1), "f4"),
    "CONV_2D dilated": ([I, floats(5, 2, 3, 3), floats(5)],
                        options("Conv2D", padding=VALID, strideH=1, strideW=1, dilationHFactor=2), "f4"),
    "CONV_2D grouped": ([I, floats(6, 3, 3, 1), floats(6)],
                        options("Conv2D", padding=SAME, strideH=1, strideW=1), "f4"),
    "DEPTHWISE_CONV_2D": ([I, floats(1, 3, 3, 6), floats(6)],
                          options("DepthwiseConv2D", padding=SAME, strideH=2, strideW=2, depthMultiplier=2,
                                  fusedActivationFunction=3), "f4"),
    "DEPTHWISE_CONV_2D dilated": ([I, floats(1, 3, 3, 3), floats(3)],
                                  options("DepthwiseConv2D", padding=SAME, strideH=1, strideW=1, depthMultiplier=1,
                                          dilationHFactor=2, dilationWFactor=2), "f4"),
    "TRANSPOSE_CONV": ([ints(1, 8, 12, 5), floats(5, 3, 3, 3), I],
                       options("TransposeConv", padding=SAME, strideH=2, strideW=2), "f4"),
    "FULLY_CONNECTED": ([I, floats(5, 3), floats(5)],
                        options("FullyConnected", keepNumDims=True, fusedActivationFunction=1), "f4"),
    "FULLY_CONNECTED flat": ([I, floats(5, 72)], options("FullyConnected"), "f4"),
    "BATCH_MATMUL": ([I, floats(1, 4, 2, 3)], options("BatchMatMul", adjY=True), "f4"),
    "AVERAGE_POOL_2D": ([I], options("Pool2D", padding=SAME, strideH=2, strideW=2, filterHeight=3, filterWidth=3),
                        "f4"),
    "MAX_POOL_2D": ([I], options("Pool2D", padding=VALID, strideH=1, strideW=2, filterHeight=2, filterWidth=3), "f4"),
    **{name: ([I], None, "f4") for name in UNARY},
    **{name: ([I, floats(3, low=0.2)], kind and options(kind, fusedActivationFunction=0), "f4")
       for name, kind in BINARY.items()},
    "MUL relu": ([I, floats(1, 4, 6, 3)], options("Mul", fusedActivationFunction=2), "f4"),
    **{name: ([I, floats(3)], None, "?") for name in COMPARED},
    "ADD_N": ([I, I, I], options("AddN"), "f4"),
    "LOGICAL_AND": ([("GREATER", [I, floats(3)], "?"), ("LESS", [I, floats(3, seed=4)], "?")], None, "?"),
    "LOGICAL_OR": ([("GREATER", [I, floats(3)], "?"), ("LESS", [I, floats(3, seed=4)], "?")], None, "?"),
    "LOGICAL_NOT": ([("GREATER", [I, floats(3)], "?")], None, "?"),
    "SELECT": ([("GREATER", [I, floats(3)], "?"), I, floats(*IMAGE)], None, "f4"),
    "SELECT_V2": ([("GREATER", [I, floats(3)], "?"), I, floats(3)], None, "f4"),
    "LEAKY_RELU": ([I], options("LeakyRelu", alpha=0.2), "f4"),
    "PRELU": ([I, floats(1, 1, 3)], None, "f4"),
    "GELU": ([I], options("Gelu", approximate=False), "f4"),
    "GELU approximate": ([I], options("Gelu", approximate=True), "f4"),
    "SOFTMAX": ([I], options("Softmax", beta=2.0), "f4"),
    "LOCAL_RESPONSE_NORMALIZATION": (
        [I], options("LocalResponseNormalization", radius=1, bias=1.0, alpha=0.5, beta=0.75), "f4"
    ),
    **{name: ([I, ints(1, 2)], options("Reducer", keepDims=name == "MEAN"), "f4") for name in REDUCED},
    "CUMSUM": ([I, ints(2)], options("Cumsum", reverse=True), "f4"),
    "ARG_MAX": ([I, ints(3)], options("ArgMax", outputType=4), "i8"),
    "ARG_MIN": ([I, ints(1)], options("ArgMin", outputType=4), "i8"),
    "RESHAPE": ([I, ints(1, -1)], None, "f4"),
    "RESHAPE by its options": ([I], options("Reshape", newShape=[1, 72]), "f4"),
    "SQUEEZE": ([I], options("Squeeze", squeezeDims=[0]), "f4"),
    "SQUEEZE all": ([I], options("Squeeze"), "f4"),
    "EXPAND_DIMS": ([I, ints(1)], None, "f4"),
    "TRANSPOSE": ([I, ints(0, 3, 1, 2)], None, "f4"),
    "BROADCAST_TO": ([I, ints(2, 4, 6, 3)], None, "f4"),
    "CONCATENATION": ([I, floats(1, 4, 6, 2), I], options("Concatenation", axis=3), "f4"),
    "PACK": ([I, I], options("Pack", valuesCount=2, axis=1), "f4"),
    "UNPACK": ([I], options("Unpack", num=3, axis=3), "f4 3"),
    "SPLIT": ([ints(2), I], options("Split", numSplits=2), "f4 2"),
    "SPLIT_V": ([I, ints(2, 4), ints(2)], options("SplitV", numSplits=2), "f4 2"),
    "SLICE": ([I, ints(0, 1, 2, 0), ints(1, 2, -1, 3)], None, "f4"),
    "STRIDED_SLICE": ([I, ints(0, 1, 0, 0), ints(1, 4, 6, 3), ints(1, 1, 2, 1)],
                      options("StridedSlice", endMask=2, shrinkAxisMask=1), "f4"),
    "GATHER": ([I, ints(2, 0)], options("Gather", axis=3), "f4"),
    "GATHER_ND": ([I, ints([0, 1], [0, 3])], None, "f4"),
    "TILE": ([I, ints(1, 2, 1, 1)], None, "f4"),
    "REVERSE_V2": ([I, ints(1)], None, "f4"),
    "PAD": ([I, ints([0, 0], [1, 2], [0, 1], [0, 0])], None, "f4"),
    "PADV2": ([I, ints([0, 0], [1, 2], [0, 1], [0, 0]), floats(1)[0]], None, "f4"),
    "MIRROR_PAD": ([I, ints([0, 0], [1, 2], [0, 1], [0, 0])], options("MirrorPad", mode=0), "f4"),
    "MIRROR_PAD symmetric": ([I, ints([0, 0], [1, 2], [0, 1], [0, 0])], options("MirrorPad", mode=1), "f4"),
    "SPACE_TO_DEPTH": ([I], options("SpaceToDepth", blockSize=2), "f4"),
    "DEPTH_TO_SPACE": ([("CONCATENATION", [I, I, I, I], "f4", options("Concatenation", axis=3))],
                       options("DepthToSpace", blockSize=2), "f4"),
    "SPACE_TO_BATCH_ND": ([I, ints(2, 2), ints([0, 0], [1, 1])], None, "f4"),
    "BATCH_TO_SPACE_ND": ([("SPACE_TO_BATCH_ND", [I, ints(2, 2), ints([0, 0], [0, 0])], "f4"), ints(2, 2),
                           ints([1, 0], [0, 1])], None, "f4"),
    "RESIZE_BILINEAR": ([I, ints(7, 9)], options("ResizeBilinear", halfPixelCenters=True), "f4"),
    "RESIZE_BILINEAR aligned": ([I, ints(7, 9)], options("ResizeBilinear", alignCorners=True), "f4"),
    "RESIZE_NEAREST_NEIGHBOR": ([I, ints(8, 9)], options("ResizeNearestNeighbor", halfPixelCenters=True), "f4"),
    "SHAPE": ([I], options("Shape", outType=2), "i4"),
    "RANK": ([I], None, "i4"),
    "FILL": ([("SHAPE", [I], "i4", options("Shape", outType=2)), floats(1)[0]], None, "f4"),
    "RANGE": ([ints(1)[0], ("RANK", [I], "i4"), ints(1)[0]], None, "i4"),
    "CAST": ([I], options("Cast", inDataType=0, outDataType=2), "i4"),
    "DEQUANTIZE": ([I, floats(3).astype(np.float16)], None, "f4"),
}  # fmt: skip
"""Operator -> (inputs: the image, constants, or other operators; options; type of the output and how many)."""
OUTSIDE = ("LOG", "SQRT", "RSQRT")
"""Take positive values."""


def model_of(case: str) -> bytes:
    graph = Graph()
    image = graph.tensor("image", IMAGE, "f4")
    inputs, given, kind = CASES[case]
    name = case.split()[0]
    if name == "DEQUANTIZE":  # of float16 weights, which an ADD reads
        weights = _operator(graph, image, "DEQUANTIZE", inputs[1:], None, "f4")
        graph.graph.tensors[weights[0]].shape = list(np.shape(inputs[1]))
        name, inputs, given = "ADD", [I, weights[0]], None
    return bytes(graph.build([image], _operator(graph, image, name, inputs, given, kind)))


def _operator(graph: Graph, image: int, name: str, inputs: list[Any], given: Any, kind: str) -> list[int]:
    numbers = [_input(graph, image, each) for each in inputs]
    dtype, _, count = kind.partition(" ")
    outputs = [graph.tensor(f"{name} {place}", (), dtype) for place in range(int(count or 1))]
    graph.operator(name, numbers, outputs, given, version=2 if name == "BROADCAST_TO" else 1)
    return outputs


def _input(graph: Graph, image: int, value: Any) -> int:
    if isinstance(value, str):
        return image
    if isinstance(value, int):
        return value
    if isinstance(value, tuple):
        return _operator(graph, image, value[0], value[1], value[3] if len(value) > 3 else None, value[2])[0]
    kind = {"f": "f4", "i": "i4", "e": "f2"}[np.asarray(value).dtype.char.lower().replace("l", "i")]
    return graph.tensor(f"constant {len(graph.graph.tensors)}", np.shape(value), kind, values=value)


def test_a_grouped_convolution_runs_in_a_graph() -> None:
    """TensorFlow's optimizer fuses activations into convolutions there; the converter still does so afterwards."""
    graph = Graph()
    image, scores = graph.tensor("image", (1, 4, 6, 4), "f4"), graph.tensor("scores", (1, 4, 6, 6), "f4")
    given = options("Conv2D", padding=SAME, strideH=1, strideW=1, fusedActivationFunction=1)
    weights = graph.tensor("weights", (6, 3, 3, 2), "f4", values=floats(6, 3, 3, 2))
    graph.operator("CONV_2D", [image, weights, graph.tensor("bias", (6,), "f4", values=floats(6))], [scores], given)
    model = Rebuilt(graph.build([image], [scores]), "m")
    pixels = floats(1, 4, 6, 4)
    np.testing.assert_allclose(tf.function(model)(pixels), model(pixels), atol=1e-5)
    converted = parse(FloatModel.of(model, (4, 6, 4)).float32).graph
    assert [operator.name for operator in converted.operators] == ["CONV_2D"]


def test_every_operation_has_a_case() -> None:
    assert {case.split()[0] for case in CASES} == set(OPERATIONS)


@pytest.mark.parametrize("case", CASES)
def test_an_operation_gives_what_litert_gives(case: str) -> None:
    model = model_of(case)
    image = floats(*IMAGE, low=0.1 if case in OUTSIDE else -4.0, seed=1)
    interpreter = Interpreter(model_content=model)
    interpreter.allocate_tensors()
    interpreter.set_tensor(0, image)
    interpreter.invoke()
    found = Rebuilt(model, "m")(image)
    found = found if isinstance(found, list) else [found]
    details = interpreter.get_output_details()
    assert len(found) == len(details)
    for ours, detail in zip(found, details):
        theirs = interpreter.get_tensor(detail["index"])
        assert tuple(ours.shape) == theirs.shape
        np.testing.assert_allclose(np.asarray(ours), theirs, rtol=1e-5, atol=1e-5)
