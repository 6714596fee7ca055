import pytest
from edgetpu_graphs import check, options
from requirements import CORAL, needs_shared
from small_graphs import Graph

from edgecnn import targets
from edgecnn.runtime.model import tflite
from edgecnn.targets import edgetpu_rules as rules


@pytest.mark.parametrize("name", ["mobilenet_v1_0.25_128_quant", "mobilenet_v2_1.0_224_quant"])
@needs_shared
def test_corals_own_quantized_mobilenets_map_entirely(name):
    data = (CORAL / f"{name}.tflite").read_bytes()
    report = targets.check(tflite.parse(data), name=name)
    assert report.maps_entirely and report.memory.streamed_bytes == 0
    assert report.memory.estimated and "Estimate" in report.memory.note
    assert report.first_refusal is None


@needs_shared
def test_corals_compiler_agrees_that_all_of_mobilenet_maps():
    """Its own output for the same model is at hand: one custom operator from input to output."""
    compiled = tflite.parse((CORAL / "mobilenet_v1_0.25_128_quant_edgetpu.tflite").read_bytes()).graph
    assert [operator.name for operator in compiled.operators] == ["edgetpu-custom-op"]
    assert (compiled.inputs, compiled.outputs) == (compiled.operators[0].inputs, compiled.operators[0].outputs)


def test_a_segmentation_head_like_deeplabs_ends_at_the_pooled_branch():
    """Its real compiled twins: the pooled map's enlargement stays, and what joins it; the other branches map."""
    graph = Graph()
    picture = graph.tensor("picture", (1, 33, 33, 16), "u1")
    pool = options("Pool2D", filterWidth=33, filterHeight=33, strideW=1, strideH=1)
    pooled = graph.unary("AVERAGE_POOL_2D", "pool", picture, pool, (1, 1, 1, 16), "u1")
    pooled = graph.conv("image_pooling", pooled, 8, dtype="u1")
    size = graph.tensor("size", (2,), "i4", values=[33, 33])
    wide = graph.tensor("wide", (1, 33, 33, 8), "u1")
    graph.operator("RESIZE_BILINEAR", [pooled, size], [wide], options("ResizeBilinear", alignCorners=True))
    branches = [graph.conv(f"aspp{rate}", picture, 8, 3, (rate, rate), dtype="u1") for rate in (1, 2, 4)]
    joined = graph.tensor("joined", (1, 33, 33, 32), "u1")
    graph.operator("CONCATENATION", [*branches, wide], [joined], options("Concatenation", axis=3))
    classes = graph.conv("logits", joined, 21, dtype="u1")
    report = check(graph, [picture], [classes])
    assert [row.mapped for row in report.operators] == [True, True, False, True, True, True, False, False]
    assert report.first_refusal.type == "RESIZE_BILINEAR" and "33 times" in report.first_refusal.reason


def test_hard_swish_stops_the_partition_and_says_what_to_build_instead():
    graph = Graph()
    picture = graph.tensor("picture", (1, 16, 16, 3))
    stem = graph.conv("mobilenet_v3/stem_conv", picture, 8, 3)
    active = graph.unary("HARD_SWISH", "mobilenet_v3/stem_act/mul", stem)
    report = check(graph, [picture], [graph.conv("mobilenet_v3/block0_conv", active, 8)])
    assert [row.status for row in report.operators] == [
        rules.MAPPED,
        rules.UNSUPPORTED,
        "More than one subgraph is not supported",
    ]
    assert report.first_refusal.layer == "stem_act" and "minimalistic" in report.first_refusal.remedy
    assert (report.mapped, report.total, report.maps_entirely) == (1, 3, False)
    stem, block = 16 * 16 * 8 * 27, 16 * 16 * 8 * 8
    assert report.mapped_macs_share == pytest.approx(stem / (stem + block))
    assert not report.operators[2].reason  # nothing is wrong with it itself


def test_hard_swish_written_as_relu6_and_mul_maps():
    graph = Graph()
    picture = graph.tensor("picture", (1, 16, 16, 8))
    three = graph.tensor("three", (), "i1", values=60)
    shifted = graph.tensor("shifted", (1, 16, 16, 8))
    graph.operator("ADD", [picture, three], [shifted], options("Add"))
    clipped = graph.unary("RELU6", "clipped", shifted)
    product = graph.tensor("product", (1, 16, 16, 8))
    graph.operator("MUL", [picture, clipped], [product], options("Mul"))
    assert check(graph, [picture], [product]).maps_entirely


def test_a_float_minimum_inside_it_does_not():
    graph = Graph()
    picture = graph.tensor("picture", (1, 16, 16, 8))
    real = graph.unary("DEQUANTIZE", "real", picture, dtype="f4")
    six = graph.tensor("six", (), "f4", values=6)
    clipped = graph.tensor("clipped", (1, 16, 16, 8), "f4")
    graph.operator("MINIMUM", [real, six], [clipped])
    report = check(graph, [picture], [clipped])
    assert report.mapped == 0 and {row.status for row in report.operators} == {rules.WRONG_TYPE}


def test_a_float_model_does_not_map_at_all():
    graph = Graph()
    picture = graph.tensor("picture", (1, 16, 16, 3), "f4")
    report = check(graph, [picture], [graph.conv("stem", picture, 8, dtype="f4")])
    assert report.mapped == 0 and "--scheme int8" in report.first_refusal.remedy


def test_float_input_and_output_leave_only_their_conversions_on_the_processor():
    graph = Graph()
    picture = graph.tensor("picture", (1, 16, 16, 3), "f4")
    whole = graph.conv("stem", graph.unary("QUANTIZE", "quantized", picture, dtype="i1"), 8)
    report = check(graph, [picture], [graph.unary("DEQUANTIZE", "real", whole, dtype="f4")])
    assert [row.mapped for row in report.operators] == [False, True, False]
    assert all("--io uint8" in row.remedy for row in report.operators if not row.mapped)


def test_what_follows_a_float_conversion_inside_the_model_stays_on_the_processor():
    graph = Graph()
    picture = graph.tensor("picture", (1, 16, 16, 3))
    stem = graph.conv("stem", picture, 8)
    real = graph.unary("DEQUANTIZE", "real", stem, dtype="f4")
    back = graph.unary("QUANTIZE", "back", real, dtype="i1")
    report = check(graph, [picture], [graph.conv("next", back, 8)])
    assert [row.mapped for row in report.operators] == [True, False, False, False]


@pytest.mark.parametrize(
    ("shape", "free", "words"), [((1, 16, 16, 3), (1, 2), "dynamic shape"), ((2, 16, 16, 3), (), "innermost three")]
)
def test_free_sizes_and_large_batches_are_refused(shape, free, words):
    graph = Graph()
    picture = graph.tensor("picture", shape, free=free)
    report = check(graph, [picture], [graph.unary("RELU", "out", picture)])
    assert not report.operators[0].mapped and words in report.operators[0].reason


def test_a_free_batch_counts_as_one():
    graph = Graph()
    picture = graph.tensor("picture", (1, 16, 16, 3), free=(0,))
    out = graph.unary("RELU", "out", picture)
    graph.graph.tensors[out].shapeSignature = [-1, 16, 16, 3]
    assert check(graph, [picture], [out]).maps_entirely


def test_a_shape_computed_at_run_time_is_refused():
    graph = Graph()
    picture, shape = graph.tensor("picture", (1, 4, 4, 3)), graph.tensor("shape", (2,), "i4")
    flat = graph.tensor("flat", (1, 48))
    graph.operator("RESHAPE", [picture, shape], [flat])
    row = check(graph, [picture, shape], [flat]).operators[0]
    assert not row.mapped and "'shape' is computed at run time" in row.reason


def test_refusals_go_along_the_data_flow_not_the_order():
    """One branch ends in an operator that the chip lacks before the other one runs."""
    graph = Graph()
    picture = graph.tensor("picture", (1, 16, 16, 3))
    stem = graph.conv("stem", picture, 8)
    leaky = graph.unary("LEAKY_RELU", "leaky", graph.conv("left", stem, 4))
    after = graph.conv("after", leaky, 4)
    right = graph.conv("right", stem, 4)
    both = graph.tensor("both", (1, 16, 16, 8))
    graph.operator("CONCATENATION", [after, right], [both], options("Concatenation", axis=3))
    report = check(graph, [picture], [both])
    assert [(row.type, row.mapped) for row in report.operators] == [
        ("CONV_2D", True), ("CONV_2D", True), ("LEAKY_RELU", False), ("CONV_2D", False), ("CONV_2D", True),
        ("CONCATENATION", False),
    ]  # fmt: skip


def test_conversions_of_the_input_alone_end_no_partition():
    """MoveNet's head: CAST and QUANTIZE stay on the processor, the rest maps; the same behind a layer ends it."""
    for behind in (False, True):
        graph = Graph()
        picture = graph.tensor("picture", (1, 16, 16, 3), "u1")
        source = graph.conv("stem", picture, 3, dtype="u1") if behind else picture
        real = graph.unary("CAST", "real", source, dtype="f4")
        whole = graph.unary("QUANTIZE", "whole", real, dtype="i1")
        report = check(graph, [picture], [graph.conv("body", whole, 8)])
        assert [row.mapped for row in report.operators] == (
            [True, False, False, False] if behind else [False] * 2 + [True]
        )


def test_an_lstm_maps_with_its_cell_state_of_int16():
    graph = Graph()
    frames = graph.tensor("frames", (1, 28, 28))
    inner = [graph.constant(f"w{index}", (20, 28)) for index in range(4)]
    recurrent = [graph.constant(f"r{index}", (20, 20)) for index in range(4)]
    biases = [graph.constant(f"b{index}", (20,), "i4") for index in range(4)]
    states = [graph.tensor("output_state", (1, 20)), graph.tensor("cell_state", (1, 20), "i2")]
    result = graph.tensor("result", (1, 28, 20))
    inputs = [frames, *inner, *recurrent, -1, -1, -1, *biases, -1, -1, *states]
    graph.operator("UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, [result], options("UnidirectionalSequenceLSTM"), version=3)
    assert check(graph, [frames], [result]).maps_entirely


def test_newer_versions_than_the_compilers_are_named():
    graph = Graph()
    picture = graph.tensor("picture", (1, 16, 16, 3))
    report = check(graph, [picture], [graph.conv("stem", picture, 8, version=6)])
    assert report.first_refusal.status == rules.WRONG_VERSION
    assert "version 6" in report.first_refusal.reason and "at most version 5" in report.first_refusal.reason


def test_the_report_is_json(tmp_path):
    import json

    graph = Graph()
    picture = graph.tensor("picture", (1, 16, 16, 3))
    report = check(graph, [picture], [graph.unary("ELU", "out", picture)])
    values = json.loads(json.dumps(report.to_dict()))
    assert values["maps_entirely"] is False and values["first_refusal"]["type"] == "ELU"
