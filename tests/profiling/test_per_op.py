import io
import json
import subprocess
import sys
import zipfile

import delegate_doubles
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from small_graphs import Graph

from edgecnn.devices import open_device
from edgecnn.graph import cut
from edgecnn.graph.layer_names import layer_name
from edgecnn.profiling import per_op, per_op_text
from edgecnn.profiling.node_data import node_data
from edgecnn.runtime.measure import per_op as runtime_per_op
from edgecnn.runtime.measure.latency import Plan
from edgecnn.runtime.model import model_file, tflite


def _network(dtype="i1"):
    """Two convolutions, a sum, a pooling; returns the model file."""
    graph = Graph()
    picture = graph.tensor("picture", (1, 16, 16, 3), dtype)
    first = graph.conv("model/first", picture, 8, 3, dtype=dtype)
    second = graph.conv("model/second", first, 8, dtype=dtype)
    total = graph.tensor("model/sum/add", (1, 16, 16, 8), dtype)
    graph.operator("ADD", [first, second], [total], schema.AddOptionsT(), 2)
    pool = schema.Pool2DOptionsT()
    pool.strideH = pool.strideW = 1
    pool.filterHeight = pool.filterWidth = 16
    pooled = graph.unary("AVERAGE_POOL_2D", "model/pool/AvgPool", total, pool, (1, 1, 1, 8), dtype)
    return model_file.from_bytes(graph.build([picture], [pooled]), "small.tflite")


@pytest.mark.parametrize("dtype", ["i1", "f4"])
def test_operators_run_one_by_one_compute_what_the_whole_model_does(dtype):
    file = _network(dtype)
    draw = np.random.default_rng(1).integers(-100, 100, (1, 16, 16, 3))
    picture = draw.astype(np.int8) if dtype == "i1" else (draw / 100).astype(np.float32)
    whole = Interpreter(model_content=file.data)
    whole.allocate_tensors()
    whole.set_tensor(file.model.graph.inputs[0], picture)
    whole.invoke()
    expected = whole.get_tensor(file.model.graph.outputs[0])

    parts = Interpreter(model_content=cut.cut(file))
    parts.allocate_tensors()
    values = {file.model.graph.inputs[0]: picture}
    for operator in file.model.graph.operators:
        runner = parts.get_signature_runner(f"op{operator.index}")
        given = [number for number in operator.inputs if not file.model.graph.tensors[number].is_constant]
        arguments = {f"in{order}": values[number] for order, number in enumerate(given)}
        values[operator.outputs[0]] = runner(**arguments)["out0"]
    np.testing.assert_array_equal(values[file.model.graph.outputs[0]], expected)


def test_constants_are_shared_between_the_parts():
    graph = Graph()
    vector = graph.tensor("vector", (1, 1000))
    weights = graph.constant("weights", (1000, 1000))
    outputs = []
    for name in ("first", "second"):
        outputs.append(graph.tensor(name, (1, 1000)))
        graph.operator("FULLY_CONNECTED", [vector, weights], outputs[-1:], schema.FullyConnectedOptionsT(), 4)
    data = graph.build([vector], outputs)
    model = tflite.parse(data)
    file = model_file.ModelFile("shared", data, model, None, sealed=False)
    probes = 512 * 512 * (1 + 4)
    assert len(cut.cut(file)) < len(data) + probes + 30_000


def test_what_only_reads_constants_goes_along_and_costs_nothing():
    graph = Graph()
    picture = graph.tensor("picture", (1, 8, 8, 4), "f4")
    half = graph.constant("half", (1, 8, 8, 4), "f2")
    full = graph.unary("DEQUANTIZE", "full", half, dtype="f4")
    total = graph.tensor("total", (1, 8, 8, 4), "f4")
    graph.operator("ADD", [picture, full], [total], schema.AddOptionsT())
    file = model_file.ModelFile("half", graph.build([picture], [total]), None, None, sealed=False)
    file = model_file.ModelFile("half", file.data, tflite.parse(file.data), None, sealed=False)
    parts = Interpreter(model_content=cut.cut(file))
    assert {name for name in parts.get_signature_list() if name.startswith("op")} == {"op1"}
    assert list(parts.get_signature_runner("op1").get_input_details()) == ["in0"]


@pytest.mark.parametrize("values", [None, [1.0]])
def test_a_long_chain_is_all_constant_or_not_at_all(values):
    graph = Graph()
    first = last = graph.tensor("first", (1,), "f4", values=values)
    for number in range(2000):
        last = graph.unary("ABS", f"abs{number}", last)
    found = tflite.parse(graph.build([first], [last])).graph
    assert runtime_per_op.constant_operators(found) == (set(range(2000)) if values else set())


@pytest.fixture(scope="module")
def result():
    file = _network()
    with open_device("local") as device:
        return file, per_op.measure(file, device, threads=1, runs=10, warmup=1, budget=5.0)


def test_each_operator_has_its_layer_kernel_and_cost(result):
    _, measured = result
    rows = [(row.layer, row.type, row.output_shapes) for row in measured.operators]
    assert rows == [
        ("first", "CONV_2D", ((1, 16, 16, 8),)),
        ("second", "CONV_2D", ((1, 16, 16, 8),)),
        ("sum", "ADD", ((1, 16, 16, 8),)),
        ("pool", "AVERAGE_POOL_2D", ((1, 1, 1, 8),)),
    ]
    first = measured.operators[0]
    assert first.cost.macs == 16 * 16 * 8 * 3 * 3 * 3
    assert first.cost.bytes_moved == 16 * 16 * 3 + (8 * 27 + 8 * 4) + 16 * 16 * 8
    assert first.kernel == "XNNPACK" and first.number_format == "int8"
    assert sum(row.share for row in measured.operators) == pytest.approx(1, abs=1e-3)


def test_sum_whole_and_bound_agree_with_their_parts(result):
    _, measured = result
    assert measured.sum_ms == pytest.approx(sum(row.latency_ms for row in measured.operators), abs=1e-4)
    assert measured.difference == pytest.approx(measured.sum_ms / measured.whole_ms - 1, abs=1e-3)
    assert f"{measured.difference:+.1%}" in measured.remarks[0]
    for row in measured.operators:
        if row.bound is None:
            continue
        compute_ms = row.cost.macs / measured.peaks.gmacs[row.number_format] / 1e6
        memory_ms = row.cost.bytes_moved / measured.peaks.gb_s / 1e6
        assert row.bound.bound_ms == pytest.approx(max(compute_ms, memory_ms), abs=2e-6)
        assert row.bound.limit == ("compute" if compute_ms >= memory_ms else "memory")


def test_node_data_is_what_model_explorer_reads(result):
    """Keys and types of model_explorer/node_data_builder.py; node ids are operator numbers, the graph is `main`."""
    file, measured = result
    (graph,) = json.loads(json.dumps(node_data(file, measured))).items()
    assert graph[0] == "main"
    assert sorted(graph[1]["results"]) == ["0", "1", "2", "3"]
    assert all(isinstance(entry["value"], float) for entry in graph[1]["results"].values())
    assert [entry["stop"] for entry in graph[1]["gradient"]] == [0, 0.5, 1]


def test_tables_have_a_cell_for_every_column(result):
    _, measured = result
    for columns, rows in (per_op_text.table(measured), per_op_text.by_type(measured.operators)):
        assert rows and all(len(row) == len(columns) for row in rows)
    assert json.loads(json.dumps(measured.to_dict()))["operators"][0]["layer"] == "first"


@pytest.mark.parametrize(
    ("kind", "output", "constants", "layer"),
    [
        # as TensorFlow's converter names what it fuses
        ("CONV_2D", "lite0/stem_act/Relu6;lite0/stem_conv/Conv2D", ["lite0/stem_conv/Conv2D"], "stem_conv"),
        (
            "DEPTHWISE_CONV_2D",
            "m/b_act/Relu6;m/b_bn/FusedBatchNormV3;m/b_conv/depthwise;m/x/depthwise",
            ["m/b_act/Relu6;m/b_bn/FusedBatchNormV3;m/b_conv/depthwise"],
            "b_conv",
        ),
        ("CONV_2D", "m/project_conv/Conv2D1", ["m/project_conv/Conv2D", "arith.constant"], "project_conv"),
        ("FULLY_CONNECTED", "Identity", ["m/logits/MatMul"], "logits"),
        ("FULLY_CONNECTED", "StatefulPartitionedCall:0", ["StatefulPartitionedCall/m/logits/MatMul"], "logits"),
        ("MEAN", "m/pool/Mean", ["m/pool/Mean/reduction_indices"], "pool"),
        ("QUANTIZE", "tfl.quantize", [], "tfl.quantize"),
    ],
)  # fmt: skip
def test_layer_names(kind, output, constants, layer):
    graph = Graph()
    shape = (1, 1, 1, 4) if "CONV" in kind else (1, 4)
    source = graph.tensor("source", shape)
    weights = {"FULLY_CONNECTED": (1, 4)}.get(kind, shape if "CONV" in kind else (4,))
    numbers = [
        graph.tensor(name, (4,) if number else weights, values=[1, 2, 3, 4]) for number, name in enumerate(constants)
    ]
    result = graph.tensor(output, shape)
    graph.operator(kind, [source, *numbers], [result])
    parsed = tflite.parse(graph.build([source], [result])).graph
    assert layer_name(parsed, parsed.operators[0]) == layer


def test_operators_in_files_of_their_own_compute_the_same():
    """For runtimes before LiteRT: a zip, each file a whole model of one operator."""
    file = _network()
    with zipfile.ZipFile(io.BytesIO(cut.cut(file, files=True))) as archive:
        assert {"op0.tflite", "op3.tflite", "empty0.tflite", "probe_int8.tflite"} <= set(archive.namelist())
        data = archive.read("op0.tflite")
    picture = np.random.default_rng(2).integers(-100, 100, (1, 16, 16, 3)).astype(np.int8)
    outputs = []
    for content in (data, cut.cut(file)):
        runner = Interpreter(model_content=content).get_signature_runner("op0")
        outputs.append(runner(in0=picture)["out0"])
    np.testing.assert_array_equal(*outputs)
    assert np.ptp(outputs[0]) > 0


def test_the_zip_is_timed_like_the_single_file():
    file = _network()
    times = runtime_per_op.measure(file, cut.cut(file, files=True), Plan(threads=2, runs=10, warmup=1, budget_s=5.0))
    assert [row["index"] for row in times["operators"]] == [0, 1, 2, 3]
    assert times["clock"] == "wall" and times["sum_ms"] > 0 and times["probe"]["int8_gmacs"] > 0


def _edgecnn(*arguments):
    return subprocess.run([sys.executable, "-m", "edgecnn", *arguments], capture_output=True, text=True)


def test_the_command_prints_a_row_per_operator_and_writes_node_data(tmp_path):
    path = tmp_path / "small.tflite"
    path.write_bytes(_network().data)
    command = ("profile", str(path), "--per-op", "--threads", "1", "--runs", "10")
    done = _edgecnn(*command, "--node-data", str(tmp_path / "n"))
    assert done.returncode == 0, done.stderr
    for words in ("first", "AVERAGE_POOL", "By type", "operators add up to", "Limits from a measurement"):
        assert words in done.stdout
    assert len(json.loads((tmp_path / "n").read_text())["main"]["results"]) == 4
    done = _edgecnn(*command, "--json", "-")
    (values,) = json.loads(done.stdout)["per_op"]
    assert len(values["operators"]) == 4 and values["clock"] == "processor"


def test_node_data_without_per_op_is_wrong_usage(tmp_path):
    path = tmp_path / "small.tflite"
    path.write_bytes(_network().data)
    done = _edgecnn("profile", str(path), "--node-data", "out.json")
    assert done.returncode == 2 and "--per-op" in done.stderr


def test_a_delegate_that_takes_nothing_is_reported(tmp_path):
    path = tmp_path / "small.tflite"
    path.write_bytes(_network().data)
    library = delegate_doubles.build("claims_nothing", tmp_path)
    done = _edgecnn("profile", str(path), "--threads", "1", "--runs", "5", "--delegate", str(library))
    assert done.returncode == 0, done.stderr
    assert "The delegate runs 0 of the model's 4 operators." in done.stdout
