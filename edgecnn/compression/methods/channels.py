"""Structured pruning: removes whole channels, so that every kernel gets faster.

The least important channels of all coupled layers go, in multiples of 8, in a few rounds; after each the batch norms'
statistics are settled and the importance is asked again. The result is an ordinary, smaller Keras model.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from edgecnn.compression.job import PATIENT, Job, Outcome
from edgecnn.core.options import Settings, option
from edgecnn.graph import keras_macs

DEFAULTS = PATIENT.replace(epochs=20)


@dataclass(frozen=True)
class Options(Settings):
    """How much to prune, and by which criterion.

    Kernels work on 8 channels at once; int8 kernels with dot products (AVX-512 VNNI, ARMv8.2) on 16, which makes a
    divisor of 16 a little faster there.
    """

    keep: float = option("Share of the cost to keep.", 0.5, above=0, below=1, metavar="SHARE")
    cost: str = option(
        "Cost to reduce: latency (measured per layer on this machine; float32, one thread), "
        "multiply-accumulates, or size (weights).",
        "macs", choices=("macs", "latency", "size"),
    )  # fmt: skip
    criterion: str = option(
        "Importance of a channel: Taylor expansion of the loss, batch-norm scales, or weights.",
        "taylor", choices=("l1", "bn", "taylor"),
    )  # fmt: skip
    floor: float = option(
        "Minimum share of its channels that each layer keeps.", 0.25, above=0, below=1, metavar="SHARE"
    )
    rounds: int = option("Number of pruning rounds; channel importance is recomputed in each.", 4, low=1, metavar="N")
    divisor: int = option("Round pruned channel counts to a multiple of N.", 8, low=1, metavar="N")


def compress(job: Job, options: Options) -> Outcome:
    """Prune in rounds, then fine-tune.

    Raises:
        UsageError: the target can't be reached, or nothing in the model can be pruned.
    """
    from edgecnn.compression.channel_pruning import pruned  # needs NumPy, which help does without

    model = job.train(pruned(job, **dataclasses.asdict(options)))
    return Outcome(model, _account(job.model, model, options))


def _account(before: Any, after: Any, options: Options) -> dict[str, Any]:
    """What the contract says of it."""
    macs, parameters = (
        (keras_macs.total(before), keras_macs.total(after)),
        (before.count_params(), after.count_params()),
    )
    pairs = zip(before.layers, after.layers)
    widths = [(old.name, *(layer.get_output_shape_at(0)[-1] for layer in (old, new))) for old, new in pairs]
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
