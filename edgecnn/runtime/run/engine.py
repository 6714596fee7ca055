"""A model behind its contract: what goes in and comes out, and the TFLite interpreter that runs it."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ModelFileError, RuntimeMissingError
from ..model.model_file import ModelFile
from ..model.quantization import dequantize
from ..model.tflite import TENSOR_TYPES, Graph
from ..tasks import task_of
from .preprocess import apply_table, fit, input_table


@dataclass(frozen=True)
class TensorInfo:
    """Shape, type and quantization (scale 0: none) of an input or output tensor."""

    index: int
    shape: tuple[int, ...]
    dtype: np.dtype
    scale: float
    zero_point: int

    @property
    def shape_of_one(self) -> tuple[int, ...]:
        """The shape without a batch axis of 1."""
        return self.shape[1:] if self.shape[:1] == (1,) else self.shape

    def dequantize(self, values: np.ndarray) -> np.ndarray:
        """Real values, float32."""
        if not self.scale:
            return values.astype(np.float32)
        return dequantize(values, self.scale, self.zero_point)


def interpreter_module() -> Any:
    """LiteRT's interpreter module, or tflite-runtime's where only that exists.

    Raises:
        RuntimeMissingError: neither is installed.
    """
    try:
        from ai_edge_litert import interpreter
    except ImportError:
        try:
            from tflite_runtime import interpreter
        except ImportError as error:
            raise RuntimeMissingError(
                "No TFLite runtime is installed. Install one with: pip install ai-edge-litert "
                "(tflite-runtime on Python 3.9 or a 32-bit system)"
            ) from error
    return interpreter


def open_interpreter(model: bytes | memoryview, threads: int = 1, **options: Any) -> Any:
    """An allocated TFLite interpreter; what its C++ parts print is dropped.

    Args:
        model: `.tflite` bytes.
        threads: processor threads.
        options: others of the runtime's `Interpreter`, e.g. experimental_delegates.

    Raises:
        RuntimeError, ValueError: the runtime refuses the model; these are its own exceptions.
        RuntimeMissingError: no TFLite runtime is installed.
    """
    module = interpreter_module()
    with quiet():
        interpreter = module.Interpreter(model_content=model, num_threads=threads, **options)
        interpreter.allocate_tensors()
    return interpreter


def default_threads() -> int:
    """Processors that this process may use, at most 4: more don't help models of this size."""
    return min(4, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


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
        self.input = input or _stored(file.model.graph, file.model.graph.inputs[0])
        self.outputs = tuple(outputs or (_stored(file.model.graph, index) for index in file.model.graph.outputs))
        self.output = self.outputs[0]
        self.task = task_of(self.contract)
        if self.input.shape != (1, *self.contract.preprocessing.shape):
            expected = [1, *self.contract.preprocessing.shape]
            raise ModelFileError(f"{file.name}: input {list(self.input.shape)} differs from the contract's {expected}.")
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
        """A raw output as real values, float32, a tensor each without the batch axis."""
        return [info.dequantize(part) for info, part in zip(self.outputs, self.split(raw))]

    def interpret(self, raw: np.ndarray) -> np.ndarray:
        """A raw output as the task's values: of a classifier the probabilities, float32 (classes,)."""
        return self.task.interpret(self.real(raw), self.contract)


class Engine(Interface):
    """One model, allocated.

    Args:
        file: the model with its contract.
        threads: processor threads; None takes `default_threads()`.
        delegates: delegate objects that the interpreter should hand operators to.

    Raises:
        ModelFileError: the runtime refuses the model.
        RuntimeMissingError: no TFLite runtime is installed.
    """

    def __init__(self, file: ModelFile, threads: int | None = None, delegates: list[Any] | None = None) -> None:
        self.threads = threads or default_threads()
        try:
            self.interpreter = open_interpreter(file.data, self.threads, experimental_delegates=delegates)
        except (RuntimeError, ValueError) as error:
            raise ModelFileError(f"{file.name}: the TFLite runtime refuses it: {_explain(str(error))}") from error
        inputs, outputs = self.interpreter.get_input_details(), self.interpreter.get_output_details()
        super().__init__(file, _info(inputs[0]), [_info(details) for details in outputs])

    def invoke(self, tensor: np.ndarray) -> np.ndarray:
        """Run once; returns a copy of the raw output, see `raw`.

        Raises:
            ModelFileError: the runtime gives up.
        """
        try:
            self.interpreter.set_tensor(self.input.index, tensor)
            self.interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise ModelFileError(
                f"{self.file.name}: the TFLite runtime can't run it: {_explain(str(error))}"
            ) from error
        values = [self.interpreter.get_tensor(info.index) for info in self.outputs]
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


def _info(details: dict[str, Any]) -> TensorInfo:
    scale, zero_point = details["quantization"]
    return TensorInfo(
        details["index"],
        tuple(int(size) for size in details["shape"]),
        np.dtype(details["dtype"]),
        float(scale),
        int(zero_point),
    )


def _stored(graph: Graph, index: int) -> TensorInfo:
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


def _explain(message: str) -> str:
    if "edgetpu-custom-op" in message:
        return (
            "it is compiled for a Coral Edge TPU; run it there with its delegate, or use the file it was compiled from."
        )
    if "unresolved custom op" in message or "Select TensorFlow op" in message:
        return f"it needs operators that the runtime doesn't have ({message.strip()})."
    return message.strip().splitlines()[0] if message.strip() else "no reason given."


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Drop what C++ libraries write to standard error (no setting silences all of it); EDGECNN_TF_LOG=1 keeps it."""
    if os.environ.get("EDGECNN_TF_LOG"):
        yield
        return
    saved, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)
