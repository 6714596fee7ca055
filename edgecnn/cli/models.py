"""`edgecnn models`: what can be built, from a table that was measured beforehand."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from edgecnn.cli._options import Command, options_of
from edgecnn.cli._output import emit, json_option, note, print_table, say, wide_option
from edgecnn.estimation.settings import EstimateSettings

GROUP = "Make a model"
POSITION = 10
_COLUMNS = ("model", "params", "MACs", "float32", "int8", "input", "top-1", "paper", "TPU", "weights")
_ESTIMATED = ("estimated float32", "estimated int8")
_DROP_FIRST = ("paper", "float32", "input", "params", "weights", "TPU")


@click.command(cls=Command)
@click.argument("filter_text", metavar="[FILTER]", default="")
@options_of(EstimateSettings, "place")
@json_option
@wide_option
def command(filter_text: str, place: EstimateSettings, json_path: str | None) -> None:
    """List the models that can be built; FILTER is a part of their names.

    Parameters, multiply-accumulates (MACs) and sizes of the .tflite files are measured with 1,000 classes at the input
    size shown. Top-1 of ImageNet was published by the paper or by the authors of the weights (see the model's file).
    All models convert to int8 as a whole; TPU says whether the Edge TPU's published rules let it run all of that, and
    below the table is what they don't. ImageNet weights are installed (yes), to download, of timm or torchvision alone
    (PyTorch: `edgecnn build MODEL --weights timm:NAME.TAG`, or a file), or nowhere (no); --json lists the names of all
    that timm and torchvision publish. NAME_ssd, as mobilenet_v2_ssd, is an object detector on the feature maps of NAME;
    efficientdet_lite0 to efficientdet_lite2 are detectors on the maps of EfficientNet-Lite.

    \b
    Example:
      edgecnn models lite
      edgecnn models mobilenet --board raspberry_pi_4
    """
    rows = _rows(filter_text.lower().replace("-", "_"))
    if place.is_given:
        rows = _estimated(rows, place)
    emit(rows, json_path, lambda: _show(rows, filter_text))


def _estimated(rows: list[dict[str, Any]], place: EstimateSettings) -> list[dict[str, Any]]:
    """The same with the estimates of each model as it is and quantized to int8."""
    from edgecnn.estimation import estimating, known

    laws = known.chosen(place)
    return [{**row, "estimates": [each.to_dict() for each in estimating.of_name(row["name"], laws)]} for row in rows]


def _rows(part: str) -> list[dict[str, Any]]:
    from edgecnn import weights
    from edgecnn.models import figures, variants
    from edgecnn.weights import published

    return [
        {
            "name": name,
            **figures().get(name, {}),
            "input_size": spec.input_size,
            "published_parameters": spec.parameters,
            "published_macs": spec.macs,
            "published_top1_percent": spec.top1,
            "limits": [asdict(limit) for limit in spec.limits],
            "paper": spec.paper,
            "url": spec.url,
            "weights": weights.available(spec, name),
            "published_weights": [str(row) for row in published.of_variant(name) if row.hub or row.file],
        }
        for name, spec in variants().items()
        if part in name
    ]


def _show(rows: list[dict[str, Any]], filter_text: str) -> None:
    if not rows:
        note(
            f"No model name contains {filter_text!r}. `edgecnn models` lists all models. "
            "Detectors: NAME_ssd, efficientdet_lite0 to efficientdet_lite2."
        )
        return
    estimated = "estimates" in rows[0]
    columns = (*_COLUMNS[:1], *_ESTIMATED, *_COLUMNS[1:]) if estimated else _COLUMNS
    print_table(columns, [_cells(row) for row in rows], drop_first=_DROP_FIRST)
    if estimated:
        _say_grounds(rows)
    for reason, names in _limited(rows).items():
        say(f"{', '.join(names)}: {reason}.")
    if any("macs" not in row for row in rows):
        note("A dash means that the model was not measured yet; measure it with: tools/figures NAME")


def _say_grounds(rows: list[dict[str, Any]]) -> None:
    """What the estimates rest on; why a model has none is said by `edgecnn estimate`."""
    from edgecnn.estimation import Estimate, text

    found = [Estimate.from_dict(each) for row in rows for each in row["estimates"]]
    for sentence in text.sentences([each for each in found if not each.refusal]):
        say(sentence)
    if len([each for each in found if not each.refusal]) < 2 * len(rows):
        say("A model with - is not estimated; `edgecnn estimate MODEL` says why.")


def _limited(rows: list[dict[str, Any]]) -> dict[str, list[str]]:
    """What can't be done -> names of the models."""
    from edgecnn.models import Limit

    found: dict[str, list[str]] = {}
    for row in rows:
        for limit in row["limits"]:
            found.setdefault(str(Limit(**limit)), []).append(row["name"])
    return found


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    author = row["paper"].rpartition("(")[2].rstrip(")")
    return (
        row["name"],
        *_latencies(row),
        _scaled(row.get("parameters"), 1e6, " M"),
        _scaled(row.get("macs"), 1e6, " M"),
        _scaled(row.get("float32_bytes"), 1e6, " MB"),
        _scaled(row.get("int8_bytes"), 1e6, " MB"),
        f"{row['input_size']} px",
        f"{row['published_top1_percent']:.1f} %",
        author,
        "part" if row["limits"] else "whole",
        _weights(row),
    )


def _latencies(row: dict[str, Any]) -> tuple[str, ...]:
    if "estimates" not in row:
        return ()
    found = {each["number_format"]: each["latency_ms"] for each in row["estimates"]}
    return tuple(_scaled(found.get(number_format), 1.0, " ms") for number_format in ("float32", "int8"))


def _weights(row: dict[str, Any]) -> str:
    return row["weights"] if row["weights"] != "no" or not row["published_weights"] else "PyTorch"


def _scaled(value: float | None, unit: float, suffix: str) -> str:
    """Three significant digits, "-" for a value that is not known."""
    if value is None:
        return "-"
    scaled = value / unit
    return f"{scaled:,.{max(0, 2 - len(str(int(scaled))) + 1)}f}{suffix}"
