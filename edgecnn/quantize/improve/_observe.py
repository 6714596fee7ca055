"""One pass of the float network over pictures: what each channel holds, and samples of each layer's inputs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from edgecnn.quantize._flatbuffer import with_outputs
from edgecnn.quantize._ranges import activations
from edgecnn.quantize.improve._network import Network
from edgecnn.quantize.improve._replay import Values
from edgecnn.quantize.improve._statistics import Moments, moments, positions, windows
from edgecnn.quantize.improve.equalization import Channels
from edgecnn.runtime.engine import default_threads, interpreter_module, quiet

Visit = Callable[[int, Callable[[int], np.ndarray]], None]


def visit_activations(network: Network, pictures: np.ndarray, visit: Visit) -> None:
    """Run the float network on all cores; `visit(picture number, read)` may read every activation by its number.

    `visit` is called from several threads at once, each time for another picture.
    """
    tensors = activations(network.graph)
    model = with_outputs(network.to_bytes(), tensors)
    source = network.graph.inputs[0]
    threads = default_threads()

    def read(interpreter: Any, number: int, tensor: int) -> np.ndarray:
        values: np.ndarray = pictures[number : number + 1] if tensor == source else interpreter.tensor(tensor)()
        return values

    with quiet():  # not inside of the threads: it exchanges the process's standard error
        interpreters: list[Any] = [
            interpreter_module().Interpreter(model_content=model, num_threads=1) for _ in range(threads)
        ]
        for interpreter in interpreters:
            interpreter.allocate_tensors()

    def work(worker: int) -> None:
        interpreter = interpreters[worker]
        place = interpreter.get_input_details()[0]["index"]
        for number in range(worker, len(pictures), threads):
            interpreter.set_tensor(place, pictures[number : number + 1])
            interpreter.invoke()
            visit(number, functools.partial(read, interpreter, number))

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(threads)))


def observe_channels(network: Network, pictures: np.ndarray) -> dict[int, Channels]:
    """Extremes and mean square of every channel of the input and of every activation."""
    tensors = [network.graph.inputs[0], *activations(network.graph)]
    shapes = {tensor: (len(pictures), network.graph.tensors[tensor].shape[-1]) for tensor in tensors}
    low, high, power = ({tensor: np.empty(shape) for tensor, shape in shapes.items()} for _ in range(3))

    def visit(number: int, read: Callable[[int], np.ndarray]) -> None:
        for tensor in tensors:
            values = read(tensor)
            values = values.reshape(-1, values.shape[-1])
            low[tensor][number], high[tensor][number] = values.min(axis=0), values.max(axis=0)
            power[tensor][number] = np.einsum("pc,pc->c", values, values) / len(values)

    visit_activations(network, pictures, visit)
    return {tensor: Channels(low[tensor].min(0), high[tensor].max(0), power[tensor].mean(0)) for tensor in tensors}


def observe_inputs(network: Network, pictures: np.ndarray, samples: Callable[[int], int]) -> dict[int, Moments]:
    """Mean and covariance of every layer's inputs, by operator number.

    Args:
        network: the float network.
        pictures: float32 (pictures, height, width, channels).
        samples: how many windows of one picture, for a layer's number of columns.
    """
    found: dict[int, list[np.ndarray]] = {number: [np.empty(0)] * len(pictures) for number in network.layers}

    def visit(number: int, read: Callable[[int], np.ndarray]) -> None:
        for layer in network.layers.values():
            values = read(layer.input)
            output = network.graph.tensors[layer.output].shape
            columns = network.columns(layer)
            at = positions(layer, values.shape, output, samples(columns), seed=number)
            found[layer.operator][number] = windows(layer, Values(values), at)

    visit_activations(network, pictures, visit)
    return {number: moments(_joined(parts)) for number, parts in found.items()}


def _joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts, axis=1)
