"""A Keras 3 model becomes the same tf_keras model, layer by layer, because pruning and quantization-aware training
(tensorflow-model-optimization), inspection and training here work on Keras 2.

Settings of the same name mean the same in both, but for those in the tables below. Whatever the tables don't know is
refused by name, and the outputs of both models are compared in the end.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from edgecnn.core.compat import keras3
from edgecnn.core.compat.tensorflow import keras, tf
from edgecnn.core.errors import ModelFileError

_RENAMED = {"negative_slope": "alpha"}  # where Keras 2 knows only the second
_HARD = {"hard_sigmoid": "HardSigmoid", "hard_silu": "HardSwish", "hard_swish": "HardSwish"}
"""Keras 2's `hard_sigmoid` is another line, and it has no `hard_silu`: our layers stand for them."""
_WITHOUT_WEIGHTS = ("initializer", "constraint")  # ends of settings that no longer matter once the weights are there
_RELATIVE_TOLERANCE = 1e-4


def converted(model: Any) -> Any:
    """The same model in tf_keras, computing in float32.

    Raises:
        ModelFileError: it is no functional or sequential model, or has a layer or operation that Keras 2 lacks; the
            message names it.
    """
    if not keras3.is_functional(model):
        raise ModelFileError(
            f"{model.name} is a subclassed Keras model; expected a functional or sequential one. Export it as a "
            "SavedModel."
        )
    twin = _Converter().model(model)
    _compare(model, twin)
    return twin


class _Converter:
    """Keeps the twin of each layer, as a layer may be called twice."""

    def __init__(self) -> None:
        self._twins: dict[int, Callable[..., Any]] = {}

    def model(self, model: Any) -> Any:
        inputs = [keras.Input(tuple(tensor.shape[1:]), name=_name(tensor), dtype="float32") for tensor in model.inputs]
        outputs = keras3.run(model, inputs, self._twin)
        return keras.Model(inputs if len(inputs) > 1 else inputs[0], outputs, name=model.name)

    def _twin(self, layer: Any) -> Callable[..., Any]:
        if id(layer) not in self._twins:
            self._twins[id(layer)] = self._made(layer)
        return self._twins[id(layer)]

    def _made(self, layer: Any) -> Callable[..., Any]:
        if keras3.is_functional(layer):
            inner = self.model(layer)
            return lambda inputs, **_: inner(inputs)
        if not hasattr(layer, "weights"):
            return _operation(layer)
        twin = _layer(layer)
        return lambda *inputs, **_: _filled(twin, layer, inputs)


def _name(tensor: Any) -> str:
    return str(tensor.name).split(":")[0].replace("/", "_")


def _filled(twin: Any, layer: Any, inputs: tuple[Any, ...]) -> Any:
    """Call the twin, which makes its weights, and give it the layer's."""
    outputs = twin(*inputs)
    values = {weight.path.split("/")[-1]: np.asarray(weight.numpy(), np.float32) for weight in layer.weights}
    own = [weight.name.split("/")[-1].split(":")[0] for weight in twin.weights]
    if values and set(own) <= set(values):
        twin.set_weights([values[name] for name in own])
    elif values:
        twin.set_weights([np.asarray(weight.numpy(), np.float32) for weight in layer.weights])
    return outputs


def _layer(layer: Any) -> Any:
    """The layer of Keras 2 with the same settings."""
    kind, config = type(layer).__name__, dict(layer.get_config())
    activation = config.get("activation")
    if config.get("data_format") == "channels_first":
        raise ModelFileError(
            f"The layer {layer.name} is channels-first, which TensorFlow doesn't compute on a CPU. Build the model "
            "with data_format='channels_last' and give it the same weights; their shapes are alike."
        )
    if kind == "Activation" and activation in _HARD:
        return _own_layer(_HARD[activation])(name=layer.name)
    if kind == "LayerScale":  # ConvNeXt's
        return _own_layer(kind)(config["init_values"], name=layer.name)
    made = getattr(keras.layers, kind, None)
    if made is None or not type(layer).__module__.startswith("keras."):
        raise ModelFileError(
            f"The layer {layer.name} is a {kind}, which Keras 2 does not have. Export the model as a SavedModel, "
            "or replace the layer."
        )
    if kind == "Normalization":
        return _normalization(layer)
    if isinstance(activation, dict) or activation in _HARD:
        raise ModelFileError(
            f"The layer {layer.name} has the activation {activation!r}, which Keras 2 does not have. Export the "
            "model as a SavedModel, or replace the activation."
        )
    return made.from_config(_settings(layer, made, config))


def _settings(layer: Any, made: Any, config: Mapping[str, Any]) -> dict[str, Any]:
    known = inspect.signature(made.__init__).parameters
    defaults = {key: each.default for key, each in inspect.signature(type(layer).__init__).parameters.items()}
    settings: dict[str, Any] = {"name": layer.name, "dtype": "float32"}
    for key, value in config.items():
        if key in ("name", "dtype") or key.endswith(_WITHOUT_WEIGHTS):
            continue
        target = key if key in known else _RENAMED.get(key, key)
        if target in known or key == "trainable":
            settings[target] = value
        elif value not in (defaults.get(key), None, False, "channels_last"):
            raise ModelFileError(
                f"The layer {layer.name} has the setting {key} = {value!r}, which Keras 2 does not have. Export the "
                "model as a SavedModel, or change the setting."
            )
    return settings


def _normalization(layer: Any) -> Any:
    mean, variance = (np.asarray(value).reshape(-1) for value in (layer.mean, layer.variance))
    return keras.layers.Normalization(
        axis=layer.axis, mean=mean, variance=variance, invert=layer.invert, name=layer.name
    )


def _own_layer(name: str) -> Any:
    from edgecnn.models import layers

    return getattr(layers, name)


def _activation(function: Callable[[Any], Any]) -> Callable[[Any], Callable[..., Any]]:
    return lambda operation: lambda values: function(values)


_OPERATIONS: dict[str, Callable[[Any], Callable[..., Any]]] = {
    "Add": lambda operation: lambda a, b: a + b,
    "Subtract": lambda operation: lambda a, b: a - b,
    "Multiply": lambda operation: lambda a, b: a * b,
    "TrueDivide": lambda operation: lambda a, b: a / b,
    "Divide": lambda operation: lambda a, b: a / b,
    "Maximum": lambda operation: tf.maximum,
    "Minimum": lambda operation: tf.minimum,
    "Negative": _activation(lambda values: -values),
    "Absolute": _activation(lambda values: tf.abs(values)),
    "Square": _activation(lambda values: tf.square(values)),
    "Sqrt": _activation(lambda values: tf.sqrt(values)),
    "Exp": _activation(lambda values: tf.exp(values)),
    "Relu": _activation(lambda values: tf.nn.relu(values)),
    "Relu6": _activation(lambda values: tf.nn.relu6(values)),
    "Sigmoid": _activation(lambda values: tf.sigmoid(values)),
    "Tanh": _activation(lambda values: tf.tanh(values)),
    "Silu": _activation(lambda values: tf.nn.silu(values)),
    "HardSigmoid": lambda operation: _own_layer("HardSigmoid")(),
    "HardSilu": lambda operation: _own_layer("HardSwish")(),
    "Gelu": lambda operation: lambda values: tf.nn.gelu(values, approximate=operation.approximate),
    "Softmax": lambda operation: lambda values: tf.nn.softmax(values, axis=operation.axis),
    "Cast": lambda operation: lambda values: values,  # everything is float32
    "Mean": lambda operation: lambda values: tf.reduce_mean(values, operation.axis, operation.keepdims),
    "Max": lambda operation: lambda values: tf.reduce_max(values, operation.axis, operation.keepdims),
    "Sum": lambda operation: lambda values: tf.reduce_sum(values, operation.axis, operation.keepdims),
    "Reshape": lambda operation: lambda values: tf.reshape(values, _batched(operation.newshape)),
    "Transpose": lambda operation: lambda values: tf.transpose(values, operation.axes),
    "ExpandDims": lambda operation: lambda values: tf.expand_dims(values, operation.axis),
    "Squeeze": lambda operation: lambda values: tf.squeeze(values, operation.axis),
    "Concatenate": lambda operation: lambda values: tf.concat(values, operation.axis),
    "Clip": lambda operation: lambda values: tf.clip_by_value(values, operation.x_min, operation.x_max),
    "GetItem": lambda operation: lambda values, key: values[key],
}
"""Operations of `keras.ops`, by their class."""


def _batched(shape: Any) -> list[int]:
    return [-1 if size is None else int(size) for size in shape]


def _operation(operation: Any) -> Callable[..., Any]:
    kind = type(operation).__name__
    if kind not in _OPERATIONS:
        raise ModelFileError(
            f"The operation {operation.name} ({kind}) can't be converted to Keras 2. Export the model as a "
            "SavedModel, or replace the operation."
        )
    return _OPERATIONS[kind](operation)


def _compare(model: Any, twin: Any) -> None:
    """Both must give the same for a random image of pixel values, 0 to 255.

    Raises:
        ModelFileError: they don't.
    """
    shapes = [tuple(size or 64 for size in tensor.shape[1:]) for tensor in model.inputs]
    random = np.random.default_rng(0)
    images = [random.uniform(0, 255, (1, *shape)).astype(np.float32) for shape in shapes]
    expected, found = (
        tf.nest.flatten(each(images if len(images) > 1 else images[0], training=False)) for each in (model, twin)
    )
    for one, other in zip(expected, found):
        wanted, given = np.asarray(one, np.float32), np.asarray(other, np.float32)
        if not np.allclose(given, wanted, rtol=0, atol=_RELATIVE_TOLERANCE * max(1.0, float(np.abs(wanted).max()))):
            off = np.abs(given - wanted).max()
            raise ModelFileError(
                f"{model.name} can't be converted to Keras 2, because the outputs would differ by {off:.3g}. Export "
                "the model as a SavedModel."
            )
