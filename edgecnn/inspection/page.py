"""The pages of `edgecnn inspect --html`: everything inside one file, no script, no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgecnn.html import charts, images
from edgecnn.html.page import Section, cards, chart, facts, folded, page, paragraph, side_by_side, table
from edgecnn.inspection import contract_view, view
from edgecnn.inspection.analysis import LayerReport, Report
from edgecnn.inspection.effective import stage_ends
from edgecnn.inspection.opening import OpenedModel
from edgecnn.inspection.sweep import Point


def report_page(report: Report, source: OpenedModel, fields: Sequence[Any] = ()) -> str:
    """One model."""
    rows = view.rows(report)
    sections = [
        Section("Contract", _contract(source)),
        Section("The whole network", facts(view.totals(report))),
        Section("Where the work is", _by_map_size(report)),
        Section("Receptive fields", _fields(report)),
        Section("Effective receptive field", _effective(report, fields)),
        Section("Layer by layer", _tables(rows)),
    ]
    return page(report.network.name, _lead(report), sections, top=cards(_figures(report)))


def _lead(report: Report) -> str:
    shape = report.network.values[report.network.inputs[0]].shape
    return f"{len(report.layers)} operators from an input of {view.shape(shape)} ({report.network.source})."


def _figures(report: Report) -> list[tuple[str, str, str]]:
    figures = [
        (view.number(report.network.parameters), "parameters", view.size(report.network.parameter_bytes)),
        (view.number(report.total.macs), "multiply-accumulates", f"{report.total.macs_per_byte:.1f} per byte moved"),
        (
            view.size(report.peak_activation_bytes),
            "largest memory for activations",
            f"at {view.short(report.peak_layer)}",
        ),
    ]
    last = report.last_map
    if last and last.reach:
        field = f"{view.field_size(last.reach)} px"
        figures.append((field, "receptive field", f"of the last feature map, {view.shape(last.output_shape)}"))
    return figures


def _contract(source: OpenedModel) -> str:
    return facts(contract_view.of(source)) + "".join(paragraph(sentence, "note") for sentence in source.remarks)


def _by_map_size(report: Report) -> str:
    work: dict[str, list[int]] = {}
    for row in report.layers:
        entry = work.setdefault(_map_name(row), [0, 0])
        entry[0] += row.layer.cost.macs
        entry[1] += row.layer.cost.parameters
    total, parameters = report.total.macs or 1, report.network.parameters or 1
    macs = [(name, entry[0] / 1e6, f"{entry[0] / total:.0%}") for name, entry in work.items() if any(entry)]
    weights = [(name, entry[1] / 1e3, f"{entry[1] / parameters:.0%}") for name, entry in work.items() if any(entry)]
    return side_by_side(
        chart(
            charts.bars(macs, "million multiply-accumulates", summary="Multiply-accumulates by map size"),
            "Multiply-accumulates by size of the feature map",
        ),
        chart(
            charts.bars(weights, "thousand parameters", summary="Parameters by map size"),
            "Parameters by size of the feature map",
        ),
    ) + paragraph("Early layers work on large maps with few weights, late ones on small maps with many.", "note")


def _map_name(row: LayerReport) -> str:
    return view.shape(row.output_shape[:3]) if len(row.output_shape) == 4 else "no map"


def _fields(report: Report) -> str:
    rows = [row for row in report.layers if row.reach is not None and len(row.output_shape) == 4]
    picture = report.network.values[report.network.inputs[0]].shape[1:3]
    if not rows or len(picture) < 2 or min(picture) < 1:
        return ""
    sizes = [float(row.reach.axes[0].size) for row in rows if row.reach]
    depth = list(range(1, len(rows) + 1))
    series = [("receptive field", sizes), ("side of the image", [float(picture[0])] * len(rows))]
    curve = charts.lines(depth, series, "number of the layer", "pixels")
    return side_by_side(
        chart(_nested_boxes(report, picture), "Receptive field of the central unit of each stage"),
        chart(curve, "Growth with depth"),
    ) + _stages(report)


def _nested_boxes(report: Report, picture: Sequence[int]) -> str:
    """The image, and what the central unit of each stage's last map sees of it."""
    items = [(_box(row, picture), f"{view.shape(row.output_shape)}: {_field(row)}") for row in stage_ends(report)]
    return charts.boxes(items, picture, "pixels")


def _stages(report: Report) -> str:
    rows = [
        [view.shape(row.output_shape), view.short(row.layer.name, 40), _field(row), _seen(row)]
        for row in stage_ends(report)
    ]
    note = paragraph("Each stage is represented by its last map. Padding around the image is not drawn.", "note")
    return note + table(("last map of a stage", "layer", "receptive field", "units that see the whole image"), rows)


def _field(row: LayerReport) -> str:
    return f"{view.field_size(row.reach)} px"


def _box(row: LayerReport, picture: Sequence[int]) -> tuple[float, float, float, float]:
    """(left, top, width, height) of what the central unit sees, in pixels of the image."""
    if row.reach is None:
        return (0, 0, picture[1], picture[0])
    ends = [(axis.first[len(axis.first) // 2], axis.last[len(axis.last) // 2] + 1) for axis in row.reach.axes]
    (top, bottom), (left, right) = ends
    return (float(left), float(top), float(right - left), float(bottom - top))


def _seen(row: LayerReport) -> str:
    return f"{row.sees_whole:.0%}" if row.sees_whole else "none"


def _effective(report: Report, fields: Sequence[Any]) -> str:
    if not fields:
        return ""
    items = [
        (
            images.image(images.viridis(field.gradient**0.5), f"Gradient of {field.layer}", pixelated=True),
            field.layer,
            f"support {view.pair(field.support)} px, effective {field.size:.0f} px",
        )
        for field in fields
    ]
    note = (
        "Gradient of the central unit with respect to random images, drawn as its square root so that small "
        "values are visible. The effective receptive field is the number of pixels above 4.55 % of the largest "
        "gradient (Luo et al. 2016)."
    )
    rows = view.effective_rows(report, fields)
    legend = images.scale_bar("no influence", "most")
    return images.gallery(items, "13rem") + legend + table(view.EFFECTIVE_COLUMNS, rows) + paragraph(note, "note")


def _tables(rows: Sequence[LayerReport]) -> str:
    geometry = table(view.GEOMETRY_COLUMNS, [view.geometry_row(row) for row in rows])
    return (
        table(view.COST_COLUMNS, [view.cost_row(row) for row in rows])
        + paragraph(f"{view.LEGEND}.", "note")
        + folded("Output sizes, padding and centers", geometry)
    )


def comparison_page(models: Sequence[str], reports: Sequence[Report], values: dict[str, Any]) -> str:
    """Two models, called A and B wherever they meet."""
    fields = [
        [float(row.reach.axes[0].size) for row in report.layers if row.reach and len(row.output_shape) == 4]
        for report in reports
    ]
    names = [f"{letter}: {view.short(Path(model).name, 36)}" for letter, model in zip("AB", models)]
    sections = [
        Section("Totals", table(("", "A", "B", "B to A"), view.comparison_rows(values))),
        Section("By size of the feature map", table(view.stage_columns(models), view.stage_rows(values))),
        Section("Multiply-accumulates", _bars(names, values)),
        Section("Receptive field", _two_curves(names, fields)),
        Section("Layers of the same name that differ", _changed(values)),
    ]
    title = " and ".join(Path(model).name for model in models)
    return page(title, f"A: {models[0]}. B: {models[1]}.", sections)


def _bars(names: Sequence[str], values: dict[str, Any]) -> str:
    found = [
        (f"{letter}: {'x'.join(map(str, stage['map']))}", stage[side]["macs"], number)
        for stage in values["stages"]
        for number, (side, letter) in enumerate((("first", "A"), ("second", "B")))
        if stage[side]["macs"]
    ]
    items = [(name, macs / 1e6, view.number(macs)) for name, macs, _ in found]
    series = [number for _, _, number in found]
    summary = "Multiply-accumulates by size of the feature map"
    drawing = charts.bars(items, "million multiply-accumulates", summary=summary, series=series)
    return chart(drawing, "; ".join(names))


def _two_curves(names: Sequence[str], fields: Sequence[list[float]]) -> str:
    """Both over the share of the depth, so that networks of unlike depth can be laid over each other."""
    if not all(fields):
        return ""
    shares = list(range(0, 101, 2))
    series = [
        (name, [sizes[min(len(sizes) - 1, share * len(sizes) // 100)] for share in shares])
        for name, sizes in zip(names, fields)
    ]
    return chart(charts.lines(shares, series, "depth in percent of the layers", "receptive field in pixels"))


def _changed(values: dict[str, Any]) -> str:
    columns = ("layer", "output in A", "output in B", "MACs in A", "MACs in B")
    return table(columns, view.changed_rows(values)) if values["layers"] else ""


def sweep_page(found: Mapping[str, Sequence[Point]]) -> str:
    """Models at several input sizes."""
    sections = []
    first = next(iter(found.values()))
    sizes = [float(point.input_size) for point in first]
    for key, what, unit in (("macs", "Multiply-accumulates", 1e6), ("processor_ms", "Measured time", 1.0)):
        if all(getattr(point, key) for points in found.values() for point in points):
            series = [(model, [getattr(point, key) / unit for point in points]) for model, points in found.items()]
            label = (
                "million multiply-accumulates" if key == "macs" else "ms of processor time, float32 .tflite, one thread"
            )
            sections.append(Section(what, chart(charts.lines(sizes, series, "input size in pixels", label))))
    for model, points in found.items():
        text = table(view.SWEEP_COLUMNS, view.sweep_rows(points)) + paragraph(view.growth_sentence(points), "note")
        sections.append(Section(model, text))
    lead = "How the cost grows with the input size: counted, and measured on this machine."
    return page(f"{' and '.join(found)} over input size", lead, sections)
