"""The examination: every layer, then every cause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgecnn.core.hints import NO_HINTS, Hints
from edgecnn.core.progress import Progress, silent
from edgecnn.core.registry import CAUSES
from edgecnn.data import DataSet
from edgecnn.runtime.model.model_file import ModelFile
from edgecnn.runtime.model.validation import Record
from edgecnn.runtime.process import guard
from edgecnn.verification.doctor.case import Case, Cause, Finding
from edgecnn.verification.doctor.layers import LayerNoise, layer_noise


@dataclass(frozen=True)
class Diagnosis(Record):
    """What was found.

    Attributes:
        model: file name of the artifact.
        data: the pictures' name.
        pictures: how many the signal-to-noise ratio was measured on; remedies were calibrated on others.
        snr_db: of the artifact's scores.
        simulated_snr_db: of the simulation that the layers' figures come from; near `snr_db`, or they can't be trusted.
        layers: in execution order.
        findings: the remedy that gains most first.
    """

    model: str
    data: str
    pictures: int
    snr_db: float
    simulated_snr_db: float
    layers: list[LayerNoise]
    findings: list[Finding]

    def worst(self, count: int = 5) -> list[LayerNoise]:
        """The layers that add most noise by themselves, the worst first."""
        return sorted(self.layers, key=lambda layer: -layer.share_percent)[:count]


def diagnose(
    file: ModelFile,
    against: Any,
    data: DataSet,
    *,
    hints: Hints = NO_HINTS,
    trust: bool = False,
    progress: Progress = silent,
) -> tuple[Diagnosis, Case]:
    """Examine an int8 artifact.

    Args:
        file: the artifact.
        against: the float model it was made from: a path, a Keras model, or (Keras model, Contract).
        data: images like those of its use; every other one is measured on, the rest calibrates remedies.
        hints: what is known of models by others.
        trust: run code that the float model's file carries.
        progress: called with (stage, done, total).

    Raises:
        CrashError: the runtime crashes on the artifact.
        QuantizationError: the artifact isn't made from that model.
        DataError: too few images can be read.
        OutputValueError: an output is NaN or infinite.
    """
    guard.try_out(file)  # a right digest is no signature: whoever damaged the file may have sealed it again
    progress("Reading the images and the float model", 0, 0)
    case = Case.open(file, against, data, hints=hints, trust=trust)
    before_snr_db = case.before_snr_db  # first, as it refuses NaN and infinite outputs
    case.layers = layer_noise(case.simulation, progress)
    findings = _findings(case, progress)
    simulation = case.simulation
    diagnosis = Diagnosis(
        file.name, data.name, len(case.shown), before_snr_db,
        simulation.snr_db(simulation.output(simulation.noisy)), case.layers, findings,
    )  # fmt: skip
    return diagnosis, case


def _findings(case: Case, progress: Progress) -> list[Finding]:
    """What each cause finds, the one whose remedy gains most first."""
    found = []
    for number, name in enumerate(CAUSES.names()):
        progress("Looking for causes", number, len(CAUSES.names()))
        found.append(CAUSES.plugin(name, Cause).examine(case))
    return sorted(filter(None, found), key=lambda finding: -finding.gain_db)
