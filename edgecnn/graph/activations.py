"""A look at every activation of a float model while it runs over images."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from edgecnn.graph.edit import with_outputs
from edgecnn.graph.replay import Runner, Worker
from edgecnn.runtime.model.graph import FLOAT_TYPES, Graph
from edgecnn.runtime.model.tflite import parse

Inputs = Iterator[np.ndarray]
Read = Callable[[int], np.ndarray]
"""The values of an activation, by its tensor's number: a view that must not be kept."""
Visit = Callable[[int, Read], None]
"""Called with the number of the image and `Read`, from several threads at once, for another image each."""


def activations(graph: Graph) -> list[int]:
    """Float tensors that operators compute, in execution order."""
    computed = (index for operator in graph.operators for index in operator.outputs)
    return [index for index in dict.fromkeys(computed) if graph.tensors[index].dtype in FLOAT_TYPES]


def visit_activations(
    model: bytes, inputs: Inputs, visits: Sequence[Visit], done: Callable[[int], None] = lambda count: None
) -> None:
    """Run a float model on all cores, one image a core, with every activation as an output.

    Args:
        model: float `.tflite`.
        inputs: input tensors, float32 (1, height, width, channels); images are decoded while other cores compute.
        visits: what looks at them.
        done: called with the number of images finished so far.
    """
    graph = parse(model).graph
    source = graph.inputs[0]
    finished, lock = itertools.count(1), threading.Lock()

    def work(worker: Worker, item: tuple[int, np.ndarray]) -> None:
        number, image = item
        worker.invoke([image])

        def read(tensor: int) -> np.ndarray:
            values: np.ndarray = image if tensor == source else worker.interpreter.tensor(tensor)()
            return values

        for visit in visits:
            visit(number, read)
        with lock:
            done(next(finished))

    Runner(with_outputs(model, activations(graph))).each(enumerate(inputs), work)
