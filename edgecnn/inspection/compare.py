"""Two networks side by side: totals, and what each spends at every map size."""

from __future__ import annotations

from typing import Any

from edgecnn.inspection.analysis import Report

_TOTALS = ("parameters", "parameter_bytes", "macs", "bytes_moved", "peak_activation_bytes")
_RELATED = 0.8  # share of layer names in common from which on two networks are variants of one


def compare(first: Report, second: Report) -> dict[str, Any]:
    """JSON values: both totals with the ratio second / first, both stage tables, and the layers that differ by name."""
    values = (first.record(), second.record())
    totals = {key: _total(*(getattr(each, key) for each in values)) for key in _TOTALS}
    return {
        "models": [first.network.name, second.network.name],
        "totals": totals,
        "receptive_field": [_last_field(report) for report in (first, second)],
        "stages": _stages(first, second),
        "layers": _changed_layers(first, second),
    }


def _total(first: int, second: int) -> dict[str, Any]:
    return {"first": first, "second": second, "ratio": round(second / first, 4) if first else None}


def _last_field(report: Report) -> list[int] | None:
    last = report.last_map
    return [axis.size for axis in last.reach.axes] if last and last.reach else None


def _stages(first: Report, second: Report) -> list[dict[str, Any]]:
    """Costs per map size, the largest map first; what has no map comes last as 1 x 1."""
    tables = [_by_map_size(report) for report in (first, second)]
    sizes = sorted({*tables[0], *tables[1]}, reverse=True)
    empty = {"layers": 0, "parameters": 0, "macs": 0}
    return [
        {"map": list(size), "first": tables[0].get(size, empty), "second": tables[1].get(size, empty)} for size in sizes
    ]


def _by_map_size(report: Report) -> dict[tuple[int, ...], dict[str, int]]:
    table: dict[tuple[int, ...], dict[str, int]] = {}
    for row in report.layers:
        size = row.output_shape[1:3] if len(row.output_shape) == 4 else (1, 1)
        entry = table.setdefault(size, {"layers": 0, "parameters": 0, "macs": 0})
        entry["layers"] += 1
        entry["parameters"] += row.layer.cost.parameters
        entry["macs"] += row.layer.cost.macs
    return table


def _changed_layers(first: Report, second: Report) -> list[dict[str, Any]]:
    """Layers of the same name whose shape or cost differs, as after pruning; none for networks of another kind."""
    known = {row.layer.name: row for row in first.layers}
    shared = sum(row.layer.name in known for row in second.layers)
    if shared < _RELATED * len(second.layers):
        return []
    changed = []
    for row in second.layers:
        before = known.get(row.layer.name)
        if before and (before.output_shape, before.layer.cost.macs) != (row.output_shape, row.layer.cost.macs):
            changed.append(
                {
                    "name": row.layer.name,
                    "shapes": [list(before.output_shape), list(row.output_shape)],
                    "macs": [before.layer.cost.macs, row.layer.cost.macs],
                }
            )
    return changed
