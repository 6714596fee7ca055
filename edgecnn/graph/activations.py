"""A look at every activation of a float model while it runs over pictures."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from edgecnn.graph.edit import with_outputs
from edgecnn.runtime.model.tflite import FLOAT_TYPES, Graph, parse
from edgecnn.runtime.run.engine import default_threads, interpreter_module, quiet

Inputs = Iterator[np.ndarray]
Read = Callable[[int], np.ndarray]
"""The values of an activation, by its tensor's number: a view that must not be kept."""
Visit = Callable[[int, Read], None]
"""Called with the number of the picture and `Read`, from several threads at once, for another picture each."""


def activations(graph: Graph) -> list[int]:
    """Float tensors that operators compute, in execution order."""
    computed = (index for operator in graph.operators for index in operator.outputs)
    return [index for index in dict.fromkeys(computed) if graph.tensors[index].dtype in FLOAT_TYPES]


def visit_activations(
    model: bytes, inputs: Inputs, visits: Sequence[Visit], done: Callable[[int], None] = lambda count: None
) -> None:
    """Run a float model on all cores, one picture a core, with every activation as an output.

    Args:
        model: float `.tflite`.
        inputs: input tensors, float32 (1, height, width, channels).
        visits: what looks at them.
        done: called with the number of pictures finished so far.
    """
    graph = parse(model).graph
    observed = with_outputs(model, activations(graph))
    source = graph.inputs[0]
    numbered = enumerate(inputs)
    lock = threading.Lock()
    finished = 0

    def following() -> tuple[int, np.ndarray] | None:
        with lock:  # pictures are decoded here, while other threads compute
            return next(numbered, None)

    def work(interpreter: Any) -> None:
        nonlocal finished
        while item := following():
            number, picture = item
            interpreter.set_tensor(source_place, picture)
            interpreter.invoke()
            for visit in visits:
                visit(number, functools.partial(_read, interpreter, source, picture))
            with lock:
                finished += 1
                done(finished)

    with quiet():  # not inside of the threads: it exchanges the process's standard error
        module = interpreter_module()
        interpreters = [module.Interpreter(model_content=observed, num_threads=1) for _ in range(default_threads())]
        for interpreter in interpreters:
            interpreter.allocate_tensors()
    source_place = interpreters[0].get_input_details()[0]["index"]
    with ThreadPoolExecutor(len(interpreters)) as pool:
        list(pool.map(work, interpreters))


def _read(interpreter: Any, source: int, picture: np.ndarray, tensor: int) -> np.ndarray:
    values: np.ndarray = picture if tensor == source else interpreter.tensor(tensor)()
    return values
