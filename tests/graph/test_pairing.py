"""Which operators belong together: by position where the kinds agree, by name and shape where they don't."""

from __future__ import annotations

from small_graphs import Graph

from edgecnn.graph.layer_names import layer_name, mentioned
from edgecnn.graph.pairing import computing, grid_of, matching
from edgecnn.runtime.model.tflite import parse

CONV, POOL = ("CONV_2D", "stem", (1, 4, 4, 8)), ("MEAN", "pool", (1, 8))
ENTER, LEAVE = ("QUANTIZE", "", (1, 8, 8, 3)), ("DEQUANTIZE", "", (1, 8))


def test_conversions_are_passed_over():
    assert matching([ENTER, CONV, POOL, LEAVE], [CONV, POOL]) == [(1, 0), (2, 1)]
    assert matching([CONV, POOL], [ENTER, CONV, LEAVE, POOL]) == [(0, 1), (1, 3)]


def test_position_counts_for_more_than_names():
    """A converter may name the same operator otherwise."""
    renamed = ("CONV_2D", "stem_act", (1, 4, 4, 8))
    assert matching([CONV, POOL], [renamed, POOL]) == [(0, 0), (1, 1)]


def test_graphs_with_other_operators_share_those_of_one_identity():
    add = ("ADD", "sum", (1, 4, 4, 8))
    assert matching([CONV, add, CONV, POOL], [CONV, CONV, POOL]) == [(0, 0), (2, 1), (3, 2)]
    assert matching([CONV], [POOL, ("CONV_2D", "stem", (1, 2, 2, 8))]) == []


def test_operators_and_grids_of_a_graph():
    graph = Graph()
    source = graph.tensor("image", (1, 8, 8, 3), "f4")
    codes = graph.unary("QUANTIZE", "codes", source, dtype="u1")
    result = graph.conv("m/stem", codes, 4)
    parsed = parse(graph.build([source], [result])).graph
    assert [operator.name for operator in computing(parsed)] == ["CONV_2D"]
    unsigned, signed = grid_of(parsed.tensors[codes]), grid_of(parsed.tensors[result])
    assert grid_of(parsed.tensors[source]) is None
    assert unsigned is not None and (unsigned.zero_point, unsigned.low) == (0, 0)
    assert signed is not None and (signed.zero_point, signed.low) == (128, -128 * signed.scale)
    assert signed.high == 127 * signed.scale


def test_all_layers_of_a_fused_operator_are_mentioned():
    graph = Graph()
    source = graph.tensor("image", (1, 4))
    weights = graph.constant("m/logits/MatMul", (4, 4))
    result = graph.tensor("StatefulPartitionedCall/m/act/Relu;m/logits/BiasAdd", (1, 4))
    graph.operator("FULLY_CONNECTED", [source, weights], [result])
    parsed = parse(graph.build([source], [result])).graph
    assert layer_name(parsed, parsed.operators[0]) == "logits"
    assert mentioned(parsed, parsed.operators[0]) == {"act", "logits"}
