"""Which networks get a trial: first some spread over the latencies, then what Optuna's TPE sampler proposes.

The sampler is asked in batches of a fixed size, each from the finished trials of all batches before it and with a seed
of its own. So the proposals depend on neither the number of workers, nor the order in which trials end, nor on where a
search was stopped.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from edgecnn.core.errors import MissingExtraError
from edgecnn.searching.candidate import Candidate
from edgecnn.searching.front import Point

BATCH = 6
_ATTEMPTS = 20  # proposals per place that may be taken or discarded already
_AXES = ("architecture", "width", "input_size", "keep")


def check_installed() -> None:
    """Refuse a search without Optuna before it begins.

    Raises:
        MissingExtraError: it is not installed.
    """
    from importlib.util import find_spec

    if find_spec("optuna") is None:
        raise MissingExtraError('A search needs Optuna. Install it with: pip install "edgecnn[search]"')


def spread(latencies_ms: Mapping[str, float], count: int) -> list[str]:
    """Keys evenly over the ranks of the latencies, the ends included."""
    order = sorted(latencies_ms, key=lambda key: (latencies_ms[key], key))
    places = np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int)
    return [order[place] for place in dict.fromkeys(places.tolist())]


def proposed(
    networks: Mapping[str, Candidate],
    latencies_ms: Mapping[str, float],
    known: Mapping[str, Point],
    tried: Collection[str],
    count: int,
    seed: int,
) -> list[str]:
    """Keys of the next networks to try.

    Args:
        networks: those that may be tried, by key.
        latencies_ms: of each, estimated.
        known: the results so far.
        tried: keys of all that were tried, failures included.
        count: how many.
        seed: of these proposals.
    """
    left = {key: candidate for key, candidate in networks.items() if key not in tried}
    study, distributions = _study(networks, known, seed)
    values = _values(networks)
    by_place = {_place(candidate, values): key for key, candidate in left.items()}
    chosen: list[str] = []
    for _ in range(_ATTEMPTS * count):
        if len(chosen) == min(count, len(left)):
            return chosen
        trial = study.ask(distributions)
        key = by_place.get(tuple(trial.params[axis] for axis in _AXES))
        if key is not None and key not in chosen:
            chosen.append(key)
    rest = {key: latencies_ms[key] for key in left if key not in chosen}
    return chosen + spread(rest, min(count, len(left)) - len(chosen))


def _study(networks: Mapping[str, Candidate], known: Mapping[str, Point], seed: int) -> tuple[Any, Any]:
    """A study with the finished trials, and the distributions of the axes."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    values = _values(networks)
    distributions: dict[str, Any] = {
        axis: optuna.distributions.CategoricalDistribution(values[axis])
        if axis == "architecture"
        else optuna.distributions.IntDistribution(0, len(values[axis]) - 1)
        for axis in _AXES
    }
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=0, n_ei_candidates=64, constant_liar=True)
    study = optuna.create_study(directions=["minimize", "maximize"], sampler=sampler)
    for key, point in known.items():
        params = dict(zip(_AXES, _place(networks[key], values)))
        outcome = [math.log(point.latency_ms), point.accuracy]
        study.add_trial(optuna.trial.create_trial(params=params, distributions=distributions, values=outcome))
    return study, distributions


def _values(networks: Mapping[str, Candidate]) -> dict[str, list[Any]]:
    """What occurs on each axis, in order."""
    return {axis: sorted({getattr(candidate, axis) for candidate in networks.values()}) for axis in _AXES}


def _place(candidate: Candidate, values: Mapping[str, Sequence[Any]]) -> tuple[Any, ...]:
    """The architecture, and positions on the other axes."""
    return (
        candidate.architecture,
        *(values[axis].index(getattr(candidate, axis)) for axis in _AXES[1:]),
    )
