"""Fits latency laws to measured models.

Non-negative least squares on relative errors, with few measurements and many prices: what a board's own numbers leave
open is taken from a prior, the ratios between prices over all boards that were measured with the same number format.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from edgecnn.estimation.law import Law, Power
from edgecnn.estimation.nnls import nonnegative_least_squares

START = "start"
_ELEMENTS = "*.elements"  # of all operators that have no column of their own


class Column(NamedTuple):
    """One price of a law.

    Attributes:
        name: of the price.
        amounts: that it is of; what an amount counts for, by name.
        prior: nanoseconds, as relation to the other columns.
        firmness: how strongly the prior holds, 1 as a rule.
    """

    name: str
    amounts: Mapping[str, float]
    prior: float
    firmness: float = 1.0


_FREE_START = 0.05
_PRIOR_ROUNDS = 4
_LEAST_FACTOR = 0.05  # by which a round may lower a price of the prior
_COMMON = (
    Column(START, {}, 1e5, _FREE_START),
    Column("operator", {"operator.count": 1.0}, 3e4, _FREE_START),
    Column("multiply", {"gemm.macs": 1.0}, 1.0),
    Column("read", {"gemm.inputs": 1.0}, 4.0),
    Column("image", {"image.macs": 1.0}, 2.0),
    Column("positions", {"depthwise.positions": 1.0}, 200.0),
)
COLUMNS: Mapping[str, tuple[Column, ...]] = {
    "float32": (
        *_COMMON,
        Column("write", {"gemm.outputs": 1.0}, 4.0),
        Column("weights", {"gemm.weights": 1.0}, 8.0),
        Column("spill", {"gemm.weights over 256k": 1.0}, 8.0),
        Column("depthwise 3x3", {"depthwise 3x3.macs": 1.0}, 4.0),
        Column("depthwise 5x5", {"depthwise 5x5.macs": 1.0}, 3.0),
        Column("depthwise", {"depthwise.elements": 1.0}, 4.0),
        Column("elements", {_ELEMENTS: 1.0, "HARD_SWISH.elements": 0.5}, 4.0),
        Column("dense", {"dense.weights": 1.0}, 12.0),
    ),
    "int8": (
        *_COMMON,
        Column("write", {"gemm.outputs": 1.0}, 8.0),
        Column("weights", {"gemm.weights": 1.0}, 2.0),
        Column("spill", {"gemm.weights over 1M": 1.0}, 8.0),
        Column("depthwise 3x3", {"depthwise 3x3.macs": 1.0}, 5.0),
        Column("depthwise 5x5", {"depthwise 5x5.macs": 1.0}, 4.0),
        Column("depthwise", {"depthwise.elements": 1.0}, 2.0),
        Column("elements", {_ELEMENTS: 1.0}, 8.0),
        Column("hard swish", {"HARD_SWISH.elements": 1.0}, 15.0),
        Column("dense", {"dense.weights": 1.0}, 4.0),
    ),
}
"""Of the published measurements. Hard swish is a polynomial in float and a table in int8."""


@dataclass(frozen=True)
class Observation:
    """A model that was measured.

    Attributes:
        group: the device and runtime.
        model: its name with width and size; the same on all devices.
        family: that it belongs to.
        amounts: its work, all in one number format.
        latency_ms: median.
        watts: of the whole board meanwhile, where that was measured.
    """

    group: str
    model: str
    family: str
    amounts: Mapping[str, float]
    latency_ms: float
    watts: float | None = None


@dataclass(frozen=True)
class Strength:
    """How strongly priors hold, as variances of relative errors: the boards' ratios by the table of columns, and one
    device's prices by the boards' ratios.
    """

    boards: float = 1.0
    device: float = 0.001


class Fitter:
    """Fits the laws of one number format.

    Args:
        columns: the prices.
        pool: measurements of all devices whose ratios the prior comes from.
        strength: of the priors.
    """

    def __init__(
        self, columns: Sequence[Column], pool: Sequence[Observation], strength: Strength | None = None
    ) -> None:
        self._columns, self._pool, self._strength = tuple(columns), tuple(pool), strength or Strength()
        self._seen = sorted({name for each in pool for name in each.amounts})
        self._weights = [self._spelled_out(column) for column in columns]
        self._counts = np.array([self._counted(each.amounts) for each in pool])
        self._ns = np.array([each.latency_ms * 1e6 for each in pool])
        self._groups = np.array([each.group for each in pool])

    def prices(self, group: str, excluded: Callable[[Observation], bool] = lambda each: False) -> np.ndarray:
        """Nanoseconds, (columns,), on one device; neither prior nor fit sees what is excluded."""
        kept = np.array([not excluded(each) for each in self._pool])
        prior = self._prior(kept)
        matrix = self._relative(kept & (self._groups == group), prior)
        scale = 1 / float(np.median(matrix.sum(1)))
        firmness = np.array([column.firmness for column in self._columns]) * self._strength.device
        return np.asarray(_ridge(matrix * scale, firmness) * scale * prior)

    def errors(self, group: str, held_out: Collection[str], key: Callable[[Observation], str]) -> dict[str, float]:
        """Relative errors of the models whose key is held out on all devices, by a fit to all others."""
        prices = self.prices(group, lambda each: key(each) in held_out)
        places = [index for index, each in enumerate(self._pool) if each.group == group and key(each) in held_out]
        return {self._pool[index].model: float(self._counts[index] @ prices / self._ns[index] - 1) for index in places}

    def law(self, group: str, spread: float) -> Law:
        """The law of one device."""
        own, prices = [each for each in self._pool if each.group == group], self.prices(group)
        by_amount = dict.fromkeys(self._seen, 0.0)
        start_ns = 0.0
        for column, price, weights in zip(self._columns, prices.tolist(), self._weights):
            start_ns += price if column.name == START else 0.0
            for name, weight in weights.items():
                by_amount[name] = by_amount.get(name, 0.0) + price * weight
        present = sorted({name for each in own for name in each.amounts})
        latencies = [each.latency_ms for each in own]
        return Law(
            start_ms=_rounded(start_ns / 1e6),
            prices_ns={name: _rounded(by_amount[name]) for name in present},
            largest={name: _rounded(max(each.amounts.get(name, 0.0) for each in own)) for name in present},
            least_ms=min(latencies),
            most_ms=max(latencies),
            spread=round(spread, 3),
            measurements=len(own),
            power=_power([each.watts for each in own if each.watts is not None]),
        )

    def _prior(self, kept: np.ndarray) -> np.ndarray:
        """Prices of which only the ratios mean something: what the devices have in common."""
        prior = np.array([column.prior for column in self._columns])
        for _ in range(_PRIOR_ROUNDS):
            parts = [self._relative(kept & (self._groups == group), prior) for group in sorted({*self._groups[kept]})]
            scaled = np.vstack([part / np.median(part.sum(1)) for part in parts])
            factors = _ridge(scaled, np.full(len(prior), self._strength.boards))
            prior = prior * np.maximum(factors, _LEAST_FACTOR)
        return prior

    def _relative(self, rows: np.ndarray, prior: np.ndarray) -> np.ndarray:
        """(observations, columns): what part of the measured latency each price would be."""
        return np.asarray(self._counts[rows] * prior / self._ns[rows, None])

    def _counted(self, amounts: Mapping[str, float]) -> list[float]:
        return [
            1.0 if column.name == START else sum(weight * amounts.get(name, 0.0) for name, weight in weights.items())
            for column, weights in zip(self._columns, self._weights)
        ]

    def _spelled_out(self, column: Column) -> dict[str, float]:
        """The amounts of a column by name, without the star."""
        named = {name for each in self._columns for name in each.amounts}
        others = [name for name in self._seen if name.endswith(_ELEMENTS[1:]) and name not in named]
        weights = dict(column.amounts)
        star = weights.pop(_ELEMENTS, None)
        return weights if star is None else {**weights, **dict.fromkeys(others, star)}


def _ridge(matrix: np.ndarray, firmness: np.ndarray) -> np.ndarray:
    """Non-negative factors that bring each row's sum to 1, drawn toward 1 themselves."""
    root = np.sqrt(firmness)
    return nonnegative_least_squares(np.vstack([matrix, np.diag(root)]), np.concatenate([np.ones(len(matrix)), root]))


def _power(watts: Sequence[float]) -> Power | None:
    return Power(float(np.median(watts)), min(watts), max(watts)) if watts else None


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def without_families(fitter: Fitter, group: str, pool: Sequence[Observation]) -> dict[str, float]:
    """Relative errors by model, each by a fit that never saw its family."""
    families = sorted({each.family for each in pool if each.group == group})
    found: dict[str, float] = {}
    for family in families:
        found.update(fitter.errors(group, {family}, lambda each: each.family))
    return found


def without_thirds(fitter: Fitter, group: str, pool: Sequence[Observation], rounds: int = 40) -> list[float]:
    """Relative errors of random thirds, each by a fit to the other two."""
    models, draw = sorted({each.model for each in pool if each.group == group}), np.random.default_rng(0)
    found: list[float] = []
    for _ in range(rounds):
        held_out = draw.permutation(models)[: len(models) // 3].tolist()
        found += fitter.errors(group, held_out, lambda each: each.model).values()
    return found


def spread(errors: Collection[float]) -> float:
    """The s for which 9 of 10 measurements lie between the estimate / (1 + s) and the estimate * (1 + s)."""
    return float(np.expm1(np.quantile([abs(np.log1p(error)) for error in errors], 0.9, method="higher")))
