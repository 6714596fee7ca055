"""`.tflite` files by others: without images, without shapes, with operators that no runtime here has."""

import json
import subprocess
import sys

import flatbuffers
import pytest
from ai_edge_litert import schema_py_generated as schema
from edgetpu_graphs import options
from small_graphs import Graph

from edgecnn.graph import shapes, tflite_network
from edgecnn.graph.cost import total_macs
from edgecnn.runtime.model import tflite

SAME_MACS = 8 * 8 * 16 * 27 + 16 * 4


def _classifier(custom=False):
    """CONV_2D, MEAN, FULLY_CONNECTED, after a custom operator or not."""
    graph = Graph()
    picture = graph.tensor("picture", (1, 8, 8, 3))
    source = graph.tensor("own", (1, 8, 8, 3)) if custom else picture
    if custom:
        graph.operator("CUSTOM", [picture], [source])
        graph.model.operatorCodes[0].customCode = "SomebodysOwn"
    features = graph.conv("stem", source, 16, 3)
    mean, axes = graph.tensor("mean", (1, 16)), graph.tensor("axes", (2,), "i4", values=[1, 2])
    graph.operator("MEAN", [features, axes], [mean], options("Reducer"))
    scores = graph.tensor("scores", (1, 4))
    graph.operator("FULLY_CONNECTED", [mean, graph.constant("dense", (4, 16))], [scores], options("FullyConnected"))
    return graph.build([picture], [scores])


def _without_shapes(data):
    """As TensorFlow 1's converter wrote what comes behind a custom operator."""
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    graph = model.subgraphs[0]
    for index, tensor in enumerate(graph.tensors):
        if index not in list(graph.inputs) and tensor.buffer == 0:
            tensor.shape, tensor.shapeSignature = [], None
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _inspect(path, *arguments):
    command = [sys.executable, "-m", "edgecnn", "inspect", str(path), "--target", "edgetpu", *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_runtime_knows_the_shapes_that_a_file_leaves_out():
    whole, data = _classifier(), _without_shapes(_classifier())
    model = tflite.parse(data)
    assert shapes.unknown(model.graph)
    found = shapes.resolved(model, data)
    assert [tensor.shape for tensor in found.graph.tensors] == [t.shape for t in tflite.parse(whole).graph.tensors]
    assert total_macs(found.graph) == total_macs(tflite.parse(whole).graph) == SAME_MACS


def test_shapes_that_nobody_knows_are_not_counted_as_one():
    data = _without_shapes(_classifier(custom=True))
    model = shapes.resolved(tflite.parse(data), data)
    assert shapes.unknown(model.graph) and total_macs(model.graph) == 0
    tflite_network.read(model, "own.tflite")


def test_a_single_number_is_a_known_shape():
    graph = Graph()
    vector, axes = graph.tensor("vector", (1, 8)), graph.tensor("axes", (2,), "i4", values=[0, 1])
    total = graph.tensor("total", ())
    graph.operator("SUM", [vector, axes], [total], options("Reducer"))
    assert not shapes.unknown(tflite.parse(graph.build([vector], [graph.unary("RELU", "out", total)])).graph)


@pytest.mark.parametrize("custom", [False, True])
def test_the_target_of_a_file_without_shapes(tmp_path, custom):
    path = tmp_path / "own.tflite"
    path.write_bytes(_without_shapes(_classifier(custom)))
    done = _inspect(path)
    assert done.returncode == 0, done.stderr
    assert "damaged" not in done.stdout + done.stderr
    if custom:
        assert "0 of 4 operators run on" in done.stdout and "SomebodysOwn" in done.stdout
        assert "does not record the tensor shapes of 4 of its 4 operators" in done.stdout
    else:
        assert "3 of 3 operators (100% of the multiply-accumulates)" in done.stdout


@pytest.mark.parametrize("shape", [(1, 96), (1, 96, 64), (1,), (1, 4, 8, 8, 3)])
def test_the_target_of_models_that_take_no_image(tmp_path, shape):
    graph = Graph()
    sound = graph.tensor("sound", shape)
    path = tmp_path / "sound.tflite"
    path.write_bytes(graph.build([sound], [graph.unary("RELU", "out", sound)]))
    done = _inspect(path, "--json", "-")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["target"]["mapped"] == (len(shape) < 5)


def test_an_operator_without_its_inputs_is_a_damaged_file(tmp_path):
    graph = Graph()
    picture, out = graph.tensor("picture", (1, 8, 8, 3)), graph.tensor("out", (1, 8, 8, 3))
    graph.operator("TILE", [picture], [out])
    graph.operator("PAD", [out], [graph.tensor("padded", (1, 8, 8, 3))])
    path = tmp_path / "damaged.tflite"
    path.write_bytes(graph.build([picture], [out]))
    done = _inspect(path)
    assert done.returncode == 1 and "damaged" in done.stderr and "Traceback" not in done.stderr
