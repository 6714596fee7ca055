"""What a strategy works on, and what it hands back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from edgecnn.core.progress import Progress, silent
from edgecnn.tasks import Task
from edgecnn.training.fit import fit
from edgecnn.training.history import History
from edgecnn.training.learner import Teacher, Trainee
from edgecnn.training.rows import TrainingRows
from edgecnn.training.settings import FitSettings


@dataclass(frozen=True)
class Phase:
    """One fit of a strategy.

    Attributes:
        name: of the phase.
        settings: what it was fitted with.
        history: what happened.
        auxiliary_weights: of the losses of the model's auxiliary classifiers, where it was trained with any.
    """

    name: str
    settings: FitSettings
    history: History
    auxiliary_weights: tuple[float, ...] = ()


@dataclass(frozen=True)
class Trainer:
    """A model, its data and the user's settings.

    Attributes:
        model: Keras model to logits with as many outputs as classes; trained in place.
        train: training images.
        validation: validation images.
        overrides: fields of `FitSettings` that replace the strategy's defaults.
        unfreeze: how many of the last blocks learn in fine-tuning; None for all.
        teacher: for distillation.
        folder: for checkpoints; None keeps none.
        progress: told what is being done.
        trainee: gives the model the auxiliary classifiers of its family, if there are any.
    """

    model: Any
    train: TrainingRows
    validation: TrainingRows
    overrides: Mapping[str, Any] = field(default_factory=dict)
    unfreeze: int | None = None
    teacher: Teacher | None = None
    folder: Path | None = None
    progress: Progress = silent
    trainee: Callable[[Any], Trainee] = Trainee.of

    def settings(self, defaults: FitSettings, strategy: str = "") -> FitSettings:
        """A strategy's defaults with those of the task and the user's settings."""
        return defaults.replace(**{**self.task.fits.get(strategy, {}), **self.overrides})

    @property
    def task(self) -> Task:
        """What the model is for."""
        return self.train.task

    def fit(self, name: str, settings: FitSettings) -> Phase:
        """Fit the model to the images; the phase's files go to a folder of its name.

        Auxiliary classifiers help where the whole model learns; before frozen blocks there is nothing for them to do.
        """
        trainee = self.trainee(self.model) if self.unfreeze is None else Trainee.of(self.model)
        history = fit(
            trainee,
            self.train,
            self.validation,
            settings,
            teacher=self.teacher,
            folder=self.folder and self.folder / name,
            progress=self.progress,
        )
        return Phase(name, settings, history, trainee.auxiliary_weights)


class StrategyFile(Protocol):
    """A file of `edgecnn/training/strategies/`.

    Attributes:
        DEFAULTS: settings unless others are given.
    """

    DEFAULTS: FitSettings

    def run(self, trainer: Trainer) -> list[Phase]:
        """Fit the trainer's model, in one or several phases."""


class Strategy(StrategyFile, Protocol):
    """The same with what a file may leave out.

    Attributes:
        UNFREEZES: whether it understands how many blocks are to learn.
    """

    UNFREEZES: bool = False
