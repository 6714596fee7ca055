"""Calibration: the range of every activation over some pictures.

TensorFlow's calibrator runs on one slow thread, and records some tensors after an addition was computed in their place
(the ranges of residual branches come out too wide). Here every activation is an output of the float model, run by
LiteRT's fast kernels on all cores, so each range is what the tensor really held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import numpy as np

from edgecnn.quantize._flatbuffer import Ranges, with_outputs
from edgecnn.runtime.engine import default_threads, interpreter_module, quiet
from edgecnn.runtime.tflite import FLOAT_TYPES, Graph, parse

Inputs = Iterator[np.ndarray]
_CHUNK = 8  # pictures between two reports of progress, for each worker


def activations(graph: Graph) -> list[int]:
    """Float tensors that operators compute, in execution order."""
    computed = (index for operator in graph.operators for index in operator.outputs)
    return [index for index in dict.fromkeys(computed) if graph.tensors[index].dtype in FLOAT_TYPES]


def activation_ranges(model: bytes, inputs: Inputs, done: Callable[[int], None] = lambda count: None) -> Ranges:
    """(min, max) of the input and of every activation.

    Args:
        model: float `.tflite`.
        inputs: input tensors, float32 (1, height, width, channels).
        done: called with the number of inputs finished so far.
    """
    graph = parse(model).graph
    tensors = activations(graph)
    observed = with_outputs(model, tensors)
    workers = [_Observer(observed, tensors) for _ in range(default_threads())]
    low, high = np.inf, -np.inf
    count = 0
    with ThreadPoolExecutor(len(workers)) as pool:
        while chunk := list(islice(inputs, _CHUNK * len(workers))):
            low = min(low, *(float(tensor.min()) for tensor in chunk))
            high = max(high, *(float(tensor.max()) for tensor in chunk))
            parts = [chunk[number :: len(workers)] for number in range(len(workers))]
            list(pool.map(lambda worker, part: worker.observe(part), workers, parts))
            count += len(chunk)
            done(count)
    lows = np.min([worker.low for worker in workers], axis=0)
    highs = np.max([worker.high for worker in workers], axis=0)
    ranges = {index: (float(a), float(b)) for index, a, b in zip(tensors, lows, highs)}
    return {graph.inputs[0]: (low, high), **ranges}


class _Observer:
    """One interpreter with all activations as outputs, and what it saw of them."""

    def __init__(self, model: bytes, tensors: Sequence[int]) -> None:
        with quiet():
            self._interpreter: Any = interpreter_module().Interpreter(model_content=model, num_threads=1)
            self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._tensors = tensors
        self.low = np.full(len(tensors), np.inf, np.float32)
        self.high = np.full(len(tensors), -np.inf, np.float32)

    def observe(self, inputs: Sequence[np.ndarray]) -> None:
        for tensor in inputs:
            self._interpreter.set_tensor(self._input, tensor)
            self._interpreter.invoke()
            for place, index in enumerate(self._tensors):
                low, high = self._extremes(index)
                self.low[place] = min(self.low[place], low)
                self.high[place] = max(self.high[place], high)

    def _extremes(self, index: int) -> tuple[float, float]:
        values = self._interpreter.tensor(index)()  # a view: nothing is copied, and it must be gone before `invoke`
        return values.min(), values.max()
