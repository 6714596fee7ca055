"""The diagnosis as one self-contained page."""

from __future__ import annotations

import numpy as np

from edgecnn.graph.pairing import Pair
from edgecnn.html import charts
from edgecnn.html.page import Section, cards, page, paragraph, table
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
            (str(len(diagnosis.findings)), "findings", "the remedy that gains most first"),
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
    return table(("cause", "what was seen", "remedy", "measured"), rows, numbers=False)


def gain(before: float, after: float | None) -> str:
    """What a remedy did, in words."""
    return "not tried" if after is None else f"{before:.1f} to {after:.1f} dB"


def _profile(diagnosis: Diagnosis) -> str:
    numbers = [float(layer.number) for layer in diagnosis.layers]
    series = [
        ("only this layer", [layer.alone_snr_db for layer in diagnosis.layers]),
        ("own output", [layer.snr_db for layer in diagnosis.layers]),
    ]
    return charts.lines(numbers, series, "operator", "dB") + paragraph(
        "Lower is worse. Own output: the noise accumulated up to this output. Only this layer: SQNR of the scores "
        "when only this operator is int8. Simulated in float arithmetic, on the artifact's grids."
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
    html = paragraph("Activations; the lines are the ends of the int8 grid.")
    html += charts.histogram(_thinned(values), "", marks=_ends(pair, float(values.max())))
    if pair.layer is not None:
        weights = case.network.values(pair.layer.weights).ravel()
        marks = []
        if pair.scales is not None and pair.scales.size == 1:
            marks = [(127 * float(pair.scales[0]), "127 steps")]
        html += paragraph(
            "Weights" + ("; the line is the end of the grid." if marks else "; every channel has its own grid.")
        )
        html += charts.histogram(_thinned(weights), "", marks=marks)
    return html


def _ends(pair: Pair, largest: float) -> list[tuple[float, str]]:
    """The values of the codes 0 and 255; an end beyond all values is drawn at the largest."""
    if pair.grid is None:
        return []
    low, high = pair.grid.low, pair.grid.high
    return [(low, f"code 0: {low:.2g}"), (min(high, largest), f"code 255: {high:.2g}")]


def _thinned(values: np.ndarray, most: int = 50_000) -> list[float]:
    return [float(value) for value in values[:: max(1, values.size // most)]]
