"""Estimates for people: a table, and the sentences that say what they rest on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from edgecnn.core.text import counted
from edgecnn.estimation.record import Estimate
from edgecnn.profiling.text import digits

COLUMNS = ("model", "format", "latency", "9 of 10 within", "fps", "energy")
TITLE = "Estimated, not measured"
DROP_FIRST = ("energy", "fps")


def rows(estimates: Iterable[Estimate]) -> list[list[str]]:
    """A row per estimate; see `COLUMNS`."""
    return [_row(each) for each in estimates]


def _row(each: Estimate) -> list[str]:
    if each.latency_ms is None or each.interval_ms is None:
        return [each.model, each.number_format, each.kind, "-", "-", "-"]
    low, high = each.interval_ms
    energy = "-" if each.energy_mj is None else f"{digits(each.energy_mj)} mJ"
    fps = digits(1000 / each.latency_ms)
    return [each.model, each.number_format, milliseconds(each), f"{digits(low)} to {digits(high)} ms", fps, energy]


def milliseconds(each: Estimate) -> str:
    """The latency for a cell; the heading or the cell beside it says that it is estimated."""
    return each.kind if each.latency_ms is None else f"{digits(each.latency_ms)} ms"


def sentences(estimates: Sequence[Estimate]) -> list[str]:
    """Why some models have no estimate, and what the others rest on."""
    lines = [
        f"Not estimated ({each.model}, {each.number_format}): {each.refusal}" for each in estimates if each.refusal
    ]
    for name in dict.fromkeys(each.model for each in estimates if each.left_out):
        without = ", ".join(next(each.left_out for each in estimates if each.model == name))
        lines.append(f"{name}: the estimate is without {without} behind the network: no law has a price for that.")
    by_device: dict[str, list[Estimate]] = {}
    for each in estimates:
        by_device.setdefault(_grounds(each), []).append(each)
    for grounds, group in by_device.items():
        counts = {each.number_format: each.basis.measurements for each in group if not each.refusal}
        fitted = [f"{number_format} from {counted(count, 'measurement')}" for number_format, count in counts.items()]
        lines.append(f"{grounds}{'; ' * bool(fitted)}{', '.join(fitted)}.")
        lines += group[0].basis.notes
    return lines


def _grounds(each: Estimate) -> str:
    basis = each.basis
    delegate = "" if basis.delegate == "cpu" else f", delegate {basis.delegate}"
    return (
        f"Estimated for {each.device}, {counted(basis.threads, 'thread')}{delegate}: {basis.runtime} on "
        f"{basis.processor} "
        f"({basis.source})"
    )
