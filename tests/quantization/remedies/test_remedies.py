"""Each remedy against what can be computed by hand, and the network that carries them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from small_graphs import Graph

from edgecnn.graph.float_graph import FloatGraph
from edgecnn.graph.grid import Grid, weight_scales
from edgecnn.graph.replay import Values, run
from edgecnn.quantization.observation import observe_channels
from edgecnn.quantization.remedies import bias_correction, equalization, rounding
from edgecnn.quantization.remedies.ranges import METHODS, Histogram, logits
from edgecnn.quantization.statistics import moments, positions, windows

RNG = np.random.default_rng(0)


def covariance(columns: int, groups: int = 1, rank: int | None = None) -> np.ndarray:
    factors = np.random.default_rng(columns).normal(size=(groups, rank or 3 * columns, columns))
    return factors.transpose(0, 2, 1) @ factors / factors.shape[1]


def output_error(difference: np.ndarray, spread: np.ndarray) -> float:
    return float(np.einsum("gok,gkl,gol->", difference, spread, difference))


def nearest(weights: np.ndarray) -> np.ndarray:
    scales = weight_scales(weights, per_channel=True)
    return np.rint(weights / scales) * scales


@pytest.mark.parametrize(("groups", "outputs", "columns"), [(1, 16, 200), (12, 1, 9), (4, 2, 25)])
def test_rounding_by_outputs_beats_rounding_to_nearest(groups: int, outputs: int, columns: int) -> None:
    weights = RNG.normal(size=(groups, outputs, columns))
    spread = covariance(columns, groups, rank=columns // 2 + 1)  # inputs that depend on each other, as real ones do
    better = rounding.rounded(weights, spread)
    assert output_error(better - weights, spread) < 0.7 * output_error(nearest(weights) - weights, spread)


def test_pruned_weights_stay_zero_while_others_make_up() -> None:
    random = np.random.default_rng(1)
    weights, spread = random.normal(size=(1, 16, 200)), covariance(200, rank=30)
    weights[random.uniform(size=weights.shape) < 0.7] = 0
    better = rounding.rounded(weights, spread)
    np.testing.assert_array_equal(better[weights == 0], 0)
    assert output_error(better - weights, spread) < 0.8 * output_error(nearest(weights) - weights, spread)


def test_rounding_comes_near_the_best_of_all_choices() -> None:
    weights = RNG.normal(size=(1, 1, 8))
    spread = covariance(8, rank=4)
    scale = weight_scales(weights, per_channel=True)
    choices = itertools.product((0.0, 1.0), repeat=8)
    best = min(output_error((np.floor(weights / scale) + up) * scale - weights, spread) for up in choices)
    plain = output_error(nearest(weights) - weights, spread)
    found = output_error(rounding.rounded(weights, spread) - weights, spread)
    assert found < best + 0.5 * (plain - best)


@pytest.mark.parametrize("per_channel", [True, False])
def test_rounded_weights_lie_on_the_grid_that_the_converter_finds(per_channel: bool) -> None:
    weights = RNG.normal(size=(1, 6, 40))
    result = rounding.rounded(weights, covariance(40, rank=10), per_channel=per_channel)
    scales = weight_scales(result, per_channel=per_channel)
    assert np.allclose(scales, weight_scales(weights, per_channel=per_channel), rtol=1e-12)
    assert np.abs(result / scales - np.rint(result / scales)).max() < 1e-9


def test_dead_channels_and_inputs_that_never_change_are_survived() -> None:
    weights = RNG.normal(size=(3, 2, 9))
    weights[1] = 0  # a dead channel
    spread = covariance(9, 3)
    spread[2] = 0  # an input that is always zero
    result = rounding.rounded(weights, spread)
    assert np.isfinite(result).all()
    assert (result[1] == 0).all()
    assert np.allclose(result[2], nearest(weights)[2])


def test_bias_correction_restores_the_mean() -> None:
    inputs = RNG.normal(1, 1, size=(1, 500, 12)).astype(np.float32)
    old = RNG.normal(size=(1, 5, 12))
    new = nearest(old * 1.3)
    shift = bias_correction.from_inputs(old, new, moments(inputs).mean)
    wanted, got = inputs[0] @ old[0].T, inputs[0] @ new[0].T + shift
    assert np.allclose(wanted.mean(0), got.mean(0), atol=1e-4)


def test_bias_correction_looks_only_at_outputs_that_count() -> None:
    reference = RNG.normal(-2, 2, size=(4, 50, 3))
    spoiled = reference + np.where(reference > 0, 0.3, -5.0)  # far below 0 the errors are of another kind
    shift = bias_correction.from_outputs(reference, spoiled, (0.0, np.inf))
    assert np.allclose(shift, -0.3)
    dead = np.full((4, 50, 3), -1.0)
    assert (bias_correction.from_outputs(dead, dead + 1, (0.0, np.inf)) == 0).all()


def test_ranges_give_up_rare_extremes_only_where_it_pays() -> None:
    many = RNG.normal(size=100_000)
    spiked = Histogram.of(np.append(many, [60.0]).astype(np.float32))
    for name in ("percentile", "mse", "kl"):
        low, high = METHODS[name](spiked)
        assert spiked.low <= low <= 0 <= high < spiked.high, name
    assert METHODS["percentile"](spiked)[1] < 8
    even = Histogram.of(RNG.uniform(-1, 1, size=100_000).astype(np.float32))
    for name, method in METHODS.items():
        low, high = method(even)
        assert (low, high) == pytest.approx((-1, 1), abs=0.09), name


def test_mse_range_is_the_best_of_all_by_trying() -> None:
    values = RNG.laplace(size=50_000).astype(np.float32)

    def error(low: float, high: float) -> float:
        grid = Grid.of(low, high)
        return float(np.square(grid.decode(grid.encode(values)) - values).mean())

    found = METHODS["mse"](Histogram.of(values))
    tried = [
        error(values.min() * a, values.max() * b) for a in np.linspace(0.4, 1, 13) for b in np.linspace(0.4, 1, 13)
    ]
    assert error(*found) < 1.1 * min(tried)


def test_logits_get_the_range_that_keeps_their_probabilities() -> None:
    random = np.random.default_rng(0)
    values = random.normal(0, 0.3, (50, 100)).astype(np.float32)
    values[np.arange(50), random.integers(0, 100, 50)] += 8  # one class ahead
    values[0, :20] = -40  # out of question already at -4

    def divergence(low: float, high: float) -> float:
        grid = Grid.of(low, high)
        expected, found = (
            np.exp(array) / np.exp(array).sum(axis=1, keepdims=True)
            for array in (values, grid.decode(grid.encode(values)))
        )
        return float((expected * np.log(expected / found)).sum(axis=1).mean())

    low, high = logits(values)
    assert high == values.max() and -8 < low < -0.5
    assert divergence(low, high) < 0.2 * divergence(float(values.min()), high)


def test_grid_is_the_quantizers() -> None:
    grid = Grid.of(-1.0, 3.0)
    assert grid.scale == pytest.approx(4 / 255)
    assert grid.decode(np.array([grid.zero_point], np.uint8))[0] == 0
    values = np.linspace(-1, 3, 1001, dtype=np.float32)
    assert np.abs(grid.decode(grid.encode(values)) - values).max() <= 0.51 * grid.scale
    assert grid.encode(np.array([-9.0, 9.0], np.float32)).tolist() == [0, 255]
    assert Grid.of(2.0, 5.0).zero_point == 0  # zero always has a code


def small_network() -> bytes:
    """Convolution, convolution with stride 2, a sum that both branches share, and a last convolution; float."""
    graph = Graph()
    source = graph.tensor("image", (1, 8, 8, 3), "f4")
    first = graph.conv("first", source, 6, 3, dtype="f4", stride=2)
    second = graph.conv("second", first, 6, 3, dtype="f4")
    third = graph.conv("third", second, 4, 1, dtype="f4")
    return graph.build([source], [third])


def pictures(count: int = 6) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(count, 8, 8, 3)).astype(np.float32)


def outputs(model: bytes, inputs: np.ndarray) -> np.ndarray:
    interpreter = Interpreter(model_content=model)
    interpreter.allocate_tensors()
    results = []
    for tensor in inputs:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], tensor[np.newaxis])
        interpreter.invoke()
        results.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
    return np.concatenate(results)


def test_network_written_unchanged_computes_the_same() -> None:
    model = small_network()
    network = FloatGraph(model)
    for layer in network.layers.values():
        network.set_matrix(layer, network.matrix(layer))
    assert np.array_equal(outputs(network.to_bytes(), pictures()), outputs(model, pictures()))


def test_layers_that_share_a_bias_get_their_own() -> None:
    graph = Graph()
    source = graph.tensor("image", (1, 8, 8, 3), "f4")
    first = graph.conv("first", source, 6, 3, dtype="f4")
    second = graph.conv("second", first, 6, 3, dtype="f4")
    graph.graph.operators[1].inputs[2] = graph.graph.operators[0].inputs[2]
    network = FloatGraph(graph.build([source], [second]))
    one, two = network.layers.values()
    before = network.values(two.bias).copy()
    network.set_values(one.bias, np.full(6, 7.0))
    assert np.array_equal(network.values(two.bias), before)
    assert np.array_equal(FloatGraph(network.to_bytes()).values(one.bias), np.full(6, 7.0, np.float32))


@pytest.mark.parametrize("number", [0, 1])
def test_windows_times_weights_is_the_convolution(number: int) -> None:
    network = FloatGraph(small_network())
    layer = network.layers[number]
    inputs = pictures() if number == 0 else run(network.operator_model(0), [Values(pictures())]).array
    result = run(network.operator_model(number, linear=True), [Values(inputs)]).array
    at = positions(layer, inputs.shape, network.graph.tensors[layer.output].shape, 50)
    seen = windows(layer, Values(inputs), at)
    expected = seen[0] @ network.matrix(layer)[0].T + network.values(layer.bias)
    assert len(at[0]) == 50
    assert np.allclose(expected, result[at], atol=1e-4)


def test_running_operator_by_operator_is_running_the_network() -> None:
    model = small_network()
    network = FloatGraph(model)
    values = Values(pictures())
    for number in range(3):
        values = run(network.operator_model(number), [values])
    assert np.allclose(values.array, outputs(model, pictures()), atol=1e-5)


def test_equalization_changes_weights_but_not_the_function() -> None:
    network = FloatGraph(small_network())
    quiet = network.layers[0]
    weights = network.matrix(quiet)
    network.set_matrix(quiet, weights * np.array([1, 1, 0.01, 0.01, 0.02, 1])[:, None])  # channels that hardly speak
    network.set_values(quiet.bias, np.zeros(6))
    before = outputs(network.to_bytes(), pictures())
    channels = observe_channels(network, pictures())
    factors = equalization.equalize(network, channels, per_channel=False)
    assert max(factor.max() for factor in factors.values()) > 2
    assert np.allclose(outputs(network.to_bytes(), pictures()), before, atol=1e-3)
    assert not np.allclose(network.matrix(quiet), weights)


def test_equalization_keeps_values_under_6() -> None:
    network = FloatGraph(small_network())
    channels = observe_channels(network, pictures())
    factors = equalization.equalize(network, channels, per_channel=False)
    for tensor, factor in factors.items():
        saturated = channels[tensor].high >= 6
        assert (factor[saturated] == 1).all()
        assert (channels[tensor].high * factor <= 6.001).all()
