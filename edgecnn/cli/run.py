"""`edgecnn run`: a recipe from start to finish."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from edgecnn.cli._arguments import RECIPE
from edgecnn.cli._options import Command
from edgecnn.cli._output import emit, json_option, note, print_table, say, say_json, show_notes, wide_option
from edgecnn.cli._outputs import OutputFile
from edgecnn.core.text import counted

if TYPE_CHECKING:
    from edgecnn.profiling import Profile, Row
    from edgecnn.recipe.run import Result
    from edgecnn.recipe.several import ComparedRuns
    from edgecnn.runtime.model.contract import Contract

GROUP = "From a recipe"
POSITION = 410


def _print_schema(ctx: click.Context, param: click.Parameter, asked: bool) -> None:
    if asked:
        import json

        from edgecnn.recipe.sections import schema

        say_json(json.dumps(schema(), indent=2, ensure_ascii=False))
        ctx.exit()


@click.command(cls=Command, resumes=True)
@click.argument("recipe", type=RECIPE)
@click.option(
    "-o", "--output", type=OutputFile(), metavar="FOLDER", help="Folder for the results.  [default: runs/NAME]"
)
@click.option(
    "--schema", is_flag=True, is_eager=True, expose_value=False, callback=_print_schema,
    help="Print the JSON schema of recipes, which editors use to complete keys, and exit.",
)  # fmt: skip
@json_option
@wide_option
def command(recipe: str, output: str | None, json_path: str | None) -> None:
    """Run RECIPE, a TOML file with a section for each stage: from building a model to the report.

    A recipe with `name = ["mobilenet_v2", "efficientnet_lite0"]` is a run for each model, in folders of their names,
    and their comparison. A stopped run resumes from the last finished stage when it is run again; stages whose
    settings or inputs changed run again.

    \b
    Example:
      edgecnn run recipes/efficientnet_lite0_int8.toml
    """
    from edgecnn.core.progress import Terminal
    from edgecnn.recipe.run import Result
    from edgecnn.recipe.several import run

    progress = Terminal()
    try:
        found = run(recipe, folder=output, progress=progress)
    finally:
        progress.close()
    if isinstance(found, Result):
        emit(_values(found), json_path, lambda: _show(found))
    else:
        runs = {name: _values(result) for name, result in found.runs.items()}
        values = {"runs": runs, "comparison": found.board.to_dict(), "page": str(found.page)}
        emit(values, json_path, lambda: _show_comparison(found))


def _values(result: Result) -> dict[str, Any]:
    return {
        "artifact": str(result.artifact),
        "report": str(result.report),
        "ran": list(result.ran),
        "verification": result.verification.to_dict() if result.verification else None,
        "profile": result.profile.to_dict() if result.profile else None,
    }


def _show_comparison(found: ComparedRuns) -> None:
    from edgecnn.cli.compare import show

    show(found.board)
    say(f"comparison  {found.page.resolve().as_uri()}")


def _show(result: Any) -> None:
    from edgecnn.runtime.model import model_file
    from edgecnn.tasks import load

    file = model_file.read(result.artifact)
    float_size = file.contract.provenance.float_size_bytes
    rows = [["size", f"{len(file.data) / 1e6:.2f} MB (float: {float_size / 1e6:.2f} MB)"]]
    found = result.verification
    if found:
        titles = load(found.task).titles
        for name, metric in list(found.metrics.items())[:1]:
            rows.append([titles.get(name, name), f"{metric.artifact} (float: {metric.float_model})"])
        rows.append(["agreement with float", f"{found.agreement} on {found.pictures} images of {found.data}"])
    else:
        rows += _trained(file.contract)
    if result.profile:
        rows += [_latency(row, result.profile) for row in result.profile.rows]
    print_table((file.contract.name, ""), rows)
    say(f"artifact  {result.artifact}\nreport    {result.report.resolve().as_uri()}")
    if found and found.calibrated_on:
        note(
            f"Note: {found.calibrated_on} of the evaluation images were also used for calibration, so the figures "
            "are optimistic."
        )
    show_notes(found.notes if found else ())


def _trained(contract: Contract) -> list[list[str]]:
    """What training measured on its validation and test images, where nothing was verified."""
    from edgecnn.core.statistics import share

    origin, rows = contract.provenance.training, []
    for name, percent in contract.accuracy.trained.items():
        split, _, metric = name.removesuffix("_percent").partition("_")
        count = origin.pictures.get(split, 0) if origin else 0
        if count:
            rows.append(
                [f"{split} {metric} (float)", f"{share(round(percent * count / 100), count)} of {count} images"]
            )
    return rows


def _latency(row: Row, profile: Profile) -> list[str]:
    measurement = row.measurement
    words = f"median {measurement.latency_ms.median:.2f} ms, p95 {measurement.latency_ms.p95:.2f} ms"
    words += " (emulated)" if profile.emulated else ""
    words += " (too noisy: see the report)" if row.noise.too_noisy else ""
    return [f"{profile.device}, {counted(measurement.threads, 'thread')}", words]
