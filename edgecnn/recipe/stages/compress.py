"""A recipe's [prune] and [qat]: what `edgecnn prune` and `edgecnn train --qat` do."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgecnn.core.errors import BoundNotMetError
from edgecnn.recipe.sections import PruneSection, Recipe, TuningSection
from edgecnn.recipe.stage import Context, Stage, data_digest, digest

POSITION = 30


class _Compress(Stage):
    """Keras model -> Keras model, trained further."""

    def __init__(self, section: TuningSection, method: str, options: dict[str, Any]) -> None:
        self._section = section
        self._method = method
        self._options = options

    @abc.abstractmethod
    def before(self, context: Context) -> Path:
        """The model that it starts from."""

    @abc.abstractmethod
    def after(self, context: Context) -> Path:
        """The model that it makes."""

    def refuse(self, context: Context) -> None:
        from edgecnn.data import open_data

        for spec in self._data(context):
            open_data(spec)

    def _data(self, context: Context) -> list[str]:
        tuning = self._section.tuning(context.recipe.train)
        return [tuning[name] for name in ("data", "validation", "test") if tuning[name]]

    def inputs(self, context: Context) -> Any:
        tuning = self._section.tuning(context.recipe.train)
        data = [data_digest(spec) for spec in self._data(context)]
        return [digest(self.before(context)), [self._section.model_dump(), tuning, data]]

    def outputs(self, context: Context) -> list[Path]:
        return [self.after(context)]

    def work(self, context: Context) -> None:
        from edgecnn.compression import Tuning, compress
        from edgecnn.float_model import keras_file
        from edgecnn.training import remove_checkpoints

        after, tuning = self.after(context), Tuning(**self._section.tuning(context.recipe.train))
        folder = context.folder / "training" / after.stem
        found = compress(
            self.before(context), self._method, tuning, self._options, folder=folder, progress=context.progress
        )
        keras_file.save(found.model, found.contract, after)
        remove_checkpoints(folder)

    def check_bounds(self, context: Context) -> None:
        from edgecnn.float_model import keras_file

        contract = keras_file.read_contract(self.after(context))
        if contract is None or self._section.max_drop is None:
            return
        step = contract.model.compression[-1]
        score = step.score
        drop = round(score.before - score.after, 3) if score else 0.0
        if score and drop > self._section.max_drop:
            raise BoundNotMetError(
                f"{step.method} costs {drop} points of {score.metric} on {score.pictures} {score.split} pictures; the "
                f"recipe allows {self._section.max_drop}."
            )


class Prune(_Compress):
    """One step of pruning.

    Args:
        section: its settings.
        number: which step, from 1.
        steps: how many there are.
    """

    def __init__(self, section: PruneSection, number: int, steps: int) -> None:
        super().__init__(section, section.method, section.options())
        self.name = "prune" if steps == 1 else f"prune {number}"
        self._number = number

    def before(self, context: Context) -> Path:
        return context.pruned(self._number - 1)

    def after(self, context: Context) -> Path:
        return context.pruned(self._number)


class Qat(_Compress):
    """Quantization-aware training."""

    name = "qat"

    def __init__(self, section: TuningSection) -> None:
        super().__init__(section, "qat", {})

    def before(self, context: Context) -> Path:
        return context.pruned(len(context.recipe.prune))

    def after(self, context: Context) -> Path:
        return context.float_model


def stages(recipe: Recipe) -> Sequence[Stage]:
    """Each [[prune]] in order, then [qat]."""
    steps = [Prune(section, number, len(recipe.prune)) for number, section in enumerate(recipe.prune, 1)]
    return [*steps, *([Qat(recipe.qat)] if recipe.qat else [])]
