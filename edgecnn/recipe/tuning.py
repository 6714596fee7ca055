"""A stage that trains a trained model further: [prune] and [qat]."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecnn.compression.settings import Pruning, Tuning
from edgecnn.core.errors import BoundNotMetError
from edgecnn.core.options import Settings, changes, option, options
from edgecnn.data.settings import SplitSettings
from edgecnn.recipe.section import Recipe
from edgecnn.recipe.stage import Context, Stage, digest


@dataclass(frozen=True)
class TuningSettings(Settings):
    """What [prune] and [qat] share."""

    tuning: Mapping[str, Any] = changes(Tuning)
    max_drop: float | None = option(
        "Maximum drop of the float model's top-1 accuracy in this step, in percentage points.",
        low=-100, high=100, metavar="POINTS",
    )  # fmt: skip


def has_data(section: str) -> Callable[[Recipe], None]:
    """A check that a section has data to train on, its own or those of [train]."""

    def check(recipe: Recipe) -> None:
        written = getattr(recipe, section)
        for number, keys in enumerate(written if isinstance(written, tuple) else (written,)):
            if keys is not None and keys.data is None and not recipe.has("train"):
                place = f"{section}.{number}" if isinstance(written, tuple) else section
                raise ValueError(
                    f"{place}.data is missing; expected a data set, or a [train] section whose data is used"
                )

    return check


def tuning_of(settings: TuningSettings, recipe: Recipe) -> Tuning:
    """The data are [train]'s, unless the section names its own."""
    splits = {each.key for each in options(SplitSettings)}
    train = {key: value for key, value in recipe.keys_of("train").items() if key in splits}
    shared = {} if "data" in settings.tuning else train
    return Tuning.of({**shared, **settings.tuning})


@dataclass(frozen=True)
class _Step:
    """What is done: a method, and its options."""

    method: str
    options: Settings | None = None


class Compress(Stage):
    """Keras model -> Keras model, trained further.

    Args:
        name: of the stage.
        model: name of the file that it makes.
        settings: its section.
        pruning: what it does; None for quantization-aware training.
    """

    def __init__(self, name: str, model: str, settings: TuningSettings, pruning: Pruning | None) -> None:
        self.name, self.model = name, model
        self._settings = settings
        self._step = _Step(pruning.method, pruning.options) if pruning else _Step("qat")

    def refuse(self, context: Context) -> None:
        from edgecnn.data import open_data

        for spec in self._data(context):
            open_data(spec)

    def _data(self, context: Context) -> list[str]:
        tuning = tuning_of(self._settings, context.recipe)
        return [spec for spec in (tuning.data, tuning.validation, tuning.test) if spec]

    def inputs(self, context: Context) -> Any:
        from edgecnn.data import open_data

        tuning = dataclasses.asdict(tuning_of(self._settings, context.recipe))
        data = [open_data(spec).digest() for spec in self._data(context)]
        # The bound is held against the stored result: to change it trains nothing again.
        return [digest(context.model_before(self)), dataclasses.asdict(self._step), tuning, data]

    def outputs(self, context: Context) -> list[Path]:
        return [context.folder / self.model]

    def work(self, context: Context) -> None:
        from edgecnn.compression import compress
        from edgecnn.float_model import keras_file
        from edgecnn.training import remove_checkpoints

        after = context.folder / self.model
        folder = context.folder / "training" / after.stem
        found = compress(
            context.model_before(self), self._step.method, tuning_of(self._settings, context.recipe),
            self._step.options, folder=folder, progress=context.progress,
        )  # fmt: skip
        keras_file.save(found.model, found.contract, after)
        remove_checkpoints(folder)

    def check_bounds(self, context: Context) -> None:
        from edgecnn.float_model import keras_file

        contract = keras_file.read_contract(context.folder / self.model)
        if contract is None or self._settings.max_drop is None:
            return
        step = contract.model.compression[-1]
        score = step.score
        drop = round(score.before - score.after, 3) if score else 0.0
        if score and drop > self._settings.max_drop:
            raise BoundNotMetError(
                f"{step.method} reduces {score.metric} by {drop} points on {score.pictures} {score.split} images; "
                f"expected at most {self._settings.max_drop}. Relax the bound, or compress less."
            )
