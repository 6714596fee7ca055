"""A recipe's [prune], or several [[prune]] one after the other: what `edgecnn prune` does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgecnn.compression.settings import Pruning
from edgecnn.core.options import Settings, part
from edgecnn.recipe.section import Recipe, Section
from edgecnn.recipe.stage import Stage
from edgecnn.recipe.tuning import Compress, TuningSettings, has_data

POSITION = 30


@dataclass(frozen=True)
class _Method(Settings):
    pruning: Pruning = part(Pruning)


@dataclass(frozen=True)
class PruneSettings(TuningSettings, _Method):
    """What `edgecnn prune` takes; the data are [train]'s unless they are given."""


PRUNE = Section("prune", PruneSettings, several=True, check=has_data("prune"))
SECTIONS = (PRUNE,)


def stages(recipe: Recipe) -> Sequence[Stage]:
    """Each [[prune]] in order."""
    steps = PRUNE.all_of(recipe)
    names = ["prune"] if len(steps) == 1 else [f"prune {number}" for number in range(1, len(steps) + 1)]
    return [
        Compress(name, f"pruned{number}.keras", settings, settings.pruning)
        for number, (name, settings) in enumerate(zip(names, steps), 1)
    ]
