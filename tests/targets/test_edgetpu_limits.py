"""The Edge TPU's limits operator by operator, from Coral's table, users' logs and public models' compiled twins."""

import numpy as np
import pytest
from edgetpu_graphs import check, options
from small_graphs import Graph


def _single(name, shape, options=None, out=None, more=(), dtype="i1"):
    """(mapped, reason) of one operator; `more` are constants (values, dtype) after its first input."""
    graph = Graph()
    source = graph.tensor("source", shape, dtype)
    others = [
        graph.tensor(f"argument{index}", np.asarray(values).shape, kind, values=values)
        for index, (values, kind) in enumerate(more)
    ]
    result = graph.tensor("result", out or shape, dtype)
    graph.operator(name, [source, *others], [result], options)
    row = check(graph, [source], [result]).operators[0]
    return row.mapped, row.reason


_PICTURE = (1, 8, 8, 6)
_WIDE = (1, 8, 8, 7)
_ONE, _ZERO = (np.ones((1, 8, 8, 1)), "i1"), (np.zeros((1, 8, 8, 1)), "i1")
_DENSE = (np.ones((3, 6)), "i1")
_BEGIN, _END, _HALF = ([0, 0], "i4"), ([1, 6], "i4"), (1, 3)
_JOIN = options("Concatenation", axis=3)
_SIZE = ([2, 2], "i4")


@pytest.mark.parametrize(
    ("case", "mapped"),
    [
        (("MAX_POOL_2D", _PICTURE, options("Pool2D")), True),
        (("MAX_POOL_2D", _PICTURE, options("Pool2D", fusedActivationFunction=1)), False),
        (("MEAN", _PICTURE, options("Reducer"), (1, 6), [([1, 2], "i4")]), True),
        (("MEAN", _PICTURE, options("Reducer"), (1, 8, 8), [([-1], "i4")]), False),
        (("MEAN", (1, 8, 8, 8), options("Reducer"), (1, 8, 8), [([3], "i4")]), True),
        (("MEAN", _PICTURE, options("Reducer"), (8, 8, 6), [([0], "i4")]), False),
        (("REDUCE_MAX", _PICTURE, options("Reducer"), (8, 8, 6), [([0], "i4")]), False),
        (("SOFTMAX", (1, 1000), options("Softmax")), True),
        (("SOFTMAX", (1, 16384), options("Softmax")), True),
        (("SOFTMAX", (1, 4, 756, 16), options("Softmax")), True),
        (("SOFTMAX", (1, 256, 256, 21), options("Softmax")), False),
        (("MEAN", (1, 64, 128, 3), options("Reducer"), (1, 3), [([1, 2], "i4")]), True),
        (("MEAN", (1, 256, 128, 3), options("Reducer"), (1, 3), [([1, 2], "i4")]), False),
        (("RESIZE_BILINEAR", (1, 32, 64, 8), options("ResizeBilinear"), (1, 128, 256, 8), [_SIZE]), True),
        (("RESIZE_BILINEAR", (1, 33, 33, 8), options("ResizeBilinear"), (1, 513, 513, 8), [_SIZE]), False),
        (("RESIZE_BILINEAR", (1, 64, 64, 32), options("ResizeBilinear"), (1, 128, 128, 32), [_SIZE]), True),
        (("RESIZE_BILINEAR", (1, 256, 256, 32), options("ResizeBilinear"), (1, 512, 512, 32), [_SIZE]), False),
        (("TILE", (1, 1, 1, 6), options("Tile"), _PICTURE, [([1, 8, 8, 1], "i4")]), True),
        (("RELU", (1, 513, 513, 96)), True),
        (("RELU", (1, 512, 512, 151)), False),
        (("PAD", _PICTURE, options("Pad"), (1, 10, 10, 6), [([[0, 0], [1, 1], [1, 1], [0, 0]], "i4")]), True),
        (("PAD", _PICTURE, options("Pad"), (2, 8, 8, 6), [([[0, 1], [0, 0], [0, 0], [0, 0]], "i4")]), False),
        (("PRELU", _PICTURE, None, None, [(np.ones((1, 1, 6)), "i1")]), True),
        (("PRELU", _PICTURE, None, None, [(np.ones((8, 8, 6)), "i1")]), False),
        (("FULLY_CONNECTED", (1, 6), options("FullyConnected"), (1, 3), [_DENSE]), True),
        (("FULLY_CONNECTED", (4, 6), options("FullyConnected"), (4, 3), [_DENSE]), False),
        (("FULLY_CONNECTED", (1, 6), options("FullyConnected", weightsFormat=1), (1, 3), [_DENSE]), False),
        (("CONCATENATION", _PICTURE, _JOIN, _WIDE, [_ZERO]), True),
        (("CONCATENATION", _PICTURE, _JOIN, _WIDE, [_ONE]), False),
        (("SQUEEZE", (1, 1, 1, 6), options("Squeeze"), (1, 6)), True),
        (("SQUEEZE", (1, 8, 1, 6), options("Squeeze"), (1, 8, 6)), False),
        (("STRIDED_SLICE", (1, 6), options("StridedSlice"), _HALF, [_BEGIN, _END, ([1, 1], "i4")]), True),
        (("STRIDED_SLICE", (1, 6), options("StridedSlice"), _HALF, [_BEGIN, _END, ([1, 2], "i4")]), False),
        (("LEAKY_RELU", _PICTURE, options("LeakyRelu")), False),
        (("LOGISTIC", _PICTURE), True),
        (("LOGISTIC", _PICTURE, None, None, (), "i2"), False),
        (("SUM", (1, 1, 8, 8, 6), options("Reducer"), (1, 8, 6), [([1, 2], "i4")]), False),
    ],
)  # fmt: skip
def test_limitations_of_single_operators(case, mapped):
    got, reason = _single(*case)
    assert got is mapped, reason
    assert bool(reason) is not mapped


def test_weights_must_be_constants():
    graph = Graph()
    vector, weights = graph.tensor("vector", (1, 8)), graph.tensor("weights", (4, 8))
    result = graph.tensor("result", (1, 4))
    graph.operator("FULLY_CONNECTED", [vector, weights], [result], options("FullyConnected"))
    row = check(graph, [vector, weights], [result]).operators[0]
    assert not row.mapped and "computed at run time" in row.reason


@pytest.mark.parametrize(("dilation", "mapped"), [((2, 2), True), ((1, 2), False)])
def test_dilation_must_be_the_same_both_ways(dilation, mapped):
    graph = Graph()
    picture = graph.tensor("picture", (1, 16, 16, 3))
    row = check(graph, [picture], [graph.conv("stem", picture, 8, 3, dilation)]).operators[0]
    assert row.mapped is mapped


@pytest.mark.parametrize(("kernel", "mapped"), [((3, 1), True), ((1, 1), True), ((3, 3), False)])
def test_a_dilation_counts_where_the_kernel_is_wider_than_one(kernel, mapped):
    graph = Graph()
    picture, result = graph.tensor("picture", (1, 118, 32, 1)), graph.tensor("result", (1, 114, 32, 8))
    settings = options("Conv2D", dilationHFactor=2, dilationWFactor=1, strideH=1, strideW=1)
    graph.operator("CONV_2D", [picture, graph.constant("weights", (8, *kernel, 1))], [result], settings)
    assert check(graph, [picture], [result]).operators[0].mapped is mapped


def test_large_activations_are_cautioned_of():
    graph = Graph()
    picture = graph.tensor("picture", (1, 641, 361, 48))  # of a bodypix model that maps
    report = check(graph, [picture], [graph.unary("RELU", "out", picture)])
    assert report.maps_entirely and "10.6 MiB" in report.notes[0] and "large activation tensors" in report.notes[0]
