"""What is used of TensorFlow's, Keras's and LiteRT's private parts is still there, and still means the same."""

from __future__ import annotations

import pytest
from ai_edge_litert import schema_py_generated
from small_graphs import Graph

from edgecnn.core.compat import converter, keras3, keras_graph, litert_schema, tfmot
from edgecnn.core.compat.tensorflow import keras, tf
from edgecnn.runtime import compat
from edgecnn.runtime.model.tflite import parse
from edgecnn.runtime.run.interpreter import interpreter_module


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


def test_a_model_takes_another_name_and_layers_other_random_numbers():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dropout(0.5, name="drop"), keras.layers.Dense(2)])
    keras_graph.rename(model, "renamed")
    assert model.name == "renamed"
    [(layer, _)] = keras_graph.random_generators(model)
    assert layer.name == "drop"

    class Ones:
        def dropout(self, inputs, rate, noise_shape=None):
            return tf.ones_like(inputs)

    keras_graph.set_random_generator(layer, Ones())
    assert (layer(tf.zeros((1, 4)), training=True).numpy() == 1).all()


def test_a_wrapped_layer_shows_what_it_quantizes():
    class Rounds(tfmot.QuantizeConfig):
        def get_weights_and_quantizers(self, layer):
            return [(layer.kernel, tfmot.LastValueQuantizer(8, per_axis=False, symmetric=True, narrow_range=True))]

        def get_activations_and_quantizers(self, layer):
            return []

        def set_quantize_weights(self, layer, quantize_weights): ...

        def set_quantize_activations(self, layer, quantize_activations): ...

        def get_output_quantizers(self, layer):
            return [tfmot.MovingAverageQuantizer(8, per_axis=False, symmetric=False, narrow_range=False)]

        def get_config(self):
            return {}

    wrapped = tfmot.QuantizeWrapperV2(keras.layers.Dense(2), Rounds())
    wrapped(tf.zeros((1, 4)))
    [(variable, _, ranges)] = tfmot.weights(wrapped)
    assert variable is wrapped.layer.kernel and {"min_var", "max_var"} <= set(ranges)
    found = tfmot.output_range(wrapped)
    assert found is not None and {"min_var", "max_var"} <= set(found)
    assert tfmot.weights(keras.layers.Dense(2)) == () and tfmot.output_range(keras.layers.Dense(2)) is None
    schedule = tfmot.PolynomialDecay(0.0, 0.5, begin_step=0, end_step=10, power=3, frequency=1)
    assert float(schedule(tf.constant(10))[1]) == 0.5


def test_the_converter_freezes_and_the_quantizer_refuses_what_has_no_ranges():
    weight = tf.Variable([[2.0]])
    traced = tf.function(lambda x: x @ weight).get_concrete_function(tf.TensorSpec((1, 1), tf.float32))
    graph = converter.frozen(traced)
    assert not graph.variables and float(graph(tf.constant([[3.0]]))[0].numpy()[0, 0]) == 6.0
    model = bytes(tf.lite.TFLiteConverter.from_concrete_functions([traced], weight).convert())
    assert all(tensor.dtype == "FLOAT32" for tensor in parse(model).graph.tensors)
    with pytest.raises(Exception, match=r"\S"):
        converter.quantized(b"no model", "int8", per_channel=True)


def test_the_interpreter_shows_its_nodes_and_its_inside():
    graph = Graph()
    source = graph.tensor("source", (1, 8, 8, 3))
    data = graph.build([source], [graph.conv("conv", source, 4)])
    interpreter = interpreter_module().Interpreter(model_content=data)
    interpreter.allocate_tensors()
    assert compat.nodes(interpreter)[0]["op_name"] == "CONV_2D"
    assert {"inputs", "outputs"} <= set(compat.nodes(interpreter)[0])
    assert callable(compat.wrapper(interpreter).AllocateTensors) and callable(compat.wrapper(interpreter).Invoke)
    assert not compat.is_alive(object.__new__(interpreter_module().Delegate))


def test_keras_3_walks_its_graph_with_other_callables():
    framework = keras3.module()
    image = framework.Input((4, 4, 3))
    layer = framework.layers.Conv2D(2, 1, name="conv")
    model = framework.Model(image, layer(image) + 1.0)
    assert keras3.is_model(model) and keras3.is_functional(model) and not keras3.is_functional(layer)
    assert not keras3.is_model(keras.Sequential())
    seen = []

    def twin_of(operation):
        seen.append(type(operation).__name__)
        return lambda *tensors: [tensors[0]]

    assert keras3.run(model, ["image"], twin_of) == "image"
    assert seen == ["Conv2D", "Add"]
    mixed = framework.Sequential([image, framework.layers.Conv2D(2, 1, dtype="mixed_float16")])
    keras3.compute_in_float32(mixed)
    assert mixed.layers[-1].compute_dtype == "float32"


def test_counters_stay_inputs_of_a_frozen_graph():
    steps, weight = tf.Variable(0, dtype=tf.int64), tf.Variable([[2.0]])

    @tf.function(input_signature=[tf.TensorSpec((1, 1), tf.float32)])
    def counting(values):
        steps.assign_add(1)
        return values @ weight

    graph = converter.frozen_but_counters(counting.get_concrete_function())
    assert sorted(tensor.dtype.name for tensor in graph.inputs) == ["float32", "resource"]
    doubled = tf.function(lambda values: values * 2).get_concrete_function(tf.TensorSpec((1,), tf.float32))
    again = converter.function_of(doubled.graph.as_graph_def(), [doubled.inputs[0].name], [doubled.outputs[0].name])
    assert again(tf.constant([3.0]))[0].numpy() == [6.0]


def test_keras_2_computes_in_float32_whatever_its_policy():
    mixed = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Conv2D(2, 1, dtype="mixed_float16")])
    keras_graph.compute_in_float32(mixed)
    assert mixed.layers[-1].compute_dtype == "float32" and mixed(tf.zeros((1, 4, 4, 3))).dtype == tf.float32
