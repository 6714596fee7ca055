"""A model behind its contract: what goes in and comes out, and the TFLite interpreter that runs it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ModelFileError, RuntimeMissingError
from ..model.model_file import ModelFile
from ..model.quantization import dequantize
from ..model.tflite import TENSOR_TYPES, Graph
from .preprocess import apply_table, fit, input_table


@dataclass(frozen=True)
class TensorInfo:
    """Shape, type and quantization (scale 0: none) of an input or output tensor."""

    index: int
    shape: tuple[int, ...]
    dtype: np.dtype
    scale: float
    zero_point: int

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
        output: the same.

    Raises:
        ModelFileError: the input differs from the contract's.
    """

    def __init__(self, file: ModelFile, input: TensorInfo | None = None, output: TensorInfo | None = None) -> None:
        self.file, self.contract = file, file.contract
        self.input = input or _stored(file.model.graph, file.model.graph.inputs[0])
        self.output = output or _stored(file.model.graph, file.model.graph.outputs[0])
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
        """The input tensor for a picture that has the input's size and color order already."""
        return apply_table(fitted, self._table)

    def interpret(self, output: np.ndarray) -> np.ndarray:
        """A raw output as probabilities, float32 (classes,)."""
        scores = self.output.dequantize(output)
        return softmax(scores) if self.contract.output == "logits" else scores


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
        details = self.interpreter.get_input_details()[0], self.interpreter.get_output_details()[0]
        super().__init__(file, *map(_info, details))

    def invoke(self, tensor: np.ndarray) -> np.ndarray:
        """Run once; returns a copy of the raw output, shape (classes,)."""
        self.interpreter.set_tensor(self.input.index, tensor)
        self.interpreter.invoke()
        output: np.ndarray = self.interpreter.get_tensor(self.output.index)
        return output.reshape(-1)

    def run(self, tensors: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        """`invoke` on each of the input tensors."""
        return map(self.invoke, tensors)

    def scores(self, tensor: np.ndarray) -> np.ndarray:
        """Run once; returns the output as real values, float32 (classes,): logits or probabilities, as contracted."""
        return self.output.dequantize(self.invoke(tensor))

    def probabilities(self, tensor: np.ndarray) -> np.ndarray:
        """Run once; returns float32 (classes,), summing to about 1."""
        return self.interpret(self.invoke(tensor))


def softmax(logits: np.ndarray) -> np.ndarray:
    """exp(x) / sum(exp(x)) over the last axis, without overflow."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    result: np.ndarray = powers / powers.sum(axis=-1, keepdims=True)
    return result


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
