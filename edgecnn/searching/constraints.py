"""What a candidate must keep, by its estimate or by its measurement, and how far it is from that."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from edgecnn.estimation import Estimate
from edgecnn.profiling.text import digits
from edgecnn.recipe.search_settings import Constraints
from edgecnn.searching.candidate import Candidate
from edgecnn.searching.record import Network, Row


@dataclass(frozen=True)
class Miss:
    """A constraint that is missed, or can't be met.

    Attributes:
        ratio: of the figure to the bound; infinite where nothing can be compared.
        sentence: why.
    """

    ratio: float
    sentence: str


def discarded(
    candidate: Candidate, network: Network, estimate: Estimate | None, constraints: Constraints
) -> Miss | None:
    """The worst reason why a candidate can't meet the constraints, even at the optimistic end of its estimate."""
    return max(_reasons(candidate, network, estimate, constraints), key=lambda miss: miss.ratio, default=None)


def _reasons(
    candidate: Candidate, network: Network, estimate: Estimate | None, constraints: Constraints
) -> Iterator[Miss]:
    if network.error or estimate is None:
        yield Miss(math.inf, network.error)
        return
    if estimate.interval_ms is None:
        yield Miss(math.inf, f"Not estimated: {estimate.refusal}")
        return
    yield from _beyond(estimate.interval_ms[0], constraints.latency_ms, "ms", "at best, estimated")
    yield from _beyond(network.size_bytes[candidate.scheme] / 1e6, constraints.max_size_mb, "MB", "of the graph")
    if estimate.energy_interval_mj is not None:
        yield from _beyond(estimate.energy_interval_mj[0], constraints.max_energy_mj, "mJ", "at best, estimated")
    if constraints.edge_tpu and (candidate.scheme != "int8" or network.edge_tpu):
        reason = network.edge_tpu or f"it computes in {candidate.number_format}, by the scheme {candidate.scheme}."
        yield Miss(math.inf, f"An Edge TPU would not run all of it, by its rules: {reason}")


def missed(row: Row, constraints: Constraints) -> Miss | None:
    """The worst constraint that a finalist misses."""
    found = [
        *_beyond(row.latency_ms or 0.0, constraints.latency_ms, "ms", row.latency_kind),
        *_beyond(row.size_bytes / 1e6, constraints.max_size_mb, "MB", "of the artifact"),
        *_beyond(row.energy_mj or 0.0, constraints.max_energy_mj, "mJ", "estimated"),
    ]
    return max(found, key=lambda miss: miss.ratio, default=None)


def _beyond(value: float, bound: float | None, unit: str, what: str) -> Iterator[Miss]:
    if bound is not None and value > bound:
        yield Miss(value / bound, f"{digits(value)} {unit} ({what}), more than {digits(bound)} {unit}.")


def asked(constraints: Constraints) -> dict[str, float | bool]:
    """The constraints that were given, by option."""
    values = {name: getattr(constraints, name) for name in ("fps", "max_latency_ms", "max_size_mb", "max_energy_mj")}
    given: dict[str, float | bool] = {name: value for name, value in values.items() if value is not None}
    return {**given, "edge_tpu": True} if constraints.edge_tpu else given
