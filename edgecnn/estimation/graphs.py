"""The work of a model as a name, a Keras file or a `.tflite` file gives it: always that of its TFLite graph.

A Keras model is converted first, in memory, so that a model costs the same whichever way it is given.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecnn.core.file_kind import kind_of
from edgecnn.estimation.work import FORMATS, Totals, Work, left_out, totals, work_of
from edgecnn.graph import shapes, tflite_network
from edgecnn.graph.network import Network
from edgecnn.models.settings import BuildSettings
from edgecnn.runtime.model import model_file
from edgecnn.runtime.model.model_file import AnyFile
from edgecnn.runtime.model.tflite import parse

_KNOWN = Path(__file__).with_name("amounts.json")


@dataclass(frozen=True)
class Subject:
    """A model to estimate.

    Attributes:
        name: of the model.
        forms: its amounts by the number format that it is run in: one for a `.tflite` file, several for a float model,
            which can be quantized.
        left_out: operators that take time, but are not in the amounts.
    """

    name: str
    forms: dict[str, Totals]
    left_out: tuple[str, ...] = ()


def subject(model: str | Path | AnyFile, settings: BuildSettings | None = None, *, trust: bool = False) -> Subject:
    """Of a model's name, a Keras file, a SavedModel or a `.tflite` file.

    Args:
        model: what it is; a file that was read already is not read again.
        settings: of a model that is given by name.
        trust: run code that a Keras file carries.

    Raises:
        ModelFileError: the file is missing or damaged.
        UsageError: the name is unknown.
        QuantizationError: the TFLite converter refuses the model.
    """
    if not isinstance(model, (str, Path)):
        return _of_tflite(model)
    path, kind = Path(model), kind_of(model)
    if (kind is not None and kind.name == "tflite") or path.suffix == ".tflite":
        return _of_tflite(model_file.read_any(path))
    if kind is not None or path.suffix:
        from edgecnn.float_model import loading

        return _of_float(path.name, loading.load(path, trust=trust))
    return _of_name(str(model), settings or BuildSettings())


def _of_name(name: str, settings: BuildSettings) -> Subject:
    """Of a model that can be built; the common ones are known beforehand."""
    known = known_amounts(name, settings)
    if known is not None:
        return Subject(name, {each: {each: known} for each in FORMATS})
    from edgecnn.builder import build_model
    from edgecnn.float_model.loading import TraceableModel

    model, contract = build_model(name, **{**dataclasses.asdict(settings), "weights": "none"})
    return _of_float(name, TraceableModel(lambda image: model(image, training=False), contract))


def known_amounts(name: str, settings: BuildSettings | None = None) -> dict[str, float] | None:
    """The amounts of a model by name that were counted beforehand, by `tools/laws`; None for others."""
    settings = settings or BuildSettings()
    if (
        (settings.classes, settings.input_width) != (None, None)
        or settings.color != "rgb"
        or settings.weights != "none"
    ):
        return None
    return _known().get(key(name, settings.width, settings.input_size))


def key(name: str, width: float, input_size: int | None) -> str:
    """Of a model in the table of amounts; without a size it is the paper's."""
    from edgecnn.models import variants

    spec = variants().get(name)
    size = input_size or (spec.input_size if spec else 0)
    return f"{name} {width:g} {size}"


@functools.cache
def _known() -> dict[str, dict[str, float]]:
    return json.loads(_KNOWN.read_text()) if _KNOWN.exists() else {}


def count(name: str, width: float = 1.0, input_size: int | None = None) -> dict[str, float]:
    """The amounts of a model by name, counted on its graph."""
    from edgecnn.builder import build_model
    from edgecnn.float_model.loading import TraceableModel

    model, contract = build_model(name, width=width, input_size=input_size)
    return totals(_works(TraceableModel(lambda image: model(image, training=False), contract)))["float32"]


def _of_float(name: str, source: Any) -> Subject:
    network = _traced(source)
    return Subject(name, _forms(work_of(network)), left_out(network))


def _works(source: Any) -> tuple[Work, ...]:
    return work_of(_traced(source))


def _traced(source: Any) -> Network:
    from edgecnn.float_model.traced import FloatModel

    return tflite_network.read(parse(FloatModel.trace(source).float32), source.contract.model.name)


def _forms(works: tuple[Work, ...]) -> dict[str, Totals]:
    """Of a float model: as it is, and quantized to int8, which has the same operators."""
    return {each: totals(dataclasses.replace(work, number_format=each) for work in works) for each in FORMATS}


def _of_tflite(file: AnyFile) -> Subject:
    network = _network(file)
    found = totals(work_of(network))
    return Subject(file.name, {"+".join(sorted(found)): found}, left_out(network))


def of_file(file: AnyFile) -> Totals:
    """Of a `.tflite` file that was read already."""
    return totals(work_of(_network(file)))


def _network(file: AnyFile) -> Network:
    return tflite_network.read(shapes.resolved(file.model, file.data), file.name)
