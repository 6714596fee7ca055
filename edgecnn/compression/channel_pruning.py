"""Channel pruning in rounds: removes the least important channels of coupled layers; see `methods/channels.py`."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edgecnn.compression import batch_norms
from edgecnn.compression.allocation import Budget, allocate
from edgecnn.compression.coupling import Coupling
from edgecnn.compression.importance import CRITERIA, RELATIVE
from edgecnn.compression.job import Job
from edgecnn.compression.layer_latency import measured_ms
from edgecnn.compression.rebuild import rebuild
from edgecnn.core.errors import UsageError
from edgecnn.core.files import read_json, sha256, write_json
from edgecnn.graph import keras_macs


def pruned(job: Job, *, keep: float, cost: str, criterion: str, floor: float, rounds: int, divisor: int) -> Any:
    """The job's model without its least important channels; not yet fine-tuned.

    Args:
        job: what to prune.
        keep: share of the cost that stays.
        cost: what is counted: "macs", "latency" or "size".
        criterion: which channels go first, a name of `CRITERIA`.
        floor: share of its channels that every layer keeps at least.
        rounds: in how many steps.
        divisor: channel counts that change become multiples of it.

    Raises:
        UsageError: the target can't be reached, or nothing in the model can be pruned.
    """
    state = _State(job.model, _costs(job, cost), _floors(job.model, floor, divisor))
    whole = sum(state.costs.values())
    _check_reachable(state, whole, keep, cost)
    for number in range(1, rounds + 1):
        job.progress("Pruning channels", number, rounds)
        state = _round(state, whole * keep ** (number / rounds), criterion, divisor, job)
    return state.model


def _check_reachable(state: _State, whole: float, keep: float, cost: str) -> None:
    coupling = Coupling.of(state.model)
    sizes = coupling.prunable()
    if not sizes:
        raise UsageError(
            f"No channels of {state.model.name} can be removed: all its layers are coupled to the input, the output "
            "or layers that pruning does not support. Prune channels before quantization-aware training."
        )
    share = Budget(coupling, state.costs).least(sizes, state.least(coupling)) / whole
    if share > keep:
        raise UsageError(
            f"keep is {keep}, but channel pruning can reduce the {cost} only to a share of {share:.2f}. Increase "
            "keep, lower the floor of each layer, or build a narrower model."
        )


@dataclass(frozen=True)
class _State:
    """A model between two rounds, what its layers cost, and the channels that each group keeps, by the group's name."""

    model: Any
    costs: dict[str, float]
    floors: dict[str, int]

    def least(self, coupling: Coupling) -> dict[int, int]:
        """The channels that each group of the model keeps at least."""
        return {group: self.floors[coupling.name(group)] for group in coupling.prunable()}


def _floors(model: Any, floor: float, divisor: int) -> dict[str, int]:
    coupling = Coupling.of(model)
    return {
        coupling.name(group): divisor * max(1, math.ceil(size * floor / divisor))
        for group, size in coupling.prunable().items()
    }


def _costs(job: Job, cost: str) -> dict[str, float]:
    model = job.model
    if cost == "macs":
        return {name: float(count) for name, count in keras_macs.per_layer(model).items()}
    if cost == "size":
        return {name: float(model.get_layer(name).count_params()) for name in keras_macs.per_layer(model)}
    return _remembered(job, lambda: measured_ms(model, lambda done, n: job.progress("Measuring layers", done, n)))


def _remembered(job: Job, measure: Callable[[], dict[str, float]]) -> dict[str, float]:
    """A second measurement would prune other channels, and an interrupted fine-tuning could not go on."""
    if job.folder is None:
        return measure()
    path, key = job.folder / "channels" / "checkpoint.json", sha256(job.model.to_json().encode())
    kept = read_json(path)
    if kept is None or kept.get("model") != key:
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = {"model": key, "latency_ms": measure()}
        write_json(path, kept)
    return dict(kept["latency_ms"])


def _round(state: _State, target: float, criterion: str, divisor: int, job: Job) -> _State:
    model, coupling = state.model, Coupling.of(state.model)
    sizes, budget = coupling.prunable(), Budget(coupling, state.costs)
    importance = CRITERIA[criterion](model, coupling, job.batches, job.loss)
    if criterion in RELATIVE:
        # Losing a share of a group weighs as much as the layers that it goes through.
        importance = {group: value * budget.touched(group) for group, value in importance.items()}
    keep = allocate(sizes, importance, budget, target, state.least(coupling), divisor)
    smaller = rebuild(model, coupling, keep)
    batch_norms.settle(smaller, job.batches)
    left = {group: int(keep[group].sum()) if group in keep else size for group, size in sizes.items()}
    return dataclasses.replace(state, model=smaller, costs=budget.after(left))
