"""What is estimated of the chip's memory."""

from edgetpu_graphs import check, options
from small_graphs import Graph


def _dense_stack(units, layers, bias=True):
    graph = Graph()
    first = last = graph.tensor("vector", (1, units))
    for index in range(layers):
        given, last = last, graph.tensor(f"dense{index}", (1, units))
        parameters = [graph.constant(f"weights{index}", (units, units))]
        parameters += [graph.constant(f"bias{index}", (units,), "i4")] if bias else []
        graph.operator("FULLY_CONNECTED", [given, *parameters], [last], options("FullyConnected"))
    return check(graph, [first], [last]).memory


def test_stacks_of_dense_layers_stream_earlier():
    """google-coral/edgetpu issue 89: 100 layers of 100 units keep 0.99 MiB on the chip and stream 0.27."""
    memory = _dense_stack(100, 100)
    low, high = memory.needed_range_bytes
    assert low < 1.26 * 2**20 < high
    low, high = memory.streamed_range_bytes
    assert low < 0.27 * 2**20 < high < 0.5 * 2**20
    assert "may be read over the bus" in memory.note


def test_memory_is_an_interval_and_promises_nothing():
    memory = _dense_stack(1000, 2, bias=False)
    assert memory.needed_range_bytes == (2_000_000, 2_600_000) and memory.streamed_range_bytes == (0, 0)
    assert "1.91 to 2.48 MiB" in memory.note and "Probably" in memory.note and "fit" not in memory.note


def test_parameters_that_exceed_the_chip_are_streamed():
    graph = Graph()
    vector = graph.tensor("vector", (1, 3000))
    weights = graph.constant("weights", (3000, 3000))
    result = graph.tensor("result", (1, 3000))
    graph.operator("FULLY_CONNECTED", [vector, weights], [result], options("FullyConnected"))
    memory = check(graph, [vector], [result]).memory
    assert memory.parameter_bytes == 9_000_000
    assert memory.streamed_bytes == 9_000_000 - int(7.9 * 2**20)
    assert memory.estimated and "at every inference" in memory.note


def test_a_compiled_model_is_not_said_to_have_no_parameters():
    graph = Graph()
    picture, scores = graph.tensor("picture", (1, 8, 8, 3), "u1"), graph.tensor("scores", (1, 4), "u1")
    graph.operator("CUSTOM", [picture], [scores])
    graph.model.operatorCodes[0].customCode = "edgetpu-custom-op"
    report = check(graph, [picture], [scores])
    assert report.maps_entirely and report.mapped_macs_share is None and "already compiled" in report.memory.note
