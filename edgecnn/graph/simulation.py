"""The float network over a few pictures, in which any single layer can be computed as the int8 artifact computes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from edgecnn.core.errors import QuantizationError
from edgecnn.core.statistics import sqnr_db
from edgecnn.graph.float_graph import Layer, Network
from edgecnn.graph.grid import Grid
from edgecnn.graph.replay import Runner, Values
from edgecnn.runtime.model.tflite import Graph, Operator, Tensor

BORDER = ("QUANTIZE", "DEQUANTIZE")
"""Conversions, which the float network doesn't have."""


@dataclass(frozen=True)
class Pair:
    """One operator of the float network and what became of it.

    Attributes:
        number: the operator's number in the float network.
        name: its output tensor's.
        weights_name: its weight tensor's.
        layer: with weights, if it has some.
        grid: of its output in the artifact; None where it stayed float.
        weights: the artifact's, dequantized, in the float tensor's shape; None without weights or where they are float.
        scales: their scales, (1,) or (channels,).
        bias: the artifact's, dequantized.
    """

    number: int
    name: str
    output: int
    layer: Layer | None
    grid: Grid | None
    weights: np.ndarray | None = None
    scales: np.ndarray | None = None
    bias: np.ndarray | None = None
    weights_name: str = ""


def pair_up(network: Network, artifact: Graph) -> list[Pair]:
    """Match the operators of both, in order; conversions between float and int8 are passed over.

    Raises:
        QuantizationError: the artifact isn't this network, or an operator has several outputs.
    """
    operators = [operator for operator in artifact.operators if operator.name not in BORDER]
    names = [operator.name for operator in network.graph.operators]
    if [operator.name for operator in operators] != names:
        raise QuantizationError(
            f"The artifact isn't made from this model: it has {len(operators)} operators, the model {len(names)}, or "
            "in another order. Give the float model that it was made from."
        )
    several = [name for name, operator in zip(names, operators) if len(operator.outputs) > 1]
    if several:
        raise QuantizationError(f"{several[0]} has several outputs; the noise of single layers can't be told with it.")
    return [_pair(network, number, operator, artifact) for number, operator in enumerate(operators)]


def _pair(network: Network, number: int, operator: Operator, artifact: Graph) -> Pair:
    layer = network.layers.get(number)
    tensor = artifact.tensors[operator.outputs[0]]
    output = network.graph.operators[number].outputs[0]
    tensors = network.graph.tensors
    name = tensors[output].name
    if layer is None:
        return Pair(number, name, output, None, grid_of(tensor))
    weights_name = tensors[layer.weights].name  # the last operator's output has lost its layer's name
    weights, bias = artifact.tensors[operator.inputs[1]], artifact.tensors[operator.inputs[2]]
    if weights.dtype != "INT8":
        return Pair(number, name, output, layer, grid_of(tensor), weights_name=weights_name)
    return Pair(
        number, name, output, layer, grid_of(tensor), weights_name=weights_name,
        weights=dequantized(weights).reshape(network.graph.tensors[layer.weights].shape),
        scales=weights.scale, bias=dequantized(bias).reshape(-1),
    )  # fmt: skip


def grid_of(tensor: Tensor) -> Grid | None:
    """An activation's grid, with the zero point as if the codes were unsigned; None for a float tensor."""
    if tensor.scale.size != 1 or tensor.dtype not in ("INT8", "UINT8"):
        return None
    return Grid(float(tensor.scale[0]), int(tensor.zero_point[0]) + (128 if tensor.dtype == "INT8" else 0))


def dequantized(tensor: Tensor) -> np.ndarray:
    """A constant's real values, float64."""
    shape = [1] * len(tensor.shape)
    shape[tensor.channel_axis if tensor.scale.size > 1 else 0] = -1
    zero = tensor.zero_point.reshape(shape) if tensor.zero_point.size == tensor.scale.size else 0
    result: np.ndarray = (tensor.values().astype(np.float64) - zero) * tensor.scale.astype(np.float64).reshape(shape)
    return result


Activations = dict[int, np.ndarray]
"""Tensor number of the float network -> real values of all images, float32 (images, ...)."""


class Simulation:
    """Both networks over the same pictures, operator by operator.

    Args:
        network: the float network.
        artifact: the int8 graph.
        pictures: input tensors, float32 (pictures, height, width, channels).

    Attributes:
        exact: the float network's activations.
        noisy: the artifact's, as real values.
    """

    def __init__(self, network: Network, artifact: Graph, pictures: np.ndarray) -> None:
        self.network = network
        self.pairs = pair_up(network, artifact)
        rounded = Network(network.to_bytes())
        for pair in self.pairs:
            if pair.layer and pair.weights is not None and pair.bias is not None:
                rounded.set_values(pair.layer.weights, pair.weights)
                rounded.set_values(pair.layer.bias, pair.bias)
        self._exact_runners = [Runner(network.operator_model(pair.number)) for pair in self.pairs]
        self._noisy_runners = [Runner(rounded.operator_model(pair.number)) for pair in self.pairs]
        source = network.graph.inputs[0]
        grid = grid_of(artifact.tensors[artifact.inputs[0]])
        entered = pictures if grid is None else grid.decode(grid.encode(pictures))
        everything = range(len(self.pairs))
        self.exact = self._run({source: pictures}, everything, self._exactly)
        self.noisy = self._run({source: entered}, everything, self._noisily)

    def alone(self, number: int) -> np.ndarray:
        """The output when only this operator is int8, (pictures, classes)."""
        return self._after(self.exact, number, self._noisily, self._exactly)

    def all_but(self, number: int) -> np.ndarray:
        """The output when only this operator is float, (pictures, classes)."""
        return self._after(self.noisy, number, self._exactly, self._noisily)

    def output(self, values: Activations) -> np.ndarray:
        """(pictures, classes)."""
        result = values[self.network.graph.outputs[0]]
        return result.reshape(len(result), -1)

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


Compute = Callable[[int, Activations], np.ndarray]


class _Overlay(dict[int, np.ndarray]):
    """Changed values over unchanged ones."""

    def __init__(self, base: Activations) -> None:
        super().__init__()
        self._base = base

    def __missing__(self, key: int) -> np.ndarray:
        return self._base[key]
