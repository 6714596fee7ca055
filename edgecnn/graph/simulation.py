"""The float network over a few images, in which any single layer can be computed as the int8 artifact computes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from edgecnn.core.statistics import sqnr_db
from edgecnn.graph.float_graph import FloatGraph
from edgecnn.graph.pairing import grid_of, pair_up
from edgecnn.graph.replay import Runner, Values
from edgecnn.runtime.model.graph import Graph

Activations = dict[int, np.ndarray]
"""Tensor number of the float network -> real values of all images, float32 (images, ...)."""
Compute = Callable[[int, Activations], np.ndarray]
"""An operator's output, from its number and the activations so far."""
Outputs = Sequence[np.ndarray]
"""Of a network for several images, each (images, ...)."""
Measured = Callable[[Outputs, Outputs], np.ndarray]
"""What noise is measured on, (images, n), from outputs and the float network's."""


class Simulation:
    """Both networks over the same images, operator by operator.

    Args:
        network: the float network.
        artifact: the int8 graph.
        images: input tensors, float32 (images, height, width, channels).
        measured: what noise is measured on; by default the outputs, all alike.

    Attributes:
        exact: the float network's activations.
        noisy: the artifact's, as real values.
    """

    def __init__(
        self, network: FloatGraph, artifact: Graph, images: np.ndarray, measured: Measured | None = None
    ) -> None:
        self.network = network
        self._measured = measured or _all_alike
        self.pairs = pair_up(network, artifact)
        rounded = FloatGraph(network.to_bytes())
        for pair in self.pairs:
            if pair.layer and pair.weights is not None and pair.bias is not None:
                rounded.set_values(pair.layer.weights, pair.weights)
                rounded.set_values(pair.layer.bias, pair.bias)
        self._exact_runners = [Runner(network.operator_model(pair.number)) for pair in self.pairs]
        self._noisy_runners = [Runner(rounded.operator_model(pair.number)) for pair in self.pairs]
        source = network.graph.inputs[0]
        grid = grid_of(artifact.tensors[artifact.inputs[0]])
        entered = images if grid is None else grid.decode(grid.encode(images))
        everything = range(len(self.pairs))
        self.exact = self._run({source: images}, everything, self._exactly)
        self.noisy = self._run({source: entered}, everything, self._noisily)

    def alone(self, number: int) -> np.ndarray:
        """The output when only this operator is int8, see `output`."""
        return self._after(self.exact, number, self._noisily, self._exactly)

    def all_but(self, number: int) -> np.ndarray:
        """The output when only this operator is float, see `output`."""
        return self._after(self.noisy, number, self._exactly, self._noisily)

    def output(self, values: Activations) -> np.ndarray:
        """What noise is measured on: of a classifier the scores, (images, classes)."""
        found, exact = ([each[tensor] for tensor in self.network.graph.outputs] for each in (values, self.exact))
        return self._measured(found, exact)

    def snr_db(self, output: np.ndarray) -> float:
        """Of an output against the float network's."""
        return sqnr_db(self.output(self.exact), output)

    def _after(self, base: Activations, number: int, this: Compute, others: Compute) -> np.ndarray:
        values = _Overlay(base)
        changed = {self.pairs[number].output}
        values[self.pairs[number].output] = this(number, values)
        for later in range(number + 1, len(self.pairs)):
            inputs = self.network.variable_inputs(later)
            if changed.intersection(inputs):
                values[self.pairs[later].output] = others(later, values)
                changed.add(self.pairs[later].output)
        return self.output(values)

    def _run(self, values: Activations, numbers: Iterable[int], compute: Compute) -> Activations:
        for number in numbers:
            values[self.pairs[number].output] = compute(number, values)
        return values

    def _exactly(self, number: int, values: Activations) -> np.ndarray:
        return self._exact_runners[number].run(self._inputs(number, values)).array

    def _noisily(self, number: int, values: Activations) -> np.ndarray:
        found = self._noisy_runners[number].run(self._inputs(number, values), self.pairs[number].grid)
        return found.real(found.array)

    def _inputs(self, number: int, values: Activations) -> list[Values]:
        return [Values(values[tensor]) for tensor in self.network.variable_inputs(number)]


def _all_alike(outputs: Outputs, expected: Outputs) -> np.ndarray:
    return np.concatenate([values.reshape(len(values), -1) for values in outputs], axis=1)


class _Overlay(dict[int, np.ndarray]):
    """Changed values over unchanged ones."""

    def __init__(self, base: Activations) -> None:
        super().__init__()
        self._base = base

    def __missing__(self, key: int) -> np.ndarray:
        return self._base[key]
