"""A model behind its contract: what goes in and comes out, and the TFLite interpreter that runs it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..errors import ModelFileError
from ..model.graph import TENSOR_TYPES, Graph
from ..model.model_file import ModelFile
from ..tasks import task_of
from .preprocess import apply_table, fit, input_table
from .program import Program, TensorInfo


class Interface:
    """What goes into a model and what comes out, by its contract; nothing runs here, so any file has one.

    Args:
        file: the model with its contract.
        input: of the model; by default what the file says.
        outputs: the same.

    Attributes:
        task: what the model is for.
        output: the first output tensor.

    Raises:
        ModelFileError: input or outputs differ from the contract's, or the task is unknown.
    """

    def __init__(
        self, file: ModelFile, input: TensorInfo | None = None, outputs: Sequence[TensorInfo] | None = None
    ) -> None:
        self.file, self.contract = file, file.contract
        self.input = input or stored(file.model.graph, file.model.graph.inputs[0])
        self.outputs = tuple(outputs or (stored(file.model.graph, index) for index in file.model.graph.outputs))
        self.output = self.outputs[0]
        self.task = task_of(self.contract)
        if self.input.shape != (1, *self.contract.preprocessing.shape):
            expected = [1, *self.contract.preprocessing.shape]
            raise ModelFileError(
                f"{file.name}: the model's input has the shape {list(self.input.shape)}; expected {expected}, as in "
                "its contract. Convert the model again."
            )
        if self.input.dtype.kind not in "fiu":
            raise ModelFileError(
                f"{file.name}: the model's input has the type {self.input.dtype.name}; expected a float or integer "
                "type, as images have."
            )
        try:
            self.task.check(self.contract, [info.shape_of_one for info in self.outputs])
        except ModelFileError as error:
            raise ModelFileError(f"{file.name}: {error}") from error
        self._table = input_table(
            self.contract.preprocessing, self.input.dtype, self.input.scale, self.input.zero_point
        )

    def prepare(self, picture: np.ndarray, order: str = "bgr") -> np.ndarray:
        """The input tensor for a picture: uint8 (height, width, 3) -> (1, input height, input width, channels)."""
        return self.tensor(fit(picture, self.contract.preprocessing, order))

    def tensor(self, fitted: np.ndarray) -> np.ndarray:
        """The input tensor for an image that has the input's size and color order already."""
        return apply_table(fitted, self._table)

    @property
    def raw(self) -> TensorInfo:
        """The form of a raw output: the output tensor's, flat; of several, all their bytes one after the other."""
        if len(self.outputs) == 1:
            return dataclasses.replace(self.output, shape=(math.prod(self.output.shape),))
        sizes = (info.dtype.itemsize * math.prod(info.shape) for info in self.outputs)
        return TensorInfo(-1, (sum(sizes),), np.dtype(np.uint8), 0.0, 0)

    def split(self, raw: np.ndarray) -> list[np.ndarray]:
        """A raw output as the output tensors, without the batch axis."""
        if len(self.outputs) == 1:
            return [raw.reshape(self.output.shape_of_one)]
        octets, parts, start = raw.tobytes(), [], 0
        for info in self.outputs:
            count = math.prod(info.shape)
            parts.append(np.frombuffer(octets, info.dtype, count, start).reshape(info.shape_of_one))
            start += count * info.dtype.itemsize
        return parts

    def real(self, raw: np.ndarray) -> list[np.ndarray]:
        """A raw output as real values, float32, a tensor each without the batch axis, in the task's order."""
        values = [info.dequantize(part) for info, part in zip(self.outputs, self.split(raw))]
        return self.task.ordered(values, self.contract)

    def interpret(self, raw: np.ndarray) -> np.ndarray:
        """A raw output as the task's values: of a classifier the probabilities, float32 (classes,)."""
        return self.task.interpret(self.real(raw), self.contract)


class Engine(Interface):
    """One model, allocated.

    Args:
        file: the model with its contract.
        threads: processor threads; None takes `default_threads()`.
        delegates: delegate objects that the interpreter should hand operators to.
        program: the file, where it is allocated already.

    Attributes:
        program: the model without its contract.
        inputs: of the model; one.

    Raises:
        ModelFileError: the runtime refuses the model, it doesn't fit its contract, or its activations take too much
            memory.
        RuntimeMissingError: no TFLite runtime is installed.
    """

    def __init__(
        self,
        file: ModelFile,
        threads: int | None = None,
        delegates: list[Any] | None = None,
        program: Program | None = None,
    ) -> None:
        self.program = program or Program(file, threads, delegates)
        self.threads, self.interpreter = self.program.threads, self.program.interpreter
        self.inputs = self.program.inputs
        super().__init__(file, self.inputs[0], self.program.outputs)

    def invoke(self, tensor: np.ndarray) -> np.ndarray:
        """Run once; returns a copy of the raw output, see `raw`.

        Raises:
            ModelFileError: the runtime gives up.
        """
        values = self.program.run((tensor,))
        if any(value.size != math.prod(info.shape) for value, info in zip(values, self.outputs)):
            shapes = ", ".join(str(list(value.shape)) for value in values)
            raise ModelFileError(
                f"{self.file.name}: the shape of the output varies (now {shapes}); expected the fixed shape [batch, "
                "classes]."
            )
        values = self.task.settled(values, self.contract)
        if len(values) == 1:
            output: np.ndarray = values[0].reshape(-1)
            return output
        return np.concatenate([np.frombuffer(value.tobytes(), np.uint8) for value in values])

    def run(self, tensors: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        """`invoke` on each of the input tensors."""
        return map(self.invoke, tensors)

    def scores(self, tensor: np.ndarray) -> np.ndarray:
        """Run once; returns all outputs as real values, float32 (n,): of a classifier logits or probabilities."""
        return np.concatenate([values.reshape(-1) for values in self.real(self.invoke(tensor))])

    def probabilities(self, tensor: np.ndarray) -> np.ndarray:
        """Run once; returns the task's values: of a classifier the probabilities, float32 (classes,)."""
        return self.interpret(self.invoke(tensor))


def stored(graph: Graph, index: int) -> TensorInfo:
    """An input or output tensor as the file has it; nothing runs."""
    tensor = graph.tensors[index]
    dtype = {name: dtype for name, dtype, _ in TENSOR_TYPES}[tensor.dtype]
    quantized = len(tensor.scale) == 1
    return TensorInfo(
        index,
        tensor.shape,
        np.dtype(dtype).newbyteorder("="),
        float(tensor.scale[0]) if quantized else 0.0,
        int(tensor.zero_point[0]) if quantized else 0,
    )
