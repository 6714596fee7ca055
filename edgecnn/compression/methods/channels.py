"""Structured pruning: whole channels leave, physically, and every kernel gets faster.

The least important channels of all coupled layers go, in multiples of 8, in a few rounds; after each the batch norms'
statistics are settled and the importance is asked again. The result is an ordinary, smaller Keras model.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edgecnn.compression import batch_norms
from edgecnn.compression.allocation import Budget, allocate
from edgecnn.compression.coupling import Coupling
from edgecnn.compression.importance import CRITERIA, RELATIVE, Batches
from edgecnn.compression.job import PATIENT, Job, Outcome
from edgecnn.compression.layer_latency import measured_ms
from edgecnn.compression.rebuild import rebuild
from edgecnn.core.errors import UsageError
from edgecnn.core.files import read_json, sha256, write_json
from edgecnn.graph import keras_macs

DEFAULTS = PATIENT.replace(epochs=20)
COSTS = ("macs", "latency", "size")


@dataclass(frozen=True)
class Options:
    """How far and by what to prune.

    Attributes:
        keep: share of the cost that stays, 0..1.
        cost: what is counted: "macs", or "latency" (measured layer by layer on this machine, float32, one
            thread), or "size" (weights).
        criterion: which channels go first, a name of `_importance.CRITERIA`.
        floor: share of its channels that every layer keeps at least.
        rounds: in how many steps; each looks at the importance anew.
        divisor: channel counts that change become multiples of it. Kernels work on 8 channels at once; int8 kernels
            with dot products (AVX-512 VNNI, ARMv8.2) on 16, which makes 16 a little faster there.
    """

    keep: float = 0.5
    cost: str = "macs"
    criterion: str = "taylor"
    floor: float = 0.25
    rounds: int = 4
    divisor: int = 8

    def __post_init__(self) -> None:
        for name in ("keep", "floor"):
            value = getattr(self, name)
            if not 0 < value < 1:
                raise UsageError(f"{name} is {value}; expected a share between 0 and 1.")
        for name, value, choices in (("cost", self.cost, COSTS), ("criterion", self.criterion, tuple(CRITERIA))):
            if value not in choices:
                raise UsageError(f"Unknown {name} {value!r}. Choose one of: {', '.join(choices)}.")
        if self.rounds < 1 or self.divisor < 1:
            raise UsageError(f"rounds is {self.rounds} and divisor is {self.divisor}; expected at least 1.")


def compress(job: Job, options: Options) -> Outcome:
    """Prune in rounds, then fine-tune.

    Raises:
        UsageError: the target can't be reached, or nothing in the model can be pruned.
    """
    state = _State(job.model, _costs(job.model, options, job), _floors(job.model, options))
    whole = sum(state.costs.values())
    _check_reachable(state, whole, options)
    for number in range(1, options.rounds + 1):
        job.progress("Pruning channels", number, options.rounds)
        state = _round(state, whole * options.keep ** (number / options.rounds), options, job.batches)
    model = job.train(state.model)
    return Outcome(model, _account(job.model, model, options))


def _check_reachable(state: _State, whole: float, options: Options) -> None:
    coupling = Coupling.of(state.model)
    sizes = coupling.prunable()
    if not sizes:
        raise UsageError(
            f"No channels of {state.model.name} can be removed: all its layers are coupled to the input, the output or "
            "layers that pruning doesn't know. Prune channels before quantization-aware training."
        )
    share = Budget(coupling, state.costs).least(sizes, state.least(coupling)) / whole
    if share > options.keep:
        raise UsageError(
            f"The channels can be cut to {share:.2f} of what the model costs in {options.cost}; received keep = "
            f"{options.keep}. Keep more, lower the floor that every layer keeps, or build a narrower model."
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


def _floors(model: Any, options: Options) -> dict[str, int]:
    coupling, divisor = Coupling.of(model), options.divisor
    return {
        coupling.name(group): divisor * max(1, math.ceil(size * options.floor / divisor))
        for group, size in coupling.prunable().items()
    }


def _costs(model: Any, options: Options, job: Job) -> dict[str, float]:
    if options.cost == "macs":
        return {name: float(count) for name, count in keras_macs.per_layer(model).items()}
    if options.cost == "size":
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


def _round(state: _State, target: float, options: Options, batches: Batches) -> _State:
    model, coupling = state.model, Coupling.of(state.model)
    sizes, budget = coupling.prunable(), Budget(coupling, state.costs)
    importance = CRITERIA[options.criterion](model, coupling, batches)
    if options.criterion in RELATIVE:
        # Losing a share of a group weighs as much as the layers that it goes through.
        importance = {group: value * budget.touched(group) for group, value in importance.items()}
    keep = allocate(sizes, importance, budget, target, state.least(coupling), options.divisor)
    smaller = rebuild(model, coupling, keep)
    batch_norms.settle(smaller, batches)
    left = {group: int(keep[group].sum()) if group in keep else size for group, size in sizes.items()}
    return dataclasses.replace(state, model=smaller, costs=budget.after(left))


def _account(before: Any, after: Any, options: Options) -> dict[str, Any]:
    """What the contract says of it."""
    macs, parameters = (
        (keras_macs.total(before), keras_macs.total(after)),
        (before.count_params(), after.count_params()),
    )
    widths = [(old.name, old.output_shape[-1], new.output_shape[-1]) for old, new in zip(before.layers, after.layers)]
    changed = {name: [old, new] for name, old, new in widths if old != new}
    return {
        "method": "channels",
        "criterion": options.criterion,
        "cost": options.cost,
        "keep": options.keep,
        "macs": {"before": macs[0], "after": macs[1]},
        "parameters": {"before": parameters[0], "after": parameters[1]},
        "channels": {name: change for name, change in changed.items() if name in keras_macs.per_layer(before)},
    }
