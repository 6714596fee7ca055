import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from requirements import CORAL, needs_shared
from small_graphs import Graph

from edgecnn import targets
from edgecnn.core.errors import UsageError
from edgecnn.runtime.model import tflite
from edgecnn.targets import edgetpu_rules as rules


def _check(graph, inputs, outputs):
    return targets.check(tflite.parse(graph.build(inputs, outputs)))


def _options(name, **values):
    options = getattr(schema, f"{name}OptionsT")()
    for key, value in values.items():
        assert hasattr(options, key), key
        setattr(options, key, value)
    return options


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


def test_a_segmentation_head_like_deeplabs_maps_entirely():
    """Dilated convolutions, pooling of the whole picture, resize-bilinear, concatenation: DeepLab v3's parts."""
    graph = Graph()
    picture = graph.tensor("picture", (1, 33, 33, 16), "u1")
    branches = [graph.conv(f"aspp{rate}", picture, 8, 3, (rate, rate), dtype="u1") for rate in (1, 2, 4)]
    pool = _options("Pool2D", filterWidth=33, filterHeight=33, strideW=1, strideH=1)
    pooled = graph.unary("AVERAGE_POOL_2D", "pool", picture, pool, (1, 1, 1, 16), "u1")
    pooled = graph.conv("image_pooling", pooled, 8, dtype="u1")
    size = graph.tensor("size", (2,), "i4", values=[33, 33])
    wide = graph.tensor("wide", (1, 33, 33, 8), "u1")
    graph.operator("RESIZE_BILINEAR", [pooled, size], [wide], _options("ResizeBilinear", alignCorners=True))
    joined = graph.tensor("joined", (1, 33, 33, 32), "u1")
    graph.operator("CONCATENATION", [*branches, wide], [joined], _options("Concatenation", axis=3))
    classes = graph.conv("logits", joined, 21, dtype="u1")
    report = _check(graph, [picture], [classes])
    assert report.maps_entirely and report.total == 8
    assert any("RESIZE_BILINEAR may stay" in line for line in report.summary())


def test_hard_swish_stops_the_partition_and_says_what_to_build_instead():
    graph = Graph()
    picture = graph.tensor("picture", (1, 16, 16, 3))
    stem = graph.conv("mobilenet_v3/stem_conv", picture, 8, 3)
    active = graph.unary("HARD_SWISH", "mobilenet_v3/stem_act/mul", stem)
    report = _check(graph, [picture], [graph.conv("mobilenet_v3/block0_conv", active, 8)])
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
    graph.operator("ADD", [picture, three], [shifted], _options("Add"))
    clipped = graph.unary("RELU6", "clipped", shifted)
    product = graph.tensor("product", (1, 16, 16, 8))
    graph.operator("MUL", [picture, clipped], [product], _options("Mul"))
    assert _check(graph, [picture], [product]).maps_entirely


def test_a_float_minimum_inside_it_does_not():
    graph = Graph()
    picture = graph.tensor("picture", (1, 16, 16, 8))
    real = graph.unary("DEQUANTIZE", "real", picture, dtype="f4")
    six = graph.tensor("six", (), "f4", values=6)
    clipped = graph.tensor("clipped", (1, 16, 16, 8), "f4")
    graph.operator("MINIMUM", [real, six], [clipped])
    report = _check(graph, [picture], [clipped])
    assert report.mapped == 0 and {row.status for row in report.operators} == {rules.WRONG_TYPE}


def test_a_float_model_does_not_map_at_all():
    graph = Graph()
    picture = graph.tensor("picture", (1, 16, 16, 3), "f4")
    report = _check(graph, [picture], [graph.conv("stem", picture, 8, dtype="f4")])
    assert report.mapped == 0 and "--scheme int8" in report.first_refusal.remedy


def test_float_input_and_output_leave_only_their_conversions_on_the_processor():
    graph = Graph()
    picture = graph.tensor("picture", (1, 16, 16, 3), "f4")
    whole = graph.conv("stem", graph.unary("QUANTIZE", "quantized", picture, dtype="i1"), 8)
    report = _check(graph, [picture], [graph.unary("DEQUANTIZE", "real", whole, dtype="f4")])
    assert [row.mapped for row in report.operators] == [False, True, False]
    assert all("--io uint8" in row.remedy for row in report.operators if not row.mapped)


def test_what_follows_a_float_conversion_inside_the_model_stays_on_the_processor():
    graph = Graph()
    picture = graph.tensor("picture", (1, 16, 16, 3))
    stem = graph.conv("stem", picture, 8)
    real = graph.unary("DEQUANTIZE", "real", stem, dtype="f4")
    back = graph.unary("QUANTIZE", "back", real, dtype="i1")
    report = _check(graph, [picture], [graph.conv("next", back, 8)])
    assert [row.mapped for row in report.operators] == [True, False, False, False]


def test_free_shapes_and_large_batches_are_refused():
    for shape, free in (((1, 16, 16, 3), (0,)), ((2, 16, 16, 3), ())):
        graph = Graph()
        picture = graph.tensor("picture", shape, free=free)
        graph.graph.tensors[picture].shape = list(shape)
        report = _check(graph, [picture], [graph.unary("RELU", "out", picture)])
        assert not report.operators[0].mapped
        assert "free shape" in report.operators[0].reason or "innermost three" in report.operators[0].reason


def test_newer_versions_than_the_compilers_are_named():
    graph = Graph()
    picture = graph.tensor("picture", (1, 16, 16, 3))
    report = _check(graph, [picture], [graph.conv("stem", picture, 8, version=6)])
    assert report.first_refusal.status == rules.WRONG_VERSION
    assert "version 6" in report.first_refusal.reason and "knows 5" in report.first_refusal.reason


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
    row = _check(graph, [source], [result]).operators[0]
    return row.mapped, row.reason


_PICTURE = (1, 8, 8, 6)
_WIDE = (1, 8, 8, 7)
_ONE, _ZERO = (np.ones((1, 8, 8, 1)), "i1"), (np.zeros((1, 8, 8, 1)), "i1")
_DENSE = (np.ones((3, 6)), "i1")
_BEGIN, _END, _HALF = ([0, 0], "i4"), ([1, 6], "i4"), (1, 3)
_JOIN = _options("Concatenation", axis=3)


@pytest.mark.parametrize(
    ("case", "mapped"),
    [
        (("MAX_POOL_2D", _PICTURE, _options("Pool2D")), True),
        (("MAX_POOL_2D", _PICTURE, _options("Pool2D", fusedActivationFunction=1)), False),
        (("MEAN", _PICTURE, _options("Reducer"), (1, 6), [([1, 2], "i4")]), True),
        (("MEAN", _PICTURE, _options("Reducer"), (1, 8, 8), [([-1], "i4")]), False),
        (("MEAN", (1, 8, 8, 8), _options("Reducer"), (1, 8, 8), [([3], "i4")]), True),
        (("MEAN", _PICTURE, _options("Reducer"), (8, 8, 6), [([0], "i4")]), False),
        (("REDUCE_MAX", _PICTURE, _options("Reducer"), (8, 8, 6), [([0], "i4")]), False),
        (("SOFTMAX", (1, 1000), _options("Softmax")), True),
        (("SOFTMAX", (1, 16001), _options("Softmax")), False),
        (("SOFTMAX", (4, 10), _options("Softmax")), False),
        (("PAD", _PICTURE, _options("Pad"), (1, 10, 10, 6), [([[0, 0], [1, 1], [1, 1], [0, 0]], "i4")]), True),
        (("PAD", _PICTURE, _options("Pad"), (2, 8, 8, 6), [([[0, 1], [0, 0], [0, 0], [0, 0]], "i4")]), False),
        (("PRELU", _PICTURE, None, None, [(np.ones((1, 1, 6)), "i1")]), True),
        (("PRELU", _PICTURE, None, None, [(np.ones((8, 8, 6)), "i1")]), False),
        (("FULLY_CONNECTED", (1, 6), _options("FullyConnected"), (1, 3), [_DENSE]), True),
        (("FULLY_CONNECTED", (4, 6), _options("FullyConnected"), (4, 3), [_DENSE]), False),
        (("FULLY_CONNECTED", (1, 6), _options("FullyConnected", weightsFormat=1), (1, 3), [_DENSE]), False),
        (("CONCATENATION", _PICTURE, _JOIN, _WIDE, [_ZERO]), True),
        (("CONCATENATION", _PICTURE, _JOIN, _WIDE, [_ONE]), False),
        (("SQUEEZE", (1, 1, 1, 6), _options("Squeeze"), (1, 6)), True),
        (("SQUEEZE", (1, 8, 1, 6), _options("Squeeze"), (1, 8, 6)), False),
        (("STRIDED_SLICE", (1, 6), _options("StridedSlice"), _HALF, [_BEGIN, _END, ([1, 1], "i4")]), True),
        (("STRIDED_SLICE", (1, 6), _options("StridedSlice"), _HALF, [_BEGIN, _END, ([1, 2], "i4")]), False),
        (("LEAKY_RELU", _PICTURE, _options("LeakyRelu")), False),
        (("LOGISTIC", _PICTURE), True),
        (("LOGISTIC", _PICTURE, None, None, (), "i2"), False),
        (("SUM", (1, 1, 8, 8, 6), _options("Reducer"), (1, 8, 6), [([1, 2], "i4")]), False),
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
    graph.operator("FULLY_CONNECTED", [vector, weights], [result], _options("FullyConnected"))
    row = _check(graph, [vector, weights], [result]).operators[0]
    assert not row.mapped and "computed at run time" in row.reason


@pytest.mark.parametrize(("dilation", "mapped"), [((2, 2), True), ((1, 2), False)])
def test_dilation_must_be_the_same_both_ways(dilation, mapped):
    graph = Graph()
    picture = graph.tensor("picture", (1, 16, 16, 3))
    row = _check(graph, [picture], [graph.conv("stem", picture, 8, 3, dilation)]).operators[0]
    assert row.mapped is mapped


def test_parameters_that_exceed_the_chip_are_streamed():
    graph = Graph()
    vector = graph.tensor("vector", (1, 3000))
    weights = graph.constant("weights", (3000, 3000))
    result = graph.tensor("result", (1, 3000))
    graph.operator("FULLY_CONNECTED", [vector, weights], [result], _options("FullyConnected"))
    memory = _check(graph, [vector], [result]).memory
    assert memory.parameter_bytes == 9_000_000
    assert memory.streamed_bytes == 9_000_000 - int(7.9 * 2**20)
    assert memory.estimated and "at every inference" in memory.note


def test_the_report_is_json(tmp_path):
    import json

    graph = Graph()
    picture = graph.tensor("picture", (1, 16, 16, 3))
    report = _check(graph, [picture], [graph.unary("ELU", "out", picture)])
    values = json.loads(json.dumps(report.to_dict()))
    assert values["maps_entirely"] is False and values["first_refusal"]["type"] == "ELU"


def test_an_unknown_target_names_the_known_ones():
    with pytest.raises(UsageError, match="edgetpu"):
        targets.warn_before_training(None, "npu")


def _layer(kind, name, **config):
    return type(kind, (), {"name": name, "get_config": lambda self: config})()


def _keras(*layers, parameters=1000):
    return SimpleNamespace(layers=list(layers), count_params=lambda: parameters)


def test_a_keras_model_is_warned_of_before_training():
    model = _keras(
        _layer("Conv2D", "stem", activation="linear", dilation_rate=(1, 1), groups=1),
        _layer("HardSwish", "stem_act"),
        _layer("Activation", "block1_act", activation="hard_swish"),
    )
    (line,) = targets.warn_before_training(model)
    assert "stem_act and 1 more layers" in line and "minimalistic" in line and "HARD_SWISH" in line


def test_a_keras_model_of_mapped_layers_has_no_warning():
    model = _keras(_layer("Conv2D", "stem", activation="relu6", dilation_rate=(1, 1), groups=1), _layer("ReLU", "act"))
    assert targets.warn_before_training(model) == []


def test_a_keras_model_larger_than_the_chip_is_warned_of():
    (line,) = targets.warn_before_training(_keras(parameters=20_000_000))
    assert "estimate" in line and "19.1 MiB" in line


def test_build_warns_of_hard_swish_and_only_of_that(tmp_path):
    """The real command on real models; a family that maps says nothing."""
    for model, words in (("mobilenet_v3_small", "hard-swish"), ("mobilenet_v3_small_minimalistic", "")):
        command = [
            sys.executable,
            "-m",
            "edgecnn",
            "build",
            model,
            "--input-size",
            "32",
            "-o",
            str(tmp_path / "m.keras"),
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert words in done.stderr and bool(words) == ("Edge TPU" in done.stderr)


def test_train_says_it_too(capsys):
    from edgecnn.cli import train

    train._warn(_keras(_layer("HardSwish", "stem_act")))
    assert "Before you train it: Edge TPU: hard-swish" in capsys.readouterr().err
