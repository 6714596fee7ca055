"""Runs a network one operator at a time over many pictures, so that a layer can be changed before the next one runs."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from edgecnn.graph.grid import Grid
from edgecnn.runtime.run.engine import default_threads, interpreter_module, quiet


class Values:
    """One activation of all pictures: float32, or codes of a grid.

    Attributes:
        array: (pictures, ...), float32 or uint8.
        grid: None for float32.
    """

    def __init__(self, array: np.ndarray, grid: Grid | None = None) -> None:
        self.array = array
        self.grid = grid

    def picture(self, number: int) -> np.ndarray:
        """One picture's real values, float32 (1, ...)."""
        return self.real(self.array[number : number + 1])

    def real(self, part: np.ndarray) -> np.ndarray:
        """Real values of a part of `array`."""
        return part if self.grid is None else self.grid.decode(part)


def run(operator_model: bytes, inputs: Sequence[Values], grid: Grid | None = None, output: int = 0) -> Values:
    """Run one operator for every picture, on all cores.

    Args:
        operator_model: see `Network.operator_model`.
        inputs: its inputs in order.
        grid: of the result; None keeps float32.
        output: which of its outputs.
    """
    count = len(inputs[0].array)
    workers = [_Worker(operator_model, output) for _ in range(default_threads())]
    result = np.empty((count, *workers[0].shape[1:]), np.float32 if grid is None else np.uint8)

    def work(number: int) -> None:
        for picture in range(number, count, len(workers)):
            found = workers[number](inputs, picture)
            result[picture : picture + 1] = found if grid is None else grid.encode(found)

    with ThreadPoolExecutor(len(workers)) as pool:
        list(pool.map(work, range(len(workers))))
    return Values(result, grid)


class _Worker:
    def __init__(self, model: bytes, output: int) -> None:
        with quiet():
            self._interpreter: Any = interpreter_module().Interpreter(model_content=model, num_threads=1)
            self._interpreter.allocate_tensors()
        self._inputs = [details["index"] for details in self._interpreter.get_input_details()]
        details = self._interpreter.get_output_details()[output]
        self._output = details["index"]
        self.shape = tuple(int(size) for size in details["shape"])

    def __call__(self, inputs: Sequence[Values], picture: int) -> np.ndarray:
        for index, values in zip(self._inputs, inputs):
            self._interpreter.set_tensor(index, values.picture(picture))
        self._interpreter.invoke()
        result: np.ndarray = self._interpreter.get_tensor(self._output)
        return result


def float_outputs(model: bytes, inputs: np.ndarray) -> np.ndarray:
    """A whole float model's outputs, (pictures, classes), for input tensors (pictures, height, width, channels)."""
    result = run(model, [Values(inputs)]).array
    return result.reshape(len(result), -1)
