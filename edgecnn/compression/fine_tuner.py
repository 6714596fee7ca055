"""The fine-tuning between and after the steps of a method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgecnn.core.errors import UsageError
from edgecnn.core.progress import Progress
from edgecnn.runtime.model.contract import Contract
from edgecnn.training.fit import fit
from edgecnn.training.history import History
from edgecnn.training.learner import Teacher
from edgecnn.training.rows import TrainingRows
from edgecnn.training.settings import FitSettings


class FineTuner:
    """Fine-tunes for a method; see `edgecnn.compression.job.Train`."""

    def __init__(
        self,
        teacher: Any,
        contract: Contract,
        sources: Mapping[str, TrainingRows],
        settings: FitSettings,
        distill: bool,
        folder: Path | None,
        progress: Progress,
    ) -> None:
        self._teacher = Teacher(teacher, contract.preprocessing, None) if distill else None
        self._sources, self._settings, self._folder, self._progress = sources, settings, folder, progress
        self.steps = settings.epochs * max(len(sources["train"]) // min(settings.batch_size, len(sources["train"])), 1)
        self.history: History | None = None

    def __call__(self, model: Any, callbacks: Sequence[Any] = ()) -> Any:
        """Train in place.

        Raises:
            UsageError: an average of the weights would undo what a method does to them after each step.
        """
        if callbacks and self._settings.weight_average:
            raise UsageError(
                "--weight-average can't be used with a method that changes the weights after each step: the average "
                "would undo that. Remove it."
            )
        self.history = fit(
            model,
            self._sources["train"],
            self._sources["validation"],
            self._settings,
            teacher=self._teacher,
            callbacks=callbacks,
            folder=self._folder and self._folder / "tune",
            progress=self._progress,
        )
        return model
