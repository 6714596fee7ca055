"""The quantized model's feature maps beside the float model's: where the error comes in, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgecnn.core import temporary
from edgecnn.core.errors import UsageError
from edgecnn.core.statistics import sqnr_db
from edgecnn.graph import roles
from edgecnn.graph.pairing import Identity, matching
from edgecnn.html import charts, images
from edgecnn.html.page import chart, folded, table
from edgecnn.inspection.analysis import LayerReport
from edgecnn.inspection.opening import OpenedModel, open_model
from edgecnn.inspection.view import shape
from edgecnn.visualization.features import COLUMNS, strongest, tile
from edgecnn.visualization.panel import Drawing, Panel
from edgecnn.visualization.subject import Subject, TFLiteSubject, subject


@dataclass(frozen=True)
class LayerError:
    """How far one layer's quantized answer is from the float one.

    Attributes:
        layer: the Keras layer's name, which both graphs carry.
        snr_db: see `edgecnn.core.statistics.sqnr_db`; 20 dB is an error of a tenth.
        largest: largest absolute error, as a share of the float answers' range.
    """

    layer: str
    op: str
    snr_db: float
    largest: float


def float_twin(against: str, trust: bool = False) -> TFLiteSubject:
    """The float model as a `.tflite` graph, whose layers are fused as the quantized graph's are.

    Args:
        against: a float32 `.tflite` file, or a Keras file, which is converted on the way.
        trust: run code that a Keras file carries.

    Raises:
        UsageError: it is no float model.
    """
    source = open_model(against, trust=trust)
    if source.keras_model is not None:
        source = _converted(source)
    found = subject(source)
    types = {value.dtype for value in found.report.network.values.values()}
    if not isinstance(found, TFLiteSubject) or types & {"INT8", "UINT8", "INT16"}:
        raise UsageError(f"{against} is not a float model; expected the .keras file or a float32 .tflite file.")
    return found


def _converted(source: OpenedModel) -> OpenedModel:
    from edgecnn.quantization import quantize

    model = (source.keras_model, source.contract) if source.contract else source.keras_model
    with temporary.folder() as folder:
        path = Path(folder) / f"{source.network.name}.tflite"
        quantize(model, path, scheme="float32")
        return open_model(str(path))


def pairs(quantized: Subject, reference: Subject) -> list[tuple[LayerReport, LayerReport]]:
    """Layers that both graphs have in common, in order; see `edgecnn.graph.pairing.matching`.

    Raises:
        UsageError: the graphs have none in common.
    """
    rows, twins = quantized.report.layers, reference.report.layers
    both = ((rows[ours], twins[theirs]) for ours, theirs in matching(*map(_identities, (rows, twins))))
    found = [(row, twin) for row, twin in both if row.layer.role != roles.IN_PLACE]
    if not found:
        raise UsageError(
            f"{quantized.name} and {reference.name} have no layer in common. Give the float model that the "
            "quantized model was made from."
        )
    return found


def _identities(rows: Sequence[LayerReport]) -> list[Identity]:
    return [(row.layer.op, row.layer.name, row.output_shape) for row in rows]


def errors(
    quantized: Subject, reference: Subject, fitted: np.ndarray
) -> tuple[list[LayerError], list[tuple[np.ndarray, np.ndarray]]]:
    """Every common layer's error on one image, and the answers (quantized, float) themselves."""
    rows = pairs(quantized, reference)
    answers = list(
        zip(
            quantized.maps(fitted, [row for row, _ in rows]),
            reference.maps(fitted, [twin for _, twin in rows]),
        )
    )
    found = [_error(row, *both) for (row, _), both in zip(rows, answers)]
    return found, answers


def _error(row: LayerReport, got: np.ndarray, expected: np.ndarray) -> LayerError:
    largest = float(np.abs(got - expected).max())
    spread = float(expected.max() - expected.min()) or 1.0
    sqnr = sqnr_db(expected.ravel(), got.ravel())
    return LayerError(row.layer.name, row.layer.op, sqnr, round(largest / spread, 4))


def panel(quantized: Subject, reference: Subject, fitted: np.ndarray, names: Sequence[str]) -> Panel:
    """The error along the network, and some layers' maps: float, quantized, difference."""
    found, answers = errors(quantized, reference, fitted)
    drawings = []
    for index in _shown(found, answers, names):
        got, expected = answers[index]
        detail = f"SQNR {found[index].snr_db:.1f} dB, largest error {found[index].largest:.1%} of the range"
        caption = f"{found[index].layer}: {shape((1, *got.shape))}"
        drawings.append(Drawing(f"int8_{found[index].layer}", comparison(got, expected), caption, detail))
    levels = [("signal to noise", [error.snr_db for error in found])]
    curve = charts.lines(list(range(1, len(found) + 1)), levels, "number of the layer", "SQNR in dB")
    worst = sorted(found, key=lambda error: error.snr_db)[:10]
    columns = ("layer", "operator", "signal to noise, dB", "largest error")
    rows = [[error.layer, error.op, f"{error.snr_db:.1f}", f"{error.largest:.1%}"] for error in worst]
    every = [[error.layer, error.op, f"{error.snr_db:.1f}", f"{error.largest:.1%}"] for error in found]
    html = (
        images.scale_bar("least", "most")
        + chart(curve, "Signal to noise along the network")
        + "<h3>The noisiest layers</h3>"
        + table(columns, rows)
        + folded(f"All {len(every)} layers", table(columns, every))
    )
    note = (
        "First row: the float model's strongest channels. Second row: the quantized model's, with the same color "
        "scale. Third row: the absolute difference, with its own color scale. Errors accumulate with depth. A "
        "higher SQNR is better; 20 dB means an error of a tenth."
    )
    values = {"layers": [vars(error) for error in found]}
    return Panel("int8", "Quantized and float activations", drawings, note, html, values, "100%")


def _shown(found: list[LayerError], answers: list[tuple[np.ndarray, np.ndarray]], names: Sequence[str]) -> list[int]:
    """The layers that were named, or the last of every map size."""
    maps = [index for index, (got, _) in enumerate(answers) if got.ndim == 3 and min(got.shape[:2]) > 1]
    if names:
        return [index for index in maps if found[index].layer in names]
    last = {answers[index][0].shape[:2]: index for index in maps}
    return sorted(last.values())


def comparison(got: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Three rows of tiles: float, quantized, absolute difference; RGBA."""
    order = strongest(expected)[:COLUMNS]
    rows: list[list[np.ndarray]] = [[], [], []]
    largest = float(np.abs(got - expected)[:, :, order].max())
    for channel in order:
        low, high = float(expected[:, :, channel].min()), float(expected[:, :, channel].max())
        rows[0].append(tile(expected[:, :, channel], low, high))
        rows[1].append(tile(got[:, :, channel], low, high))
        rows[2].append(tile(np.abs(got - expected)[:, :, channel], 0.0, largest))
    return images.sheet([*rows[0], *rows[1], *rows[2]], len(order))
