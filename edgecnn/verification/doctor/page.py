"""The diagnosis as one self-contained page."""

from __future__ import annotations

import numpy as np

from edgecnn.graph.pairing import Pair
from edgecnn.html import charts
from edgecnn.html.page import Section, cards, chart, page, paragraph, side_by_side, table
from edgecnn.verification.doctor.case import Case
from edgecnn.verification.doctor.diagnosis import Diagnosis

_DRAWN = 3


def render(diagnosis: Diagnosis, case: Case) -> str:
    """HTML."""
    sections = [
        Section("Findings", _findings(diagnosis)),
        Section("Along the network", _profile(diagnosis)),
        Section("The layers that add most noise", _worst(diagnosis)),
        *(Section(f"{layer.layer} ({layer.operator})", _histograms(case, case.simulation.pairs[layer.number]))
          for layer in diagnosis.worst(_DRAWN)),
    ]  # fmt: skip
    top = cards(
        [
            (f"{diagnosis.snr_db:.1f} dB", "SQNR of the outputs", f"{diagnosis.pictures} images"),
            (str(len(diagnosis.findings)), "findings", "sorted by the gain of the remedy"),
        ]
    )
    lead = f"{diagnosis.model} against its float model, on {diagnosis.data}."
    return page(f"Doctor: {diagnosis.model}", lead, sections, top=top)


def _findings(diagnosis: Diagnosis) -> str:
    if not diagnosis.findings:
        return paragraph("No single cause stands out: the loss is spread over the layers.")
    rows = [
        [
            finding.cause,
            f"{finding.summary} {finding.evidence}",
            finding.remedy,
            gain(finding.before_snr_db, finding.after_snr_db),
        ]
        for finding in diagnosis.findings
    ]
    return table(("cause", "evidence", "remedy", "measured"), rows, numbers=False)


def gain(before: float, after: float | None) -> str:
    """What a remedy did, in words."""
    return "not tried" if after is None else f"{before:.1f} to {after:.1f} dB"


def _profile(diagnosis: Diagnosis) -> str:
    numbers = [float(layer.number) for layer in diagnosis.layers]
    series = [
        ("only this layer", [layer.alone_snr_db for layer in diagnosis.layers]),
        ("own output", [layer.snr_db for layer in diagnosis.layers]),
    ]
    return chart(charts.lines(numbers, series, "number of the operator", "SQNR in dB")) + paragraph(
        "SQNR of each operator; lower is worse. Own output: the noise accumulated up to this output. Only this "
        "layer: SQNR of the model's output when only this operator is int8. Simulated in float arithmetic with "
        "the artifact's quantization parameters."
    )


def _worst(diagnosis: Diagnosis) -> str:
    rows = [
        [layer.layer, layer.operator, f"{layer.share_percent:.1f} %", f"{layer.alone_snr_db:.1f}",
         f"{layer.all_but_snr_db:.1f}", f"{layer.snr_db:.1f}", f"{layer.cosine:.4f}"]
        for layer in diagnosis.worst(10)
    ]  # fmt: skip
    columns = (
        "layer",
        "operator",
        "share of noise",
        "only this layer, dB",
        "all but this layer, dB",
        "own output, dB",
        "cosine",
    )
    return table(columns, rows)


def _histograms(case: Case, pair: Pair) -> str:
    values = case.simulation.exact[pair.output].ravel()
    drawing = charts.histogram(_thinned(values), "activation", marks=_ends(pair))
    drawn = [chart(drawing, "Activations; the lines mark the ends of the int8 range")]
    if pair.layer is not None:
        weights = case.network.values(pair.layer.weights).ravel()
        marks = _weight_ends(pair)
        grid = "the lines mark the ends of the int8 range" if marks else "every channel has its own range"
        drawn.append(chart(charts.histogram(_thinned(weights), "weight", marks=marks), f"Weights; {grid}"))
    return side_by_side(*drawn)


def _weight_ends(pair: Pair) -> list[tuple[float, str]]:
    """The ends of a grid that all channels share: -127 and 127 steps."""
    if pair.scales is None or pair.scales.size != 1:
        return []
    end = 127 * float(pair.scales[0])
    return [(-end, f"-127 steps: {-end:.3g}"), (end, f"127 steps: {end:.3g}")]


def _ends(pair: Pair) -> list[tuple[float, str]]:
    """The values of the codes 0 and 255."""
    if pair.grid is None:
        return []
    low, high = pair.grid.low, pair.grid.high
    return [(low, f"code 0: {low:.3g}"), (high, f"code 255: {high:.3g}")]


def _thinned(values: np.ndarray, most: int = 50_000) -> list[float]:
    return [float(value) for value in values[:: max(1, values.size // most)]]
