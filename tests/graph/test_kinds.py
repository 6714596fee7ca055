"""The two tables of kinds against what they speak of: TensorFlow Lite's schema, Keras, and our own layers."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from small_graphs import Graph

import edgecnn.models.layers
from edgecnn.core.compat.tensorflow import keras
from edgecnn.graph import layer_kinds, operator_kinds
from edgecnn.graph.roles import CONVOLUTION, DENSE, DEPTHWISE
from edgecnn.runtime.model.tflite import OPERATOR_NAMES, parse

OPTIONS = {
    "CONV_2D": schema.Conv2DOptionsT, "DEPTHWISE_CONV_2D": schema.DepthwiseConv2DOptionsT,
    "FULLY_CONNECTED": schema.FullyConnectedOptionsT, "ADD": schema.AddOptionsT, "SUB": schema.SubOptionsT,
    "MUL": schema.MulOptionsT, "DIV": schema.DivOptionsT, "CONCATENATION": schema.ConcatenationOptionsT,
    "AVERAGE_POOL_2D": schema.Pool2DOptionsT, "MAX_POOL_2D": schema.Pool2DOptionsT,
    "L2_POOL_2D": schema.Pool2DOptionsT,
}  # fmt: skip


def parsed(name, **settings):
    """An operator with these options, as the file's reader sees it."""
    graph = Graph()
    source = graph.tensor("source", (1, 4, 4, 2))
    options = OPTIONS[name]()
    for key, value in settings.items():
        assert hasattr(options, key)
        setattr(options, key, value)
    given = {"CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 2, "ADD": 2, "SUB": 2, "MUL": 2, "DIV": 2}
    weights = [graph.constant("weights", (2, 1, 1, 2)), graph.constant("bias", (2,), "i4")]
    if name == "DEPTHWISE_CONV_2D":
        weights[0] = graph.constant("weights", (1, 1, 1, 2))
    if name == "FULLY_CONNECTED":
        weights[0] = graph.constant("weights", (2, 2))
    result = graph.tensor("result", (1, 4, 4, 2))
    graph.operator(name, [source, *weights][: given.get(name, 1)], [result], options)
    return parse(graph.build([source], [result])).graph.operators[0]


def test_every_operator_is_tflites_and_stands_once():
    names = [kind.name for kind in operator_kinds.all_kinds()]
    assert set(names) <= set(OPERATOR_NAMES) and len(names) == len(set(names))
    assert operator_kinds.kind_of("NO_SUCH") == operator_kinds.OperatorKind("NO_SUCH")


@pytest.mark.parametrize("kind", [kind for kind in operator_kinds.all_kinds() if kind.activation is not None])
def test_the_fused_activation_is_the_schemas(kind):
    for name in ("RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT"):
        code = getattr(schema.ActivationFunctionType, name)
        read = parsed(kind.name, fusedActivationFunction=code).option(kind.activation, "int8")
        assert operator_kinds.FUSED_ACTIVATIONS[read] == name.lower()


@pytest.mark.parametrize("kind", [kind for kind in operator_kinds.all_kinds() if kind.dilation is not None])
def test_the_dilation_is_the_schemas(kind):
    operator = parsed(kind.name, dilationHFactor=3, dilationWFactor=5)
    assert [operator.option(number) for number in kind.dilation] == [3, 5]


def test_every_layer_class_is_keras_or_ours():
    known = {*dir(keras.layers), *(name.partition(">")[2] for name in keras.saving.get_custom_objects())}
    kinds = [kind.name for kind in layer_kinds.KINDS]
    assert len(kinds) == len(set(kinds))
    assert set(kinds) - known == {"StochasticDepth"}  # of other people's files


@pytest.mark.parametrize("kind", [kind for kind in layer_kinds.KINDS if kind.kernel])
def test_kernels_are_where_the_table_says(kind):
    arguments = {DENSE: (4,), DEPTHWISE: (3,), CONVOLUTION: (4, 3)}[kind.role]
    layer = getattr(keras.layers, kind.name)(*arguments)
    layer.build((None, 8, 8, 2))
    assert getattr(layer, kind.kernel) is layer.weights[0] and layer_kinds.kind_of(layer) is kind


@pytest.mark.parametrize("kind", [kind for kind in layer_kinds.KINDS if kind.is_training_only])
def test_layers_for_training_do_nothing_afterwards(kind):
    arguments = {"ActivityRegularization": [], "RandomFlip": [], "RandomTranslation": [0.5, 0.5]}.get(kind.name, [0.5])
    layer = getattr(keras.layers, kind.name)(*arguments)
    values = np.random.default_rng(0).normal(size=(1, 4, 4, 2)).astype(np.float32)
    np.testing.assert_array_equal(layer(values, training=False), values)


def test_a_class_of_its_own_declares_how_it_mixes():
    assert layer_kinds.kind_of(edgecnn.models.layers.QuickGELU()).mixing == "point"
    assert layer_kinds.named("NoSuch") == layer_kinds.LayerKind("NoSuch")
