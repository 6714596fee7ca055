"""The library-free parser against LiteRT's generated schema, and against damage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from small_graphs import Graph

from edgecnn.core.errors import ModelFileError
from edgecnn.runtime.model import model_file, tflite


@pytest.fixture(scope="module")
def data(tiny_int8: Path) -> bytes:
    return tiny_int8.read_bytes()


def test_names_types_and_numbers_equal_the_generated_schema(data: bytes) -> None:
    ours, theirs = tflite.parse(data).graph, schema.ModelT.InitFromPackedBuf(data, 0)
    graph = theirs.subgraphs[0]
    assert [t.name for t in ours.tensors] == [t.name.decode() for t in graph.tensors]
    assert [t.shape for t in ours.tensors] == [tuple(t.shape) for t in graph.tensors]
    for mine, other in zip(ours.tensors, graph.tensors):
        assert mine.dtype == {v: k for k, v in vars(schema.TensorType).items() if isinstance(v, int)}[other.type]
        if other.quantization is not None and other.quantization.scale is not None:
            np.testing.assert_array_equal(mine.scale, other.quantization.scale)
            np.testing.assert_array_equal(mine.zero_point, other.quantization.zeroPoint)
        stored = theirs.buffers[other.buffer].data
        assert bytes(mine.data) == (b"" if stored is None else bytes(bytearray(stored)))
    assert [op.inputs for op in ours.operators] == [tuple(op.inputs) for op in graph.operators]
    codes = [theirs.operatorCodes[op.opcodeIndex].builtinCode for op in graph.operators]
    names = {v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}
    assert [op.name for op in ours.operators] == [names[code] for code in codes]


def test_all_operator_names_are_in_the_schema_order() -> None:
    codes = {k: v for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}
    assert sorted(codes, key=codes.__getitem__) == tflite.OPERATOR_NAMES


@pytest.mark.parametrize("content", [b"", b"hello, world", b"PK\x03\x04....", b"\0" * 64, b"\x1c\0\0\0TFL3"])
def test_other_files_are_refused_with_their_kind(content: bytes) -> None:
    with pytest.raises(ModelFileError, match=r"not a \.tflite|damaged|no graph"):
        tflite.parse(content, "x.tflite")


@pytest.mark.parametrize(
    ("scale", "zero_point", "words"),
    [([0.05], None, "1 scales and 0 zero points"), ([0.05], [0, 1], "1 scales and 2"),
     ([0.0], [0], "the scale of its input is 0.0"),
     ([float("nan")], [0], "the scale of its input is nan"), ([float("inf")], [0], "the scale of its input is inf")],
)  # fmt: skip
def test_quantization_that_can_not_be(scale, zero_point, words) -> None:
    """The runtime refuses such files too."""
    graph = Graph()
    picture = graph.tensor("picture", (1, 8, 8, 3))
    quantization = graph.graph.tensors[picture].quantization
    quantization.scale, quantization.zeroPoint = scale, zero_point
    axes, answer = graph.tensor("axes", (2,), "i4", values=[1, 2]), graph.tensor("answer", (1, 3))
    graph.operator("MEAN", [graph.unary("ABS", "positive", picture), axes], [answer])
    content = graph.build([picture], [answer])
    with pytest.raises(ModelFileError, match=rf"^x\.tflite.*{words}"):
        model_file.from_bytes(content, "x.tflite")


def test_every_truncation_is_an_error_and_nothing_else(data: bytes) -> None:
    graph_free = 0
    for end in range(0, min(len(data), 60_000), 1013):
        with pytest.raises(ModelFileError):
            tflite.parse(data[:end])
        graph_free += 1
    assert graph_free > 20
