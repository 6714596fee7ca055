"""What every configuration gets."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecnn.core.hints import Hints
from edgecnn.core.progress import Progress
from edgecnn.ladder.settings import Bounds, Training
from edgecnn.quantization.pipeline import quantize
from edgecnn.quantization.scheme import scheme as scheme_of
from edgecnn.quantization.settings import Calibration
from edgecnn.runtime.model.model_file import ModelFile


@dataclass(frozen=True)
class Request:
    """What every configuration gets.

    Attributes:
        model: see `edgecnn.quantization.quantize`.
        bounds: what the artifact must suit.
        calibration: its `improve` is the configurations' own.
        training: None where there is nothing to train on.
        hints: what is known of a model by others.
        trust: run code that a model file carries.
        progress: called with (stage, done, total).
    """

    model: Any
    bounds: Bounds
    calibration: Calibration
    training: Training | None
    hints: Hints
    trust: bool
    progress: Progress

    def quantize(self, output: Path, scheme: str, improve: str | None, model: Any = None) -> ModelFile:
        """By one of the schemes; another model than the request's, if one is given."""
        if self.bounds.per_tensor and scheme == "int8":
            scheme = "int8_per_tensor"
        io = self.bounds.io if self.bounds.io in scheme_of(scheme).IO else None
        calibration = dataclasses.replace(self.calibration, improve=improve)
        model = self.model if model is None else model
        return quantize(
            model, output, scheme=scheme, calibration=calibration, io=io, trust=self.trust, hints=self.hints,
            progress=self.progress,
        )  # fmt: skip
