"""Mixed precision: the operators to keep in float or int16, with their consumers.

They are those that add most noise, or that a person names. An operator alone gains nothing by a finer arithmetic where
its output is rounded to int8 all the same: on Lite0 the six noisiest alone in float raise the logits from 24.3 to
24.5 dB, together with their consumers to 25.5 dB.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import islice

import numpy as np

from edgecnn.core.errors import UsageError
from edgecnn.graph.float_graph import FloatGraph
from edgecnn.graph.layer_names import mentioned
from edgecnn.graph.pairing import computing
from edgecnn.graph.simulation import Simulation
from edgecnn.quantization.scheme import Job
from edgecnn.runtime.model.tflite import parse

_IMAGES = 8
_SHARE = 0.5
_MOST = 6

Allowed = Callable[[FloatGraph, int], bool]


def noisiest(
    job: Job,
    model: bytes,
    graph: bytes,
    allowed: Allowed = lambda network, number: True,
    share: float = _SHARE,
    most: int | None = _MOST,
) -> list[int]:
    """Numbers of operators of the float network, in execution order.

    Args:
        job: whose calibration images are measured on.
        model: float `.tflite`, ready to be rounded.
        graph: its int8 form.
        allowed: whether an operator may be chosen; it is only if all of its consumers may be, too.
        share: of all noise that the chosen operators make, at least, as far as they may be chosen.
        most: operators, their consumers not counted; None for as many as it takes.
    """
    network = FloatGraph(model)
    images = np.concatenate(list(islice(job.inputs(), _IMAGES)))
    simulation = Simulation(network, parse(graph).graph, images, job.measured)
    numbers = range(len(simulation.pairs))
    noise = np.power(10.0, [-simulation.snr_db(simulation.alone(number)) / 10 for number in numbers])
    chosen: set[int] = set()
    found, made = 0, 0.0
    for number in sorted(numbers, key=lambda number: -noise[number]):
        around = [number, *_consumers(network, number)]
        is_last = len(around) == 1
        if (is_last and job.io != "float32") or not all(allowed(network, each) for each in around):
            continue  # the last one's output is the model's, whose type is asked for
        chosen.update(around)
        found, made = found + 1, made + noise[number] / noise.sum()
        if made >= share or found == most:
            break
    return sorted(chosen | _islands(network, chosen, allowed, float_output=job.io == "float32"))


def _islands(network: FloatGraph, chosen: set[int], allowed: Allowed, *, float_output: bool) -> set[int]:
    """The operators without weights that have chosen ones on both sides, or the float output behind them.

    Such a softmax in int8 would cost two conversions, and make answers equal that differ by less than 1/256.
    """
    makers = {tensor: operator.index for operator in network.graph.operators for tensor in operator.outputs}
    found: set[int] = set()
    for operator in network.graph.operators:
        around = {makers.get(tensor) for tensor in network.variable_inputs(operator.index)}
        after = _consumers(network, operator.index)
        inside = around and (after or float_output) and around.union(after) <= chosen | found
        if inside and operator.index not in network.layers and allowed(network, operator.index):
            found.add(operator.index)
    return found


def named(model: bytes, layers: Sequence[str]) -> list[int]:
    """The operators that were made from Keras layers, and their consumers, in execution order.

    Raises:
        UsageError: no operator was made from one of the layers.
    """
    network = FloatGraph(model)
    parts = {operator.index: mentioned(network.graph, operator) for operator in network.graph.operators}
    known = set().union(*parts.values())
    chosen: set[int] = set()
    check_layers(layers, known)
    for layer in layers:
        for number in (number for number, names in parts.items() if layer in names):
            chosen.update((number, *_consumers(network, number)))
    return sorted(chosen)


def check_layers(layers: Iterable[str], known: Collection[str]) -> None:
    """Refuse a name that is not among the known ones.

    Raises:
        UsageError: names the nearest.
    """
    for layer in layers:
        if layer not in known:
            near = difflib.get_close_matches(layer, known, 3) or sorted(known)[:3]
            raise UsageError(
                f"There is no layer {layer!r} that became an operator. Valid names are, for example: "
                f"{', '.join(near)}. `edgecnn inspect` lists the layers."
            )


def with_own_weights(model: bytes, before: bytes, numbers: Iterable[int]) -> bytes:
    """A model whose operators of these numbers have weights and biases as before they were rounded to int8's grid.

    Args:
        model: float `.tflite`, ready to be rounded.
        before: the same model, not rounded.
        numbers: of the operators that will compute in float.
    """
    network, original = FloatGraph(model), FloatGraph(before)
    for number in network.layers.keys() & set(numbers):
        layer = original.layers[number]
        for tensor in (layer.weights, layer.bias):
            network.set_values(tensor, original.values(tensor))
    return network.to_bytes()


def outputs(model: bytes, numbers: Sequence[int]) -> list[str]:
    """Names of operators' outputs, as the quantizer's list of exceptions wants them."""
    graph = parse(model).graph
    return [graph.tensors[graph.operators[number].outputs[0]].name for number in numbers]


def places(graph: bytes) -> list[int]:
    """Where the float network's operators are in its int8 form, which has conversions besides."""
    return [operator.index for operator in computing(parse(graph).graph)]


def _consumers(network: FloatGraph, number: int) -> list[int]:
    output = network.graph.operators[number].outputs[0]
    return [operator.index for operator in network.graph.operators if output in operator.inputs]
