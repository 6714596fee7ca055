"""`edgecnn inspect`: layers, cost and receptive fields of a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from edgecnn.cli._arguments import ANY_MODEL
from edgecnn.cli._options import Command, options_of
from edgecnn.cli._output import emit, json_option, note, print_pairs, print_table, say, trust_option, wide_option
from edgecnn.cli._outputs import OutputFile
from edgecnn.core.file_kind import kind_of
from edgecnn.estimation.settings import EstimateSettings
from edgecnn.inspection.settings import InspectSettings
from edgecnn.models.settings import BuildSettings

if TYPE_CHECKING:
    from edgecnn.estimation import Estimate

GROUP = "Look inside"
POSITION = 310
_TARGET_TAKES = "--target needs a .tflite file; run `edgecnn quantize` first."


@click.command(cls=Command)
@click.argument("models", nargs=-1, required=True, type=ANY_MODEL, metavar="MODEL [MODEL]")
@options_of(InspectSettings, "settings")
@options_of(EstimateSettings, "place")
@click.option(
    "--html", "html_path", type=OutputFile(".html"), metavar="FILE", help="Self-contained HTML page to write."
)
@trust_option
@json_option
@wide_option
def command(
    models: tuple[str, ...],
    settings: InspectSettings,
    place: EstimateSettings,
    html_path: str | None,
    trust: bool,
    json_path: str | None,
) -> None:
    """Show layers, compute and memory cost, and receptive fields of MODEL; two MODELs are compared.

    MODEL is a .tflite file (ours, with its contract, or anyone's; needs no TensorFlow), a .keras or .h5 file, or a name
    that `edgecnn models` lists.

    \b
    Examples:
      edgecnn inspect lite0.tflite
      edgecnn inspect mobilenet_v1 --geometry --html mobilenet.html
      edgecnn inspect mobilenet_v1 mobilenet_v2
      edgecnn inspect mobilenet_v1 --effective
      edgecnn inspect mobilenet_v2 --input-size 96,160,224
      edgecnn inspect mobilenet_v1 mobilenet_v2 --board raspberry_pi_4
    """
    sizes = settings.input_size
    asked = _Asked(settings, place, trust, json_path, html_path)
    if len(models) > 2:
        raise click.UsageError(f"Received {len(models)} models; expected one, or two to compare.")
    if (settings.effective or settings.layers) and (len(models) > 1 or len(sizes) > 1):
        raise click.UsageError("--effective and --layer need one model and one input size; remove the others.")
    if settings.target is not None and any(kind and kind.name == "keras" for kind in map(kind_of, models)):
        raise click.UsageError(_TARGET_TAKES)
    if len(sizes) > 1 and place.is_given:
        raise click.UsageError("Estimates are for one input size; give one, or use `edgecnn estimate` for each.")
    if len(sizes) > 1:
        _sweep(models, asked)
    elif len(models) == 2:
        _compare(models, asked)
    else:
        _one(models[0], asked)


@dataclass(frozen=True)
class _Asked:
    """What is shown, and where."""

    settings: InspectSettings
    place: EstimateSettings
    trust: bool
    json_path: str | None
    html_path: str | None


def _open(model: str, asked: _Asked) -> Any:
    from edgecnn.inspection.opening import open_model

    return open_model(model, input_size=next(iter(asked.settings.input_size), None), trust=asked.trust)


def _one(model: str, asked: _Asked) -> None:
    from edgecnn.inspection import contract_view
    from edgecnn.inspection.analysis import analyze

    source = _open(model, asked)
    sealed = bool(source.file and source.file.sealed)
    report = analyze(source.network, contract_view.summary(source.contract, sealed) if source.contract else None)
    fields = _effective(source, report, asked.settings)
    mapping = _target(source, asked.settings.target)
    values = report.record().to_dict()
    if fields:
        values["effective_receptive_fields"] = [field.record().to_dict() for field in fields]
    if mapping is not None:
        values["target"] = mapping.to_dict()
    estimates = _estimates(model, asked)
    if estimates:
        values["estimates"] = [each.to_dict() for each in estimates]
    if asked.html_path:
        from edgecnn.core.files import write_text
        from edgecnn.inspection import page

        write_text(asked.html_path, page.report_page(report, source, fields))
        note(f"Wrote {asked.html_path}")
    emit(values, asked.json_path, lambda: _show(source, report, asked.settings, fields, mapping))
    _show_estimates(estimates, asked)


def _estimates(model: str, asked: _Asked) -> tuple[Estimate, ...]:
    if not asked.place.is_given:
        return ()
    size = next(iter(asked.settings.input_size), None)
    if size is not None and kind_of(model) is not None:
        raise click.UsageError("An estimate is for a file as it is; give --input-size with the name of a model.")
    from edgecnn.estimation import estimate

    return estimate(model, asked.place, BuildSettings(input_size=size), trust=asked.trust)


def _show_estimates(estimates: Sequence[Estimate], asked: _Asked) -> None:
    """A table below the others, and what the estimates rest on."""
    from edgecnn.estimation import text

    if estimates and asked.json_path != "-":
        print_table(text.COLUMNS, text.rows(estimates), title=text.TITLE, drop_first=text.DROP_FIRST)
        for sentence in text.sentences(estimates):
            say(sentence)


def _effective(source: Any, report: Any, settings: InspectSettings) -> list[Any]:
    if not settings.effective and not settings.layers:
        return []
    if source.keras_model is None:
        raise click.UsageError(
            "--effective and --layer need gradients, which a .tflite file does not have. Give the .keras file "
            "that it was made from, or a name that `edgecnn models` lists, which is then built with random "
            "weights."
        )
    from edgecnn.inspection.effective import measure_stages

    return measure_stages(source.keras_model, report, settings.layers)


def _target(source: Any, target: str | None) -> Any:
    if target is None:
        return None
    if source.model is None:
        raise click.UsageError(_TARGET_TAKES)
    from edgecnn.targets import check

    return check(source.model, target, source.network.name)


def _show(source: Any, report: Any, settings: InspectSettings, fields: list[Any], mapping: Any) -> None:
    from edgecnn.inspection import contract_view, view

    say(f"{report.network.name}\n")
    print_pairs(contract_view.of(source))
    for sentence in source.remarks:
        say(f"{sentence}\n")
    rows = view.rows(report, settings.all)
    print_table(view.COST_COLUMNS, [view.cost_row(row) for row in rows], drop_first=view.COST_DROP)
    say(f"{view.LEGEND}.\n")
    if settings.geometry:
        found = [view.geometry_row(row) for row in rows]
        print_table(view.GEOMETRY_COLUMNS, found, drop_first=view.GEOMETRY_DROP)
    print_pairs(view.totals(report))
    if fields:
        print_table(view.EFFECTIVE_COLUMNS, view.effective_rows(report, fields), drop_first=view.EFFECTIVE_DROP)
    if mapping is not None:
        print_table(view.TARGET_COLUMNS, view.target_rows(mapping), drop_first=view.TARGET_DROP)
        say("\n".join(mapping.summary()))


def _compare(models: tuple[str, ...], asked: _Asked) -> None:
    from edgecnn.inspection import view
    from edgecnn.inspection.analysis import analyze
    from edgecnn.inspection.compare import compare

    reports = [analyze(_open(model, asked).network) for model in models]
    values = compare(*reports)
    estimates = [each for model in models for each in _estimates(model, asked)]
    if estimates:
        values["estimates"] = [each.to_dict() for each in estimates]

    def show() -> None:
        print_table(["", *map(view.short, models), "ratio"], view.comparison_rows(values))
        print_table(view.stage_columns(models), view.stage_rows(values), title="By size of the feature map")
        if values["layers"]:
            print_table(view.CHANGED_COLUMNS, view.changed_rows(values), title="Layers of the same name that differ")

    if asked.html_path:
        from edgecnn.core.files import write_text
        from edgecnn.inspection import page

        write_text(asked.html_path, page.comparison_page(list(models), reports, values))
        note(f"Wrote {asked.html_path}")
    emit(values, asked.json_path, show)
    _show_estimates(estimates, asked)


def _sweep(models: tuple[str, ...], asked: _Asked) -> None:
    from edgecnn.core.progress import Terminal
    from edgecnn.inspection import view
    from edgecnn.inspection.sweep import sweep

    sizes = list(asked.settings.input_size)
    progress = Terminal()
    try:
        found = {
            model: sweep(model, sizes, trust=asked.trust, timed=not asked.settings.no_timing, progress=progress)
            for model in models
        }
    finally:
        progress.close()
    if asked.html_path:
        from edgecnn.core.files import write_text
        from edgecnn.inspection import page

        write_text(asked.html_path, page.sweep_page(found))
        note(f"Wrote {asked.html_path}")
    values = {
        model: {"points": [point.to_dict() for point in points], **view.growths(points)}
        for model, points in found.items()
    }
    emit(values, asked.json_path, lambda: _show_sweep(found))


def _show_sweep(found: dict[str, list[Any]]) -> None:
    from edgecnn.inspection import view

    for model, points in found.items():
        print_table(view.SWEEP_COLUMNS, view.sweep_rows(points), title=model, drop_first=view.SWEEP_DROP)
        say(f"{view.growth_sentence(points)}\n")
