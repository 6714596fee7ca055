"""int16 activations inside of an int8 graph, around some of its operators.

A convolution's kernel for 16 bits wants 16 bits on both sides (symmetric; the weights stay int8 per channel, the bias
has 64 bits). So what has 16 bits is an activation, with the operator that makes it and all that read it; QUANTIZE
operators convert at the border.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import numpy as np

from edgecnn.core.compat.litert_schema import builtin_code, operator_code, pack, schema, text, unpack
from edgecnn.graph.operator_kinds import WEIGHTED, all_kinds

SUPPORTED = {kind.name: kind.int16_version for kind in all_kinds() if kind.int16_version}
"""Operators with a kernel for int16 activations, and the version that has it."""
_QUANTIZE_VERSION = 2
_STEPS = 32767
_ROOM = 1.25  # values outside of the int8 range aren't clipped: 16 bits have steps to spare
_LOGISTIC_SCALE = 1 / 32768  # its kernel has no other


def with_int16(graph: bytes, operators: Iterable[int]) -> bytes:
    """The same graph with int16 on both sides of some operators.

    Args:
        graph: int8 `.tflite`.
        operators: their numbers; each kind must be one of `SUPPORTED`.
    """
    model = unpack(graph)
    _Rewriting(model, set(operators)).run()
    return pack(model)


class _Rewriting:
    """One graph while it is rewritten, in execution order."""

    def __init__(self, model: Any, chosen: set[int]) -> None:
        self._model, self._graph, self._chosen = model, model.subgraphs[0], chosen
        self._wide: dict[int, int] = {}  # int8 tensor -> its int16 twin
        self._operators: list[Any] = []
        self._outside = set(map(int, self._graph.outputs))
        for number, operator in enumerate(self._graph.operators):
            if number not in chosen:
                self._outside.update(map(int, operator.inputs))

    def run(self) -> None:
        """Replace the operators."""
        for number, operator in enumerate(self._graph.operators):
            if number in self._chosen:
                self._widen(operator)
            else:
                self._operators.append(operator)
        self._graph.operators = self._operators

    def _widen(self, operator: Any) -> None:
        kind = self._kind(operator)
        weighted = kind in WEIGHTED
        inputs = list(map(int, operator.inputs))
        for place in range(1 if weighted else len(inputs)):
            if inputs[place] not in self._wide:
                self._convert(inputs[place], self._twin(inputs[place]))
            inputs[place] = self._wide[inputs[place]]
        if weighted and len(inputs) > 2 and inputs[2] >= 0:  # the quantizer drops a bias of zeros
            inputs[2] = self._bias(inputs)
        output = int(operator.outputs[0])
        twin = self._twin(output, _LOGISTIC_SCALE if kind == "LOGISTIC" else None)
        operator.inputs, operator.outputs = np.asarray(inputs, np.int32), np.asarray([twin], np.int32)
        operator.opcodeIndex = operator_code(self._model, getattr(schema.BuiltinOperator, kind), SUPPORTED[kind])
        if kind == "ADD":
            operator.builtinOptions.potScaleInt16 = False  # any scales, not powers of two only
        self._operators.append(operator)
        if output in self._outside:
            self._convert(twin, output)

    def _twin(self, tensor: int, scale: float | None = None) -> int:
        narrow = self._graph.tensors[tensor]
        wide = copy.copy(narrow)
        wide.name, wide.type = text(narrow.name) + "/int16", schema.TensorType.INT16
        wide.quantization = schema.QuantizationParametersT()
        old, zero = float(narrow.quantization.scale[0]), int(narrow.quantization.zeroPoint[0])
        reach = max(abs(code - zero) for code in (-128, 127)) * old
        wide.quantization.scale = np.asarray([scale or reach * _ROOM / _STEPS], np.float32)
        wide.quantization.zeroPoint = np.zeros(1, np.int64)
        self._graph.tensors.append(wide)
        self._wide[tensor] = len(self._graph.tensors) - 1
        return self._wide[tensor]

    def _bias(self, inputs: list[int]) -> int:
        """A bias of 64 bits, with the scale that the wide input and the weights make."""
        source, weights, bias = (self._graph.tensors[index] for index in inputs[:3])
        old = np.asarray(self._model.buffers[bias.buffer].data, np.uint8).view(np.int32).astype(np.float64)
        scale = float(source.quantization.scale[0]) * np.asarray(weights.quantization.scale, np.float64)
        real = old * np.asarray(bias.quantization.scale, np.float64)
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(np.rint(real / scale).astype("<i8").tobytes(), np.uint8)
        self._model.buffers.append(buffer)
        wide = copy.copy(bias)
        wide.name, wide.type = text(bias.name) + "/int64", schema.TensorType.INT64
        wide.buffer = len(self._model.buffers) - 1
        wide.quantization = copy.copy(bias.quantization)
        wide.quantization.scale = scale.astype(np.float32)
        wide.quantization.zeroPoint = np.zeros(len(scale), np.int64)
        self._graph.tensors.append(wide)
        return len(self._graph.tensors) - 1

    def _convert(self, source: int, target: int) -> None:
        operator = schema.OperatorT()
        operator.opcodeIndex = operator_code(self._model, schema.BuiltinOperator.QUANTIZE, _QUANTIZE_VERSION)
        operator.inputs, operator.outputs = np.asarray([source], np.int32), np.asarray([target], np.int32)
        operator.builtinOptionsType = schema.BuiltinOptions.QuantizeOptions
        operator.builtinOptions = schema.QuantizeOptionsT()
        self._operators.append(operator)

    def _kind(self, operator: Any) -> str:
        code = self._model.operatorCodes[operator.opcodeIndex]
        number = builtin_code(code)
        return next(name for name in SUPPORTED if getattr(schema.BuiltinOperator, name) == number)
