"""Estimates of latency and energy, labeled as such."""

from __future__ import annotations

from pathlib import Path

from edgecnn.estimation import graphs, known
from edgecnn.estimation.law import Laws, NotEstimatedError, Prediction
from edgecnn.estimation.record import Basis, Estimate
from edgecnn.estimation.settings import EstimateSettings
from edgecnn.estimation.work import ANSWER, FEW_CLASSES, FORMATS, Totals
from edgecnn.models.settings import BuildSettings
from edgecnn.runtime.model.model_file import AnyFile

_DIGITS = 4


def estimate(
    model: str | Path | AnyFile, settings: EstimateSettings, build: BuildSettings | None = None, *, trust: bool = False
) -> tuple[Estimate, ...]:
    """Estimate a model: one number format of a `.tflite` file, float32 and int8 of any other model.

    Args:
        model: a name, a Keras file, a SavedModel or a `.tflite` file, perhaps read already.
        settings: the board or device.
        build: width, size and so on of a model that is given by name.
        trust: run code that a Keras file carries.

    Raises:
        UsageError: there is no such model, or the settings make no sense.
        ModelFileError: the file is missing or damaged.
        EdgecnnError: the board or device was not measured.
    """
    laws = known.chosen(settings)
    found = graphs.subject(model, build, trust=trust)
    return tuple(of_totals(found.name, form, totals, laws, found.left_out) for form, totals in found.forms.items())


def of_totals(model: str, number_format: str, totals: Totals, laws: Laws, left_out: tuple[str, ...] = ()) -> Estimate:
    """The estimate for a model's amounts of work; it says why where there is none.

    Args:
        model: its name.
        number_format: in which it computes.
        totals: amounts of work.
        laws: of the device.
        left_out: operators that are not in the amounts.
    """
    if _is_unpriced_answer(totals, laws):
        left_out = tuple(sorted({*left_out, ANSWER.partition(".")[0]}))
        totals = {form: {name: amounts[name] for name in amounts if name != ANSWER} for form, amounts in totals.items()}
    try:
        prediction = laws.predict(totals)
    except NotEstimatedError as error:
        measurements = sum(law.measurements for law in laws.laws.values())
        return Estimate(
            model, number_format, laws.device, _basis(laws, measurements), refusal=str(error), left_out=left_out
        )
    energy, energy_interval = _energy(prediction)
    return Estimate(
        model,
        number_format,
        laws.device,
        _basis(laws, prediction.measurements),
        _rounded(prediction.latency_ms),
        _pair(prediction.interval_ms),
        energy,
        energy_interval,
        left_out=left_out,
    )


def _is_unpriced_answer(totals: Totals, laws: Laws) -> bool:
    """Whether there is a softmax over a few classes that has no price: it takes microseconds."""
    priced = {name for law in laws.laws.values() for name in law.prices_ns}
    return ANSWER not in priced and 0 < sum(amounts.get(ANSWER, 0) for amounts in totals.values()) <= FEW_CLASSES


def of_name(model: str, laws: Laws) -> tuple[Estimate, ...]:
    """Of a model with its own width and size, by name; none where its work was not counted beforehand."""
    amounts = graphs.known_amounts(model)
    formats = () if amounts is None else FORMATS
    return tuple(of_totals(model, each, {each: amounts or {}}, laws) for each in formats)


def _energy(prediction: Prediction) -> tuple[float | None, tuple[float, float] | None]:
    found = prediction.energy_mj
    return (None, None) if found is None else (_rounded(found[0]), _pair(found[1:]))


def _basis(laws: Laws, measurements: int) -> Basis:
    return Basis(laws.processor, laws.runtime, laws.delegate, laws.threads, measurements, laws.source, laws.notes)


def _pair(values: tuple[float, float]) -> tuple[float, float]:
    return _rounded(values[0]), _rounded(values[1])


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
