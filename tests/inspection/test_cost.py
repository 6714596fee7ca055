import pytest
from ai_edge_litert import schema_py_generated as schema
from requirements import CORAL, needs_shared
from small_graphs import Graph

from edgecnn.graph import cost
from edgecnn.runtime.model import tflite


@pytest.mark.parametrize(
    ("name", "macs_m", "parameters_m"),
    [
        # TF-slim's model tables (research/slim/nets/mobilenet_v1.md and mobilenet/README.md)
        ("mobilenet_v2_1.0_224_quant", 300, 3.47),
        ("mobilenet_v1_0.25_128_quant", 14, 0.47),
    ],
)
@needs_shared
def test_coral_mobilenets_cost_what_their_authors_published(name, macs_m, parameters_m):
    data = (CORAL / f"{name}.tflite").read_bytes()
    graph = tflite.parse(data).graph
    assert cost.total_macs(graph) / 1e6 == pytest.approx(macs_m, abs=0.8)
    parameters, parameter_bytes = cost.total_parameters(graph)
    assert parameters / 1e6 == pytest.approx(parameters_m, rel=0.01)
    assert parameters < parameter_bytes < 1.05 * parameters  # int8 weights, int32 biases


def _cost(name, shapes, out, options=None, dtype="i1", constants=(1, 2)):
    """The cost of one operator; inputs whose position is in `constants` hold values."""
    graph = Graph()
    numbers = []
    for position, (shape, kind) in enumerate(shapes):
        make = graph.constant if position in constants else graph.tensor
        numbers.append(make(f"input{position}", shape, kind or dtype))
    result = graph.tensor("result", out, dtype)
    graph.operator(name, numbers, [result], options)
    activations = [number for position, number in enumerate(numbers) if position not in constants]
    parsed = tflite.parse(graph.build(activations, [result])).graph
    return cost.operator_cost(parsed, parsed.operators[0])


def test_a_grouped_strided_convolution_counts_its_own_channels_only():
    # 16 input channels in 4 groups: each output value sees 3 x 3 x 4 inputs
    count = _cost("CONV_2D", [((1, 9, 9, 16), None), ((8, 3, 3, 4), None), ((8,), "i4")], (1, 5, 5, 8))
    assert count.macs == (5 * 5 * 8) * (3 * 3 * 4)
    assert (count.parameters, count.parameter_bytes) == (8 * 3 * 3 * 4 + 8, 8 * 3 * 3 * 4 + 8 * 4)
    assert (count.input_bytes, count.output_bytes) == (9 * 9 * 16, 5 * 5 * 8)
    assert count.bytes_moved == 9 * 9 * 16 + 5 * 5 * 8 + 288 + 32


def test_a_depthwise_convolution_sees_one_channel():
    count = _cost("DEPTHWISE_CONV_2D", [((1, 8, 8, 6), None), ((1, 5, 5, 12), None), ((12,), "i4")], (1, 8, 8, 12))
    assert count.macs == (8 * 8 * 12) * (5 * 5)


def test_a_transposed_convolution_spreads_every_input():
    # each of the 4 x 4 x 3 inputs is multiplied with 2 x 2 x 5 weights
    shapes = [((4,), "i4"), ((5, 2, 2, 3), None), ((1, 4, 4, 3), None)]
    count = _cost("TRANSPOSE_CONV", shapes, (1, 8, 8, 5), constants=(0, 1))
    assert count.macs == (4 * 4 * 3) * (2 * 2 * 5)
    assert count.parameters == 5 * 2 * 2 * 3  # the output's shape is no parameter


@pytest.mark.parametrize(("adjoint", "left"), [(False, (2, 7, 3)), (True, (2, 3, 7))])
def test_a_matrix_product_counts_its_inner_dimension(adjoint, left):
    options = schema.BatchMatMulOptionsT()
    options.adjX = adjoint
    count = _cost("BATCH_MATMUL", [(left, None), ((2, 3, 5), None)], (2, 7, 5), options, "f4", constants=())
    assert count.macs == 2 * 7 * 3 * 5
    assert count.input_bytes == 4 * (2 * 7 * 3 + 2 * 3 * 5)


def test_what_only_moves_data_counts_no_products_and_no_parameters():
    count = _cost("RESHAPE", [((1, 4, 4, 8), None), ((2,), "i4")], (1, 128), constants=(1,))
    assert (count.macs, count.parameters, count.bytes_moved) == (0, 0, 256)
