"""Amounts of work, counted by hand on small graphs."""

from __future__ import annotations

import pytest
from ai_edge_litert import schema_py_generated as schema
from small_graphs import Graph

from edgecnn.estimation.work import totals, work_of
from edgecnn.graph import tflite_network
from edgecnn.runtime.model.tflite import parse


def works(made: Graph, inputs, outputs):
    return work_of(tflite_network.read(parse(made.build(inputs, outputs)), "small"))


def test_a_convolution_packs_each_input_for_every_window_that_reads_it():
    made = Graph()
    source = made.tensor("features", (1, 8, 8, 16), "f4")
    (work,) = works(made, [source], [made.conv("conv", source, 32, kernel=3, dtype="f4")])
    assert work.number_format == "float32"
    assert work.amounts["gemm.macs"] == 8 * 8 * 32 * 9 * 16
    assert work.amounts["gemm.inputs"] == 8 * 8 * 16 * 9
    assert work.amounts["gemm.outputs"] == 8 * 8 * 32
    assert work.amounts["gemm.weights"] == 9 * 16 * 32 + 32
    assert work.amounts["operator.count"] == 1


def test_the_first_convolution_is_another_kind_of_work():
    made = Graph()
    picture = made.tensor("picture", (1, 8, 8, 3))
    (work,) = works(made, [picture], [made.conv("stem", picture, 4, kernel=3, stride=2)])
    assert work.number_format == "int8"
    assert work.amounts["image.macs"] == 4 * 4 * 4 * 27 and "gemm.macs" not in work.amounts
    assert work.amounts["gemm.inputs"] == 4 * 4 * 27  # one row of 27 numbers per position


def test_a_convolution_of_a_vector_is_a_dense_layer():
    made = Graph()
    vector = made.tensor("vector", (1, 1, 1, 16), "f4")
    (work,) = works(made, [vector], [made.conv("squeeze", vector, 4, dtype="f4")])
    assert set(work.amounts) == {"operator.count", "dense.weights"} and work.amounts["dense.weights"] == 16 * 4 + 4


def test_large_weights_count_as_far_as_they_leave_the_cache():
    made = Graph()
    source = made.tensor("features", (1, 4, 4, 1024), "f4")
    (work,) = works(made, [source], [made.conv("conv", source, 511, dtype="f4")])  # 1024 * 511 + 511 weights
    weights = 1025 * 511
    assert work.amounts["gemm.weights over 256k"] == weights
    assert work.amounts["gemm.weights over 1M"] == pytest.approx(weights**2 / 2**20)


def test_a_dilated_convolution_is_a_kind_of_its_own():
    made = Graph()
    source = made.tensor("features", (1, 8, 8, 16), "f4")
    (work,) = works(made, [source], [made.conv("conv", source, 8, kernel=3, dilation=(2, 2), dtype="f4")])
    assert "dilated convolution.macs" in work.amounts


def test_other_operators_are_counted_by_what_they_move():
    made = Graph()
    source = made.tensor("features", (1, 4, 4, 8), "f4")
    (work,) = works(made, [source], [made.unary("LOGISTIC", "gate", source)])
    assert work.op == "LOGISTIC" and work.amounts["LOGISTIC.elements"] == 2 * 4 * 4 * 8


def test_pooling_reads_every_tap():
    made = Graph()
    source = made.tensor("features", (1, 4, 4, 8), "f4")
    options = schema.Pool2DOptionsT()
    options.filterHeight = options.filterWidth = options.strideH = options.strideW = 2
    options.padding = schema.Padding.VALID
    (work,) = works(made, [source], [made.unary("MAX_POOL_2D", "pool", source, options, (1, 2, 2, 8))])
    assert work.amounts["MAX_POOL_2D.elements"] == 4 * 4 * 8 + 4 * (2 * 2 * 8)


def test_a_window_as_large_as_its_map_is_a_mean():
    """As TensorFlow 1's models end, whose latencies the laws were fitted to."""
    made = Graph()
    source = made.tensor("features", (1, 4, 4, 8), "f4")
    options = schema.Pool2DOptionsT()
    options.filterHeight = options.filterWidth = 4
    options.strideH = options.strideW = 1
    options.padding = schema.Padding.VALID
    (work,) = works(made, [source], [made.unary("AVERAGE_POOL_2D", "pool", source, options, (1, 1, 1, 8))])
    assert work.amounts == {"operator.count": 1, "MEAN.elements": 4 * 4 * 8 + 8}


def test_conversions_count_inside_a_model_only():
    made = Graph()
    picture = made.tensor("picture", (1, 8, 8, 3), "u1")
    signed = made.unary("QUANTIZE", "signed", picture, dtype="i1")
    scores = made.conv("conv", signed, 4)
    real = made.unary("DEQUANTIZE", "real", scores, dtype="f4")
    answer = made.unary("LOGISTIC", "answer", real)
    found = works(made, [picture], [answer])
    assert [work.op for work in found] == ["CONV_2D", "DEQUANTIZE", "LOGISTIC"]
    assert [work.number_format for work in found] == ["int8", "int8", "float32"]
    assert set(totals(found)) == {"int8", "float32"} and totals(found)["int8"]["operator.count"] == 2


def test_int8_weights_under_float_activations_are_a_format_of_their_own():
    made = Graph()
    source = made.tensor("features", (1, 4, 4, 8), "f4")
    weights = made.constant("weights", (8, 1, 1, 8))
    bias = made.constant("bias", (8,), "f4")
    output = made.tensor("output", (1, 4, 4, 8), "f4")
    options = schema.Conv2DOptionsT()
    options.strideH = options.strideW = options.dilationHFactor = options.dilationWFactor = 1
    made.operator("CONV_2D", [source, weights, bias], [output], options)
    assert [work.number_format for work in works(made, [source], [output])] == ["dynamic_int8"]
