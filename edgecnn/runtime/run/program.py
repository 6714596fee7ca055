"""Any `.tflite` file, allocated by the TFLite runtime: inputs and outputs as tensors, whatever they are for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ModelFileError
from ..memory_limit import limit_bytes
from ..model.flexbuffer import read_map
from ..model.foreign_detector import POSTPROCESS
from ..model.graph import Graph
from ..model.model_file import AnyFile
from ..model.quantization import dequantize
from .interpreter import default_threads, open_interpreter

LIMIT_VARIABLE = "EDGECNN_MAX_ACTIVATIONS_MB"
DEFAULT_LIMIT_MB = 256
"""Ten times what VGG-16 takes in float, and what a board of 1 GB survives."""
_SEED = 0
_LARGEST_STEP = 256


@dataclass(frozen=True)
class TensorInfo:
    """Shape, type and quantization (scale 0: none) of an input or output tensor; only integers are quantized."""

    index: int
    shape: tuple[int, ...]
    dtype: np.dtype
    scale: float
    zero_point: int

    def __post_init__(self) -> None:
        if self.dtype.kind not in "iu":
            object.__setattr__(self, "scale", 0.0)
            object.__setattr__(self, "zero_point", 0)

    @property
    def shape_of_one(self) -> tuple[int, ...]:
        """The shape without a batch axis of 1."""
        return self.shape[1:] if self.shape[:1] == (1,) else self.shape

    def dequantize(self, values: np.ndarray) -> np.ndarray:
        """Real values, float32."""
        if not self.scale:
            return values.astype(np.float32)
        return dequantize(values, self.scale, self.zero_point)

    def test_values(self) -> np.ndarray:
        """Something to run on: random values around zero, any bytes, zeros where numbers may be positions or tokens."""
        draw = np.random.default_rng(_SEED)
        if self.dtype.kind in "SO":
            return np.full(self.shape, b"edgecnn", object)
        if self.dtype.kind == "f":
            return draw.uniform(-1, 1, self.shape).astype(self.dtype)
        if self.dtype.itemsize > 2 or self.dtype.kind not in "iu":
            return np.zeros(self.shape, self.dtype)
        return draw.integers(0, _LARGEST_STEP, self.shape).astype(np.uint8).astype(self.dtype)


class Program:
    """A file behind the runtime's interpreter.

    Args:
        file: what to run.
        threads: processor threads, but see `safe_threads`; None takes `default_threads()`.
        delegates: delegate objects that the interpreter should hand operators to.

    Attributes:
        inputs: of the main graph.
        outputs: the same.

    Raises:
        ModelFileError: the runtime refuses the model, or its activations take too much memory.
        RuntimeMissingError: no TFLite runtime is installed.
    """

    def __init__(self, file: AnyFile, threads: int | None = None, delegates: list[Any] | None = None) -> None:
        self.file = file
        self.threads = safe_threads(file.model.graph, threads or default_threads())
        check_memory(file)
        with refusals(file.name, "refuses it"):
            self.interpreter = open_interpreter(file.data, self.threads, experimental_delegates=delegates)
        self.inputs = tuple(map(_info, self.interpreter.get_input_details()))
        self.outputs = tuple(map(_info, self.interpreter.get_output_details()))

    def feed(self, tensors: tuple[np.ndarray, ...]) -> None:
        """Set all inputs."""
        for info, tensor in zip(self.inputs, tensors):
            self.interpreter.set_tensor(info.index, tensor)

    def fetch(self) -> list[np.ndarray]:
        """Copies of all outputs."""
        return [self.interpreter.get_tensor(info.index) for info in self.outputs]

    def run(self, tensors: tuple[np.ndarray, ...]) -> list[np.ndarray]:
        """Run once; returns copies of all outputs.

        Raises:
            ModelFileError: the runtime gives up.
        """
        with refusals(self.file.name):
            self.feed(tensors)
            self.interpreter.invoke()
            return self.fetch()


def check_memory(file: AnyFile) -> None:
    """Refuse activations beyond the limit: a file of a kilobyte may ask for gigabytes, which a board would not survive.

    Raises:
        ModelFileError: it does.
    """
    limit = limit_bytes(LIMIT_VARIABLE, DEFAULT_LIMIT_MB)
    needed = least_activation_bytes(file.model.graph)
    if needed > limit:
        raise ModelFileError(
            f"{file.name} needs at least {needed / 1e6:,.0f} MB for its activations, but the limit is "
            f"{limit / 1e6:,.0f} MB. Use a smaller model, or raise the limit with the environment variable "
            f"{LIMIT_VARIABLE}."
        )


def safe_threads(graph: Graph, threads: int) -> int:
    """One where several would lose boxes: LiteRT 2.3 gives no box of the class whose number is that of the threads, if
    TFLite_Detection_PostProcess treats each class by itself.
    """
    for operator in graph.operators:
        if operator.name == POSTPROCESS:
            options = read_map(operator.custom)
            if options is None or options.get("use_regular_nms"):
                return 1
    return threads


def least_activation_bytes(graph: Graph) -> int:
    """What the inputs and outputs of one operator take at least: those of the operator that needs most."""
    steps = [graph.inputs, *((*operator.inputs, *operator.outputs) for operator in graph.operators)]
    computed = {tensor.index: tensor.size_bytes for tensor in graph.tensors if not tensor.is_constant}
    return max(sum(computed.get(number, 0) for number in {*step}) for step in steps)


@contextlib.contextmanager
def refusals(name: str, what: str = "can't run it") -> Iterator[None]:
    """Make what the runtime raises while it loads or runs the model `name` a `ModelFileError`."""
    try:
        yield
    except (RuntimeError, ValueError) as error:
        raise ModelFileError(f"{name}: the TFLite runtime {what}: {explain(str(error))}") from error


def _info(details: dict[str, Any]) -> TensorInfo:
    scale, zero_point = details["quantization"]
    return TensorInfo(
        details["index"],
        tuple(int(size) for size in details["shape"]),
        np.dtype(details["dtype"]),
        float(scale),
        int(zero_point),
    )


def explain(message: str) -> str:
    """The runtime's own message in one sentence, with what to do where that is known."""
    lines = [line.strip() for line in message.strip().splitlines() if line.strip()]
    if "edgetpu-custom-op" in message:
        return (
            "the model is compiled for a Coral Edge TPU. Run it there with --delegate edgetpu, or use the model "
            "file from before compilation."
        )
    if "unresolved custom op" in message:
        name = message.split("unresolved custom op:", 1)[-1].strip().splitlines()[0].rstrip(".")
        return (
            f"the model needs the custom operator {name}, which the runtime does not have. Replace the layer that "
            "makes it."
        )
    if "Select TensorFlow op" in message:
        return (
            f"the model needs TensorFlow operators that the runtime does not have ({lines[0]}). Replace the "
            "layers that make them."
        )
    return lines[0] if lines else "no reason given."
