"""A Keras model with fake quantization wherever the int8 model quantizes.

Built from a float model by TFMOT's wrappers, and turned back into a float model and a table of ranges: these two are
all that a quantization-aware model is, so that is what its file holds (an ordinary Keras model; the ranges in the
contract). Fake quantization: arXiv:1712.05877, section 3.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecnn.core.compat import keras_graph
from edgecnn.core.compat.tensorflow import keras, tf
from edgecnn.core.errors import QuantizationError
from edgecnn.graph.layer_kinds import INPUT_GRID, OWN_GRID, kind_of
from edgecnn.runtime.model.contract import Preprocessing

INPUT = "image"
"""Name of the input's range in a table of ranges."""
Ranges = dict[str, tuple[float, float]]
"""Layer name -> lowest and highest value of its output."""

_FUSED = ("relu", "relu6")
_BATCH_NORM = "BatchNormalization"
_ACTIVATIONS = {
    **dict.fromkeys(("relu", "relu6", "swish", "silu"), "range"),
    **dict.fromkeys(("linear", "softmax"), None),
    "sigmoid": "sigmoid",
    "tanh": "tanh",
}


@dataclass(frozen=True)
class Emulation:
    """A float model and its copy with fake quantization.

    Attributes:
        model: the twin; layers have the same names, and `(batch, height, width, channels)` goes in as before.
        source: the float model.
        fused: layer whose output is rounded -> the layers that TFLite computes in the same operator, itself included.
    """

    model: Any
    source: Any
    fused: Mapping[str, tuple[str, ...]]
    _variables: Mapping[str, list[Any]]
    _ranges: Mapping[str, dict[str, Any]]

    @classmethod
    def of(cls, model: Any, *, kernels: bool = True) -> Emulation:
        """Wrap every layer.

        Args:
            model: the float model.
            kernels: round kernels too. The converter wants them as they are: it rounds them on the same grid, after
                batch norms are folded.

        Raises:
            QuantizationError: a layer has no known counterpart in int8; the message names it.
        """
        return _Builder(model, kernels).build()

    def ranges(self) -> Ranges:
        """The table of activation ranges."""
        return {
            name: (float(variables["min_var"].numpy()), float(variables["max_var"].numpy()))
            for name, variables in self._ranges.items()
        }

    def set_ranges(self, ranges: Mapping[str, Iterable[float]]) -> None:
        """Set activation ranges from a table, and kernel ranges from the kernels' values.

        Raises:
            QuantizationError: the table lacks a layer.
        """
        missing = [name for name in self._ranges if name not in ranges]
        if missing:
            raise QuantizationError(
                f"The model file has no range for {len(missing)} of {len(self._ranges)} activations (the first is "
                f"{missing[0]}), because its layers were changed after training. Train it with --qat again."
            )
        for name, variables in self._ranges.items():
            low, high = ranges[name]
            variables["min_var"].assign(min(low, 0.0))
            variables["max_var"].assign(max(high, 1e-6))
        self.settle_kernels()

    def settle_kernels(self) -> None:
        """Set all kernel ranges from the kernels' current values."""
        from edgecnn.core.compat import tfmot
        from edgecnn.training.qat.fake_quant import Kernel

        for layer in self.model.layers:
            for kernel, _, variables in tfmot.weights(layer):
                Kernel.settle(kernel, variables)

    def kernels(self) -> dict[str, Any]:
        """Layer name -> the variable that is rounded."""
        from edgecnn.core.compat import tfmot

        wrapped = {layer.name: tfmot.weights(layer) for layer in self.model.layers}
        return {name: kept[0][0] for name, kept in wrapped.items() if kept}

    def observed(self, preprocessing: Preprocessing, batches: Iterable[tuple[Any, Any]]) -> Ranges:
        """The ranges of the float model's activations over some batches; the contract gives the input's range."""
        made = [
            (node.layer.name, output)  # a layer that is called several times has several
            for node in keras_graph.nodes(self.source)
            for output in keras_graph.outputs(node)
            if node.layer.name in self._ranges and node.layer.name != INPUT
        ]
        observer = tf.function(keras.Model(self.source.inputs, [output for _, output in made]), reduce_retracing=True)
        found: Ranges = {}
        for pictures, _ in batches:
            for (name, _), output in zip(made, observer(pictures, training=False)):
                low, high = found.get(name, (np.inf, -np.inf))
                values = output.numpy()
                found[name] = min(low, float(values.min())), max(high, float(values.max()))
        return {INPUT: input_range(preprocessing), **found}

    def trained(self) -> Any:
        """The float model with the weights that its fake-quantized copy has learned."""
        model = keras.models.clone_model(self.source)
        keras_graph.rename(model, self.source.name)
        for layer in model.layers:
            layer.set_weights([variable.numpy() for variable in self._variables.get(layer.name, ())])
        return model


def input_range(preprocessing: Preprocessing) -> tuple[float, float]:
    """The input values of pixel values 0 and 255."""
    mean, std = np.asarray(preprocessing.mean), np.asarray(preprocessing.std)
    ends = np.concatenate([(0 - mean) / std, (255 - mean) / std])
    return float(ends.min()), float(ends.max())


class _Builder:
    """One walk over a float model's graph."""

    def __init__(self, model: Any, kernels: bool) -> None:
        self._source = model
        self._kernels = kernels
        self._variables: dict[str, list[Any]] = {}
        self._twins: dict[str, Any] = {}
        self._calls: dict[str, int] = {}
        self._next: dict[str, list[Any]] = {}
        self._previous: dict[str, list[Any]] = {}
        for node in keras_graph.nodes(self._source):
            self._calls[node.layer.name] = self._calls.get(node.layer.name, 0) + 1
            givers = [keras_graph.maker(tensor) for tensor in node.keras_inputs]
            self._previous.setdefault(node.layer.name, []).extend(givers)
            for giver in givers:
                self._next.setdefault(giver.name, []).append(node.layer)

    def build(self) -> Emulation:
        from edgecnn.training.qat import fake_quant

        given = keras.Input(self._source.input_shape[1:], name=INPUT)
        rounded = fake_quant.QuantizeLayer(fake_quant.activations(), name=f"{INPUT}_quantized")
        tensors = {id(self._source.inputs[0]): rounded(given)}
        for node in keras_graph.nodes(self._source):
            if node.is_input:
                continue
            inputs = [tensors[id(tensor)] for tensor in node.keras_inputs]
            tensors[id(node.outputs)] = keras_graph.call(self._twin(node.layer), node, inputs)
        outputs = [tensors[id(output)] for output in self._source.outputs]
        ranges = {INPUT: rounded.quantizer_vars}
        ranges.update({name: found for name, twin in self._twins.items() if (found := _range_variables(twin))})
        fused = {name: self._chain(name) for name in ranges if name != INPUT}
        return Emulation(
            keras.Model(given, outputs if len(outputs) > 1 else outputs[0], name=self._source.name),
            self._source,
            fused,
            self._variables,
            ranges,
        )

    def _twin(self, layer: Any) -> Any:
        """The layer that rounds, with the same weights; made once, also for a layer that is used twice."""
        from edgecnn.training.qat import fake_quant

        if layer.name in self._twins:
            return self._twins[layer.name]
        copy = fake_quant.rounded_kind(layer).from_config(layer.get_config())
        copy.build(layer.get_input_shape_at(0))
        copy.set_weights(layer.get_weights())
        self._variables[layer.name] = list(copy.weights)
        self._twins[layer.name] = fake_quant.QuantizeWrapperV2(
            copy, fake_quant.Rule(*self._rule(layer)), name_prefix=""
        )
        return self._twins[layer.name]

    def _rule(self, layer: Any) -> tuple[str | None, str | None]:
        """Kernel and output, as `_fake_quant.Rule` has them."""
        kind = kind_of(layer)
        if kind.name == "Activation":
            return None, self._activation(layer)
        if kind.kernel:
            self._check_own_activation(layer)
        if kind.name == _BATCH_NORM:
            self._check_batch_norm(layer)
        if kind.grid == OWN_GRID:
            kernel = kind.kernel if self._kernels else ""
            return kernel or None, None if self._is_fused(layer) else "range"
        if kind.grid == INPUT_GRID:
            return None, None
        raise QuantizationError(
            f"Quantization-aware training does not support the layer {layer.name} ({kind.name}). Train without --qat "
            "and quantize with calibration, or replace the layer."
        )

    def _check_own_activation(self, layer: Any) -> None:
        name = keras.activations.serialize(layer.activation)
        if name not in ("linear", *_FUSED):
            raise QuantizationError(
                f"TFLite computes {name!r} of the layer {layer.name} as a separate operator, with a quantization "
                "step between the two. For quantization-aware training, make it a separate layer: "
                "Activation(...)."
            )

    def _activation(self, layer: Any) -> str | None:
        name = keras.activations.serialize(layer.activation)
        if name not in _ACTIVATIONS:
            raise QuantizationError(
                f"Quantization-aware training does not support the activation {name!r} of the layer {layer.name}. "
                f"Supported: {', '.join(_ACTIVATIONS)}."
            )
        return _ACTIVATIONS[name]

    def _is_fused(self, layer: Any) -> bool:
        """Whether TFLite computes the one layer that follows each call in the same operator: a batch norm, a ReLU."""
        following = self._next.get(layer.name, [])
        if len(following) != self._calls[layer.name] or len({type(each) for each in following}) != 1:
            return False
        kind, after = kind_of(layer), kind_of(following[0]).name
        if after == _BATCH_NORM:
            return bool(kind.kernel)
        is_relu = after == "ReLU" and following[0].max_value in (None, 6.0) and not following[0].negative_slope
        is_relu |= after == "Activation" and keras.activations.serialize(following[0].activation) in _FUSED
        return is_relu and (bool(kind.kernel) or kind.name in (_BATCH_NORM, "Add"))

    def _chain(self, name: str) -> tuple[str, ...]:
        """A layer and those before it that are fused with it."""
        before = self._previous[name]
        if len(before) == 1 and self._is_fused(before[0]):
            return (*self._chain(before[0].name), name)
        return (name,)

    def _check_batch_norm(self, layer: Any) -> None:
        before = self._previous[layer.name][0]
        if not kind_of(before).kernel or not self._is_fused(before):
            raise QuantizationError(
                f"The batch norm {layer.name} does not follow a convolution or dense layer, so TFLite can't fold "
                "it. Quantization-aware training expects the order convolution, batch norm, activation."
            )


def _range_variables(twin: Any) -> dict[str, Any] | None:
    """The learned range of a wrapped layer, if it has one."""
    from edgecnn.core.compat import tfmot

    return tfmot.output_range(twin)
