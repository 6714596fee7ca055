"""What is used of TensorFlow's, Keras's and LiteRT's private parts is still there, and still means the same."""

from __future__ import annotations

from ai_edge_litert import schema_py_generated
from small_graphs import Graph

from edgecnn.core.compat import keras_graph, litert_schema
from edgecnn.core.compat.tensorflow import keras
from edgecnn.runtime.model.tflite import parse


def test_the_nodes_of_a_keras_model_are_its_calls():
    inputs = keras.Input((4, 4, 2), name="image")
    shared = keras.layers.Conv2D(2, 1, name="shared")
    inner = keras.Sequential([keras.Input((4, 4, 2)), keras.layers.ReLU(name="act")], name="inner")
    added = keras.layers.Add(name="added")([shared(inputs), shared(inner(inputs))])
    model = keras.Model(inputs, added)
    assert keras_graph.is_functional(model) and keras_graph.is_functional(inner)
    assert not keras_graph.is_functional(shared)
    calls = list(keras_graph.nodes(model))
    names = [node.layer.name for node in calls]
    assert names[0] == "image" and calls[0].is_input and names[-1] == "added"
    assert sorted(names) == ["added", "image", "inner", "shared", "shared"]
    assert keras_graph.outputs(calls[-1]) == [added] and keras_graph.maker(added).name == "added"
    assert len(calls[-1].keras_inputs) == 2
    again = keras_graph.call(keras.layers.Add(), calls[-1], [inputs, inputs])
    assert tuple(again.shape) == (None, 4, 4, 2)
    assert {layer.name for layer in keras_graph.leaves(model)} >= {"act", "shared", "added"}


def test_the_schema_packs_what_it_unpacks():
    graph = Graph()
    source = graph.tensor("source", (1, 8, 8, 3))
    data = graph.build([source], [graph.conv("conv", source, 4)])
    model = litert_schema.unpack(data)
    assert parse(litert_schema.pack(model)).graph.operators == parse(data).graph.operators
    builtin = schema_py_generated.BuiltinOperator
    assert litert_schema.builtin_code(model.operatorCodes[0]) == builtin.CONV_2D
    assert litert_schema.operator_code(model, builtin.CONV_2D) == 0
    added = litert_schema.operator_code(model, builtin.HARD_SWISH, version=2)
    assert added == len(model.operatorCodes) - 1 == 1
    assert litert_schema.operator_code(model, builtin.GELU) == 2  # its number fits the new field only
    assert litert_schema.builtin_code(model.operatorCodes[2]) == builtin.GELU == 150
    assert litert_schema.text(model.subgraphs[0].tensors[source].name) == "source" == litert_schema.text("source")
