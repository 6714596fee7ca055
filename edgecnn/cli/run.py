"""`edgecnn run`: a recipe from start to finish."""

from __future__ import annotations

from typing import Any

import click

from edgecnn.cli._output import emit, json_option, note, print_table
from edgecnn.core.text import counted

GROUP = "From a recipe"
POSITION = 410


def _print_schema(ctx: click.Context, param: click.Parameter, asked: bool) -> None:
    if asked:
        import json

        from edgecnn.recipe.sections import schema

        click.echo(json.dumps(schema(), indent=2, ensure_ascii=False))
        ctx.exit()


@click.command()
@click.argument("recipe", type=click.Path())
@click.option("-o", "--output", metavar="FOLDER", help="Folder to write to.  [default: runs/NAME]")
@click.option(
    "--schema", is_flag=True, is_eager=True, expose_value=False, callback=_print_schema,
    help="Print the JSON schema of recipes, with which editors complete them, and exit.",
)  # fmt: skip
@json_option
def command(recipe: str, output: str | None, json_path: str | None) -> None:
    """Run RECIPE, a TOML file with a section for each stage: from building a model to the report.

    A stopped run resumes from the last finished stage when it is run again; stages whose settings or inputs changed
    run again.

    \b
    Examples:
      edgecnn run recipes/efficientnet_lite0_int8.toml
      edgecnn run --schema > recipe.schema.json
    """
    from edgecnn.core.progress import Terminal
    from edgecnn.recipe.run import run

    progress = Terminal()
    try:
        result = run(recipe, folder=output, progress=progress)
    finally:
        progress.close()
    values = {
        "artifact": str(result.artifact),
        "report": str(result.report),
        "ran": list(result.ran),
        "verification": result.verification,
        "profile": result.profile,
    }
    emit(values, json_path, lambda: _show(result))


def _show(result: Any) -> None:
    from edgecnn.runtime.model import model_file

    file = model_file.read(result.artifact)
    float_size = file.contract.provenance.get("float_size_bytes", 0)
    rows = [["size", f"{len(file.data) / 1e6:.2f} MB (float: {float_size / 1e6:.2f} MB)"]]
    found = result.verification
    if found:
        if found["drop"]:
            rows.append(["top-1", f"{found['top1']['percent']:.1f} % (float: {found['float_top1']['percent']:.1f} %)"])
        agreement = found["agreement"]
        interval = f"[{agreement['low_percent']:.1f}, {agreement['high_percent']:.1f}]"
        on = f"{found['pictures']} pictures of {found['data']}"
        rows.append(["agrees with float", f"{agreement['percent']:.1f} % {interval} on {on}"])
    if result.profile:
        rows += [_latency(row, result.profile) for row in result.profile["rows"]]
    print_table((file.contract.name, ""), rows)
    click.echo(f"artifact  {result.artifact}\nreport    {result.report.resolve().as_uri()}")
    if found and found["calibrated_on"]:
        note(f"Note: {found['calibrated_on']} of the pictures were calibrated on; the figures flatter.")


def _latency(row: dict[str, Any], profile: dict[str, Any]) -> list[str]:
    latency = row["latency_ms"]
    words = f"median {latency['median']:.2f} ms, p95 {latency['p95']:.2f} ms"
    words += " (emulated)" if profile["emulated"] else ""
    words += " (too noisy: see the report)" if row["noise"]["too_noisy"] else ""
    return [f"{profile['device']}, {counted(row['threads'], 'thread')}", words]
