"""The pages of `edgecnn inspect --html`: everything inside one file, no script, no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from edgecnn.html import charts, images
from edgecnn.html.page import Section, cards, facts, folded, page, paragraph, table
from edgecnn.inspection import contract_view, view
from edgecnn.inspection.analysis import LayerReport, Report
from edgecnn.inspection.effective import stage_ends
from edgecnn.inspection.opening import OpenedModel
from edgecnn.inspection.sweep import Point

_SIDE = 300  # of the drawing of receptive fields, in SVG units


def report_page(report: Report, source: OpenedModel, fields: Sequence[Any] = ()) -> str:
    """One model."""
    rows = view.rows(report)
    sections = [
        Section("Contract", _contract(source)),
        Section("The whole network", facts(view.totals(report))),
        Section("Where the work is", _by_map_size(report)),
        Section("What a unit sees", _fields(report)),
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
        (view.size(report.peak_activation_bytes), "activations at once", f"at {view.short(report.peak_layer)}"),
    ]
    last = report.last_map
    if last and last.reach:
        field = f"{view.field_size(last.reach)} px"
        figures.append((field, "receptive field", f"of the last map, {view.shape(last.output_shape)}"))
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
    macs = [(name, entry[0], f"{entry[0] / total:.0%}") for name, entry in work.items() if any(entry)]
    weights = [(name, entry[1], f"{entry[1] / parameters:.0%}") for name, entry in work.items() if any(entry)]
    return (
        "<h3>Multiply-accumulates by size of the feature map</h3>"
        + charts.bars(macs, summary="Share of the multiply-accumulates by map size", width=400)
        + "<h3>Parameters by size of the feature map</h3>"
        + charts.bars(weights, summary="Share of the parameters by map size", width=400)
        + paragraph("Early layers work on large maps with few weights, late ones on small maps with many.", "note")
    )


def _map_name(row: LayerReport) -> str:
    return view.shape(row.output_shape[:3]) if len(row.output_shape) == 4 else "no map"


def _fields(report: Report) -> str:
    rows = [row for row in report.layers if row.reach is not None and len(row.output_shape) == 4]
    if not rows:
        return ""
    picture = report.network.values[report.network.inputs[0]].shape[1:3]
    sizes = [float(row.reach.axes[0].size) for row in rows if row.reach]
    depth = list(range(1, len(rows) + 1))
    curve = charts.lines(depth, [("field", sizes), ("picture", [float(picture[0])] * len(rows))], "layer", "pixels")
    return _nested_squares(report, picture) + "<h3>Growth with depth</h3>" + images.wide(curve)


def _nested_squares(report: Report, picture: Sequence[int]) -> str:
    """The image, and what the central unit of each stage's last map sees of it."""
    scale = _SIDE / max(picture)
    height, width = picture[0] * scale, picture[1] * scale
    parts = [f'<rect x="1" y="1" width="{width:.1f}" height="{height:.1f}" style="fill:var(--panel)" class="axis"/>']
    legend = []
    for number, row in enumerate(stage_ends(report)):
        box = _box(row, picture)
        x, y, w, h = (side * scale for side in box)
        name = f"{view.field_size(row.reach)} px" if row.reach else ""
        style = f"fill:none;stroke:var(--blue);stroke-width:{1.2 + 0.5 * number:.1f}"
        parts.append(f'<rect x="{x + 1:.1f}" y="{y + 1:.1f}" width="{w:.1f}" height="{h:.1f}" style="{style}"/>')
        text_y = 22 + 44 * number
        legend.append(
            f'<rect x="340" y="{text_y - 13}" width="16" height="16" style="{style}"/>'
            f'<text class="strong" x="368" y="{text_y}">{escape(view.shape(row.output_shape))}: {escape(name)}</text>'
            f'<text x="368" y="{text_y + 17}">{escape(view.short(row.layer.name, 40))}, {_seen(row)}</text>'
        )
    total = max(height + 2, 44 * len(legend) + 10)
    return (
        f'<svg viewBox="0 0 720 {total:.0f}" width="720" role="img" aria-label="Receptive fields inside the image">'
        f"{''.join(parts)}{''.join(legend)}</svg>"
        + paragraph("The central unit of each stage, on the whole image; padding is not drawn.", "note")
    )


def _box(row: LayerReport, picture: Sequence[int]) -> tuple[float, float, float, float]:
    """(left, top, width, height) of what the central unit sees, in pixels of the image."""
    if row.reach is None:
        return (0, 0, picture[1], picture[0])
    ends = [(axis.first[len(axis.first) // 2], axis.last[len(axis.last) // 2] + 1) for axis in row.reach.axes]
    (top, bottom), (left, right) = ends
    return (float(left), float(top), float(right - left), float(bottom - top))


def _seen(row: LayerReport) -> str:
    if not row.sees_whole:
        return "no unit sees the whole image"
    return f"{row.sees_whole:.0%} of the units see the whole image"


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
        "Gradient of the central unit with respect to random images (square root, so that faint values show). The "
        "effective field has as many pixels as exceed 4.55 % of the largest gradient (Luo et al. 2016)."
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
    """Two models."""
    fields = [
        [float(row.reach.axes[0].size) for row in report.layers if row.reach and len(row.output_shape) == 4]
        for report in reports
    ]
    sections = [
        Section("Totals", table(["", *map(view.short, models), "ratio"], view.comparison_rows(values))),
        Section("By size of the feature map", table(view.stage_columns(models), view.stage_rows(values))),
        Section("Multiply-accumulates", _bars(models, values, "macs")),
        Section("Receptive field", _two_curves(models, fields)),
        Section("Layers of the same name that differ", _changed(values)),
    ]
    return page(" and ".join(models), "Two networks side by side; ratio is second to first.", sections)


def _bars(models: Sequence[str], values: dict[str, Any], key: str) -> str:
    items = [
        (f"{'x'.join(map(str, stage['map']))}  {letter}", stage[side][key], view.number(stage[side][key]))
        for stage in values["stages"]
        for side, letter in (("first", "A"), ("second", "B"))
        if stage["first"][key] or stage["second"][key]
    ]
    names = paragraph(f"A: {models[0]}, B: {models[1]}", "note")
    return charts.bars(items, summary=f"{key} by size of the feature map", width=400) + names


def _two_curves(models: Sequence[str], fields: Sequence[list[float]]) -> str:
    """Both over the share of the depth, so that networks of unlike depth can be laid over each other."""
    if not all(fields):
        return ""
    shares = list(range(0, 101, 2))
    series = [
        (model, [sizes[min(len(sizes) - 1, share * len(sizes) // 100)] for share in shares])
        for model, sizes in zip(models, fields)
    ]
    return images.wide(charts.lines(shares, series, "% of the layers", "pixels"))


def _changed(values: dict[str, Any]) -> str:
    return table(view.CHANGED_COLUMNS, view.changed_rows(values)) if values["layers"] else ""


def sweep_page(found: Mapping[str, Sequence[Point]]) -> str:
    """Models at several input sizes."""
    sections = []
    first = next(iter(found.values()))
    sizes = [float(point.input_size) for point in first]
    for key, what, unit in (("macs", "Multiply-accumulates", 1e6), ("processor_ms", "Measured time", 1.0)):
        if all(getattr(point, key) for points in found.values() for point in points):
            series = [(model, [getattr(point, key) / unit for point in points]) for model, points in found.items()]
            label = "millions" if key == "macs" else "ms of processor time, float32 .tflite, one thread"
            sections.append(Section(what, images.wide(charts.lines(sizes, series, "input size in pixels", label))))
    for model, points in found.items():
        text = table(view.SWEEP_COLUMNS, view.sweep_rows(points)) + paragraph(view.growth_sentence(points), "note")
        sections.append(Section(model, text))
    lead = "How the cost grows with the input size: counted, and measured on this machine."
    return page(f"{' and '.join(found)} over input size", lead, sections)
