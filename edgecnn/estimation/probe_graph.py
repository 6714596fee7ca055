"""Writes small `.tflite` networks operator by operator, without TensorFlow: what a device is probed with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from edgecnn.core.compat.litert_schema import operator_code, pack, schema

_STEP = 0.05  # scale of int8 activations
_WEIGHT_STEP = 0.01
_UNIT = (1 / 256, -128)  # TFLite's fixed grid of 0..1
_INT8_VERSIONS = {"CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 4}


class ProbeGraph:
    """Adds operators one after another; each takes and gives the number of a tensor, (1, height, width, channels).

    Args:
        number_format: "float32" or "int8", of activations and weights.
    """

    def __init__(self, number_format: str) -> None:
        self._int8 = number_format == "int8"
        self._draw = np.random.default_rng(0)
        self._model, self._graph = schema.ModelT(), schema.SubGraphT()
        self._model.version, self._model.description = 3, "probe"
        self._model.buffers, self._model.operatorCodes = [schema.BufferT()], []
        self._model.subgraphs = [self._graph]
        self._graph.tensors, self._graph.operators = [], []
        self._graph.inputs, self._graph.outputs = [], []

    def image(self, side: int, channels: int = 3) -> int:
        """The network's input."""
        number = self._activation((1, side, side, channels))
        self._graph.inputs.append(number)
        return number

    def conv(self, source: int, filters: int, kernel: int = 1, stride: int = 1, *, relu6: bool = True) -> int:
        """A convolution with *same* padding."""
        channels = self.shape(source)[-1]
        weights = self._weights((filters, kernel, kernel, channels), axis=0)
        options = schema.Conv2DOptionsT()
        options.dilationHFactor = options.dilationWFactor = 1
        return self._slide("CONV_2D", (source, weights, self._bias(filters)), options, (filters, stride, relu6))

    def depthwise(self, source: int, kernel: int = 3, stride: int = 1, *, relu6: bool = True) -> int:
        """A depthwise convolution with *same* padding."""
        channels = self.shape(source)[-1]
        weights = self._weights((1, kernel, kernel, channels), axis=3)
        options = schema.DepthwiseConv2DOptionsT()
        options.depthMultiplier = options.dilationHFactor = options.dilationWFactor = 1
        inputs = (source, weights, self._bias(channels))
        return self._slide("DEPTHWISE_CONV_2D", inputs, options, (channels, stride, relu6))

    def dense(self, source: int, units: int) -> int:
        """A dense layer of a vector, (1, channels)."""
        weights = self._weights((units, self.shape(source)[-1]), axis=0)
        inputs = (source, weights, self._bias(units))
        return self._operator("FULLY_CONNECTED", inputs, (1, units), schema.FullyConnectedOptionsT())

    def mean(self, source: int, *, keep: bool = False) -> int:
        """The average over places: (1, channels), or (1, 1, 1, channels) to go on with convolutions."""
        channels = self.shape(source)[-1]
        axes = self._constant((2,), np.array([1, 2]), "INT32")
        options = schema.ReducerOptionsT()
        options.keepDims = keep
        return self._operator("MEAN", (source, axes), (1, 1, 1, channels) if keep else (1, channels), options)

    def pool(self, kind: str, source: int, size: int, stride: int) -> int:
        """`MAX_POOL_2D` or `AVERAGE_POOL_2D` with *same* padding."""
        options = schema.Pool2DOptionsT()
        options.filterHeight = options.filterWidth = size
        options.strideH = options.strideW = stride
        options.padding = schema.Padding.SAME
        return self._operator(kind, (source,), self._slid(source, self.shape(source)[-1], stride), options)

    def unary(self, kind: str, source: int) -> int:
        """HARD_SWISH, LOGISTIC, SOFTMAX and others that keep the shape."""
        options = schema.SoftmaxOptionsT() if kind == "SOFTMAX" else None
        if options is not None:
            options.beta = 1.0
        unit = kind in ("LOGISTIC", "SOFTMAX")
        return self._operator(kind, (source,), self.shape(source), options, grid=_UNIT if unit else (_STEP, 0))

    def binary(self, kind: str, first: int, second: int) -> int:
        """ADD or MUL; the second may be one value per channel."""
        options = schema.AddOptionsT() if kind == "ADD" else schema.MulOptionsT()
        return self._operator(kind, (first, second), self.shape(first), options)

    def concatenation(self, sources: Sequence[int]) -> int:
        """Joins channels."""
        options = schema.ConcatenationOptionsT()
        options.axis = 3
        channels = sum(self.shape(source)[-1] for source in sources)
        return self._operator("CONCATENATION", sources, (*self.shape(sources[0])[:-1], channels), options)

    def pad(self, source: int) -> int:
        """One zero on each side of the map."""
        _, height, width, channels = self.shape(source)
        amounts = self._constant((4, 2), np.array([[0, 0], [1, 1], [1, 1], [0, 0]]), "INT32")
        return self._operator("PAD", (source, amounts), (1, height + 2, width + 2, channels), schema.PadOptionsT())

    def channels(self, number: int) -> int:
        """The last axis of a tensor."""
        return self.shape(number)[-1]

    def build(self, *outputs: int) -> bytes:
        """The file's bytes."""
        self._graph.outputs = list(outputs)
        return pack(self._model)

    def _slide(self, kind: str, inputs: Sequence[int], options: Any, said: tuple[int, int, bool]) -> int:
        filters, stride, relu6 = said
        options.padding, options.strideH, options.strideW = schema.Padding.SAME, stride, stride
        options.fusedActivationFunction = schema.ActivationFunctionType.RELU6 if relu6 else 0
        return self._operator(kind, inputs, self._slid(inputs[0], filters, stride), options)

    def _slid(self, source: int, channels: int, stride: int) -> tuple[int, ...]:
        _, height, width, _ = self.shape(source)
        return 1, math.ceil(height / stride), math.ceil(width / stride), channels

    def shape(self, number: int) -> tuple[int, ...]:
        """Of a tensor."""
        return tuple(self._graph.tensors[number].shape)

    def _operator(
        self, kind: str, inputs: Sequence[int], shape: tuple[int, ...], options: Any = None,
        grid: tuple[float, int] = (_STEP, 0),
    ) -> int:  # fmt: skip
        operator, output = schema.OperatorT(), self._activation(shape, grid)
        version = _INT8_VERSIONS.get(kind, 1 if kind == "HARD_SWISH" else 2) if self._int8 else 1
        builtin = getattr(schema.BuiltinOperator, kind)
        operator.opcodeIndex = operator_code(self._model, builtin, version)
        operator.inputs, operator.outputs = list(inputs), [output]
        if options is not None:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__[:-1])
            operator.builtinOptions = options
        self._graph.operators.append(operator)
        return output

    def _activation(self, shape: tuple[int, ...], grid: tuple[float, int] = (_STEP, 0)) -> int:
        tensor = self._tensor(shape, "INT8" if self._int8 else "FLOAT32")
        if self._int8:
            self._quantize(tensor, [grid[0]], grid[1])
        return len(self._graph.tensors) - 1

    def _tensor(self, shape: tuple[int, ...], kind: str) -> Any:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer = f"t{len(self._graph.tensors)}", list(shape), 0
        tensor.type = getattr(schema.TensorType, kind)
        self._graph.tensors.append(tensor)
        return tensor

    @staticmethod
    def _quantize(tensor: Any, scales: list[float], zero_point: int = 0, axis: int = 0) -> None:
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale, tensor.quantization.zeroPoint = scales, [zero_point] * len(scales)
        tensor.quantization.quantizedDimension = axis

    def _weights(self, shape: tuple[int, ...], axis: int) -> int:
        if not self._int8:
            spread = math.sqrt(2 * shape[axis] / math.prod(shape))  # activations neither vanish nor grow
            return self._constant(shape, self._draw.normal(0, spread, shape), "FLOAT32")
        number = self._constant(shape, self._draw.integers(-100, 100, shape), "INT8")
        self._quantize(self._graph.tensors[number], [_WEIGHT_STEP] * shape[axis], axis=axis)
        return number

    def _bias(self, count: int) -> int:
        number = self._constant((count,), np.zeros(count), "INT32" if self._int8 else "FLOAT32")
        if self._int8:
            self._quantize(self._graph.tensors[number], [_STEP * _WEIGHT_STEP] * count)
        return number

    def _constant(self, shape: tuple[int, ...], values: np.ndarray, kind: str) -> int:
        tensor, buffer = self._tensor(shape, kind), schema.BufferT()
        dtype = {"FLOAT32": "<f4", "INT8": "<i1", "INT32": "<i4"}[kind]
        buffer.data = np.frombuffer(values.astype(dtype).tobytes(), np.uint8)
        self._model.buffers.append(buffer)
        tensor.buffer = len(self._model.buffers) - 1
        return len(self._graph.tensors) - 1
