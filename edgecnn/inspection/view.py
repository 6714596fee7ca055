"""Reports as rows of short texts, for the terminal's tables and the page's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from edgecnn.graph import roles
from edgecnn.graph.receptive_field import Reach
from edgecnn.inspection.analysis import LayerReport, Report
from edgecnn.inspection.sweep import Point, growth

COST_COLUMNS = (
    "layer",
    "op",
    "output",
    "window",
    "params",
    "MACs",
    "out",
    "MAC/B",
    "field",
    "step",
    "saves",
)
COST_DROP = ("saves", "MAC/B", "step", "out", "window", "params", "op", "field")
"""What a narrow terminal does without, the least important first; so are the other `..._DROP`."""
GEOMETRY_COLUMNS = ("layer", "output size", "dilation", "padding", "field", "step", "center", "sees all", "paths meet")
GEOMETRY_DROP = ("dilation", "padding", "paths meet", "center", "step", "sees all")
LEGEND = (
    "window: kernel /stride padding · out: output size in bytes · MAC/B: multiply-accumulates per byte moved · "
    "field: receptive field in pixels, as if the image had no edges (+: attention or squeeze-excite sees "
    "further) · step: effective stride · saves: how many times cheaper the separable pair is than a regular "
    "convolution"
)


def number(value: float) -> str:
    """Three digits and a unit: 1,234,567 -> 1.23 M."""
    for limit, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= 0.9995 * limit:
            scaled = value / limit
            return f"{scaled:.{max(0, 2 - int(math.log10(max(scaled, 1))))}f}{unit}"
    return f"{value:.0f}"


def size(value: float) -> str:
    """Bytes as people say them: 1,505,280 -> 1.51 MB."""
    text = number(value)
    return f"{text}B" if text[-1].isalpha() else f"{text} B"


def shape(values: Sequence[int]) -> str:
    """Without the batch: 112x112x32."""
    return "x".join(str(value) for value in values[1:]) or "1"


def short(name: str, most: int = 25) -> str:
    """The end of a long name, which tells layers apart."""
    return name if len(name) <= most else "…" + name[1 - most :]


def pair(values: Sequence[float]) -> str:
    """One number if both are alike, else rows x columns."""
    texts = [f"{value:g}" for value in values]
    return texts[0] if texts[0] == texts[1] else "x".join(texts)


def rows(report: Report, everything: bool = False) -> list[LayerReport]:
    """The layers to show; without `everything` not those of a Keras model that run in place (norms, activations)."""
    if everything or report.network.source != "keras":
        return list(report.layers)
    return [row for row in report.layers if row.layer.role != roles.IN_PLACE]


def cost_row(row: LayerReport) -> list[str]:
    """The cells of `COST_COLUMNS`."""
    cost = row.layer.cost
    return [
        short(row.layer.name),
        short(row.layer.op, 18),
        shape(row.output_shape),
        _window(row),
        number(cost.parameters) if cost.parameters else "",
        number(cost.macs) if cost.macs else "",
        size(cost.output_bytes),
        f"{cost.macs_per_byte:.1f}" if cost.macs else "",
        field_size(row.reach),
        pair([axis.stride for axis in row.reach.axes]) if row.reach and row.reach.axes[0].stride else "",
        f"{row.saving:.1f} x" if row.saving else "",
    ]


def geometry_row(row: LayerReport) -> list[str]:
    """The cells of `GEOMETRY_COLUMNS`."""
    window, reach = row.layer.window, row.reach
    return [
        row.layer.name,
        row.arithmetic or shape(row.output_shape),
        pair(window.dilation) if window and max(window.dilation) > 1 else "",
        window.padding if window else "",
        field_size(reach),
        pair([axis.stride for axis in reach.axes]) if reach and reach.axes[0].stride else "",
        f"{pair([axis.center for axis in reach.axes])} + {reach.axes[0].stride} i" if reach else "",
        _share(row.sees_whole),
        "" if reach is None or reach.aligned else "no",
    ]


def _window(row: LayerReport) -> str:
    window = row.layer.window
    if window is None or window.padding == "explicit":
        return "" if window is None else f"pad {pair(window.before)}+{pair(window.after)}"
    dilation = f" dil {pair(window.dilation)}" if max(window.dilation) > 1 else ""
    groups = f" g{row.layer.groups}" if row.layer.role == roles.CONVOLUTION and row.layer.groups > 1 else ""
    return f"{window.kernel[0]}x{window.kernel[1]} /{pair(window.stride)} {window.padding}{dilation}{groups}"


def field_size(reach: Reach | None) -> str:
    """The receptive field in pixels; + where attention or a squeeze-excite sees further, ? where it is not known."""
    if reach is None:
        return "?"
    return pair([axis.size for axis in reach.axes]) + ("+" if reach.bypass else "")


def _share(share: float | None) -> str:
    if share is None:
        return ""
    return "-" if share == 0 else f"{share:.0%}"


def totals(report: Report) -> list[tuple[str, str]]:
    """The whole network in (what, value) pairs."""
    network = report.network
    lines = [
        ("parameters", f"{network.parameters:,} ({size(network.parameter_bytes)})"),
        ("multiply-accumulates", f"{report.total.macs:,}" if report.total.macs else "not countable"),
        ("largest memory for activations", f"{size(report.peak_activation_bytes)}, at {report.peak_layer}"),
        ("bytes moved", f"{size(report.total.bytes_moved)}, {report.total.macs_per_byte:.1f} MACs per byte"),
    ]
    if report.regular_macs > report.total.macs:
        factor = report.regular_macs / report.total.macs
        lines.append(("with regular convolutions", f"{report.regular_macs:,} MACs, {factor:.1f} times as many"))
    last = report.last_map
    if last is not None:
        after = report.layers[report.layers.index(last) + 1 :]
        mixed = any(row.layer.mixing == roles.ATTENTION for row in after)
        lines.append(
            (
                "last feature map",
                _last_sentence(last) + ("; the attention after it sees all of the map" if mixed else ""),
            )
        )
    unknown = sorted({row.layer.op for row in report.layers if row.layer.mixing == roles.UNKNOWN})
    if unknown:
        lines.append(
            (
                "not known",
                f"{', '.join(unknown)}: the receptive field is not followed further, and costs may be missing",
            )
        )
    return lines


def _last_sentence(row: LayerReport) -> str:
    where = f"{row.layer.name}, {shape(row.output_shape)}"
    if row.reach is None or row.sees_whole is None:
        return where
    seen = {0.0: "no unit sees the whole image", 1.0: "every unit sees the whole image"}
    sentence = seen.get(row.sees_whole, f"{row.sees_whole:.0%} of its units see the whole image")
    return f"{where}: receptive field {field_size(row.reach)}, {sentence}"


def comparison_rows(values: dict[str, Any]) -> list[list[str]]:
    """The totals of `compare`: what, first, second, ratio."""
    names = {
        "parameters": ("parameters", number),
        "parameter_bytes": ("parameter bytes", size),
        "macs": ("multiply-accumulates", number),
        "bytes_moved": ("bytes moved", size),
        "peak_activation_bytes": ("largest memory for activations", size),
    }
    table = []
    for key, (name, shown) in names.items():
        entry = values["totals"][key]
        ratio = "" if entry["ratio"] is None else f"{entry['ratio']:.2f} x"
        table.append([name, shown(entry["first"]), shown(entry["second"]), ratio])
    fields = [pair(field) if field else "?" for field in values["receptive_field"]]
    return [*table, ["receptive field of the last map, px", *fields, ""]]


def stage_rows(values: dict[str, Any]) -> list[list[str]]:
    """The stages of `compare`: map, layers, parameters and MACs of both."""
    return [
        [
            "x".join(map(str, stage["map"])),
            *(str(stage[side]["layers"]) for side in ("first", "second")),
            *(number(stage[side]["parameters"]) for side in ("first", "second")),
            *(number(stage[side]["macs"]) for side in ("first", "second")),
        ]
        for stage in values["stages"]
    ]


EFFECTIVE_COLUMNS = ("layer", "output", "field", "within the picture", "gradient's support", "effective")
EFFECTIVE_DROP = ("output", "gradient's support", "within the picture")
CHANGED_COLUMNS = ("layer", "output", "", "MACs", "")
SWEEP_COLUMNS = ("input", "MACs", "activations", "processor ms", "runs", "MACs per pixel")
SWEEP_DROP = ("runs", "activations", "MACs per pixel")


def effective_rows(report: Report, fields: Sequence[Any]) -> list[list[str]]:
    """Theory beside measurement: what the central unit can see and what it looks at."""
    known = {row.layer.name: row for row in report.layers}
    table = []
    for field in fields:
        row = known[field.layer]
        inside = (
            [int(axis.last[unit] - axis.first[unit] + 1) for axis, unit in zip(row.reach.axes, field.unit)]
            if row.reach
            else [0, 0]
        )
        table.append(
            [
                field.layer,
                shape(row.output_shape),
                field_size(row.reach),
                pair(inside),
                pair(field.support),
                f"{field.size:.0f}",
            ]
        )
    return table


def stage_columns(models: Sequence[str]) -> list[str]:
    """The header over `stage_rows`."""
    return ["map", *(f"{what} {side}" for what in ("layers", "params", "MACs") for side in ("A", "B"))]


def changed_rows(values: dict[str, Any]) -> list[list[str]]:
    """The layers of `compare` that have the same name and another shape or cost."""
    return [
        [entry["name"], *(shape(value) for value in entry["shapes"]), *(number(value) for value in entry["macs"])]
        for entry in values["layers"]
    ]


def sweep_rows(points: Sequence[Point]) -> list[list[str]]:
    """The cells of `SWEEP_COLUMNS`."""
    return [
        [
            f"{point.input_size} x {point.input_size}",
            number(point.macs),
            size(point.peak_activation_bytes),
            f"{point.processor_ms:.2f}" if point.processor_ms is not None else "",
            str(point.runs) if point.runs else "",
            f"{point.macs / point.input_size**2:,.0f}",
        ]
        for point in points
    ]


def growths(points: Sequence[Point]) -> dict[str, float | None]:
    """How MACs and processor time grow with the pixels, as exponents."""
    return {f"{key}_exponent": growth(points, key) for key in ("macs", "processor_ms")}


def growth_sentence(points: Sequence[Point]) -> str:
    """The exponents in words."""
    macs, measured_ms = growth(points, "macs"), growth(points, "processor_ms")
    counted = f"MACs grow with pixels^{macs:.2f}" if macs else "The MACs can't be compared"
    measured = f", the processor time with pixels^{measured_ms:.2f}" if measured_ms else ""
    return f"{counted}{measured} (1 is linear in the image's area, 2 is quadratic)."


TARGET_COLUMNS = ("operator", "layer", "runs on the target", "status", "reason")
TARGET_DROP = ("status",)


def target_rows(mapping: Any) -> list[list[str]]:
    """What an accelerator takes and what stays on the processor."""
    return [
        [row.type, short(row.layer), "yes" if row.mapped else "no", row.status, row.reason] for row in mapping.operators
    ]
