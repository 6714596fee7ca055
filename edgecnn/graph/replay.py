"""The one runner of operators and graphs: many images over all cores, an interpreter and a thread per core."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np

from edgecnn.graph.grid import Grid
from edgecnn.runtime.run.interpreter import default_threads, open_interpreter

Item = TypeVar("Item")
_END: Any = object()


class Values:
    """One activation of all images: float32, or codes of a grid.

    Attributes:
        array: (images, ...), float32 or uint8.
        grid: None for float32.
    """

    def __init__(self, array: np.ndarray, grid: Grid | None = None) -> None:
        self.array = array
        self.grid = grid

    def image(self, number: int) -> np.ndarray:
        """One image's real values, float32 (1, ...)."""
        return self.real(self.array[number : number + 1])

    def real(self, part: np.ndarray) -> np.ndarray:
        """Real values of a part of `array`."""
        return part if self.grid is None else self.grid.decode(part)


class Worker:
    """One interpreter with one thread.

    Attributes:
        interpreter: TFLite's, allocated.
        inputs: tensor numbers, in order.
        outputs: tensor numbers, in order.
    """

    def __init__(self, model: bytes) -> None:
        self.interpreter = open_interpreter(model)
        self.inputs = [details["index"] for details in self.interpreter.get_input_details()]
        self._output_details = self.interpreter.get_output_details()
        self.outputs = [details["index"] for details in self._output_details]

    def invoke(self, inputs: Iterable[np.ndarray]) -> None:
        """Run once on the inputs of one image, in order."""
        for index, values in zip(self.inputs, inputs):
            self.interpreter.set_tensor(index, values)
        self.interpreter.invoke()

    def output(self, place: int = 0) -> np.ndarray:
        """A copy of one of the outputs."""
        result: np.ndarray = self.interpreter.get_tensor(self.outputs[place])
        return result

    def output_shape(self, place: int = 0) -> tuple[int, ...]:
        """The shape of one of the outputs, for one image."""
        return tuple(int(size) for size in self._output_details[place]["shape"])


class Runner:
    """A float model, whole or one operator, that runs over many images.

    Args:
        model: `.tflite` bytes; see `edgecnn.graph.float_graph.FloatGraph.operator_model`.
    """

    def __init__(self, model: bytes) -> None:
        self._workers = [Worker(model) for _ in range(default_threads())]

    @property
    def outputs(self) -> int:
        """How many outputs the model has."""
        return len(self._workers[0].outputs)

    def each(self, items: Iterable[Item], work: Callable[[Worker, Item], None]) -> None:
        """Call `work` for every item, in several threads at once; the items are drawn by one thread at a time."""
        source, lock = iter(items), threading.Lock()

        def following() -> Item:
            with lock:
                return next(source, _END)

        def consume(worker: Worker) -> None:
            while (item := following()) is not _END:
                work(worker, item)

        with ThreadPoolExecutor(len(self._workers)) as pool:
            list(pool.map(consume, self._workers))

    def run(self, inputs: Sequence[Values], grid: Grid | None = None, output: int = 0) -> Values:
        """One output for every image.

        Args:
            inputs: the model's inputs in order.
            grid: of the result; None keeps float32.
            output: which of the outputs.
        """
        count, shape = len(inputs[0].array), self._workers[0].output_shape(output)[1:]
        result = np.empty((count, *shape), np.float32 if grid is None else np.uint8)

        def work(worker: Worker, number: int) -> None:
            worker.invoke(values.image(number) for values in inputs)
            found = worker.output(output)
            result[number : number + 1] = found if grid is None else grid.encode(found)

        self.each(range(count), work)
        return Values(result, grid)


def run(model: bytes, inputs: Sequence[Values], grid: Grid | None = None, output: int = 0) -> Values:
    """`Runner.run`, once."""
    return Runner(model).run(inputs, grid, output)


def float_outputs(model: bytes, inputs: np.ndarray) -> list[np.ndarray]:
    """A whole float model's outputs, each (images, ...), for input tensors (images, height, width, channels)."""
    runner = Runner(model)
    return [runner.run([Values(inputs)], output=place).array for place in range(runner.outputs)]
