"""What the reference pages read of edgecnn: its public surfaces, imported in this one place."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

import edgecnn
from edgecnn import api
from edgecnn.cli import cli
from edgecnn.core.option import Option
from edgecnn.ladder import CONFIGURATIONS
from edgecnn.recipe.sections import schema
from edgecnn.runtime.model import provenance, records
from edgecnn.runtime.model.contract import Contract, Preprocessing
from edgecnn.runtime.model.rejection import Rejection

PACKAGE = Path(edgecnn.__file__).parent
CONTRACT = (
    *(Contract, Preprocessing),
    *(records.ModelDescription, records.CompressionStep, records.Change, records.QatRecord),
    *(provenance.Provenance, provenance.WeightsOrigin, provenance.TrainingOrigin, provenance.TrainedPhase),
    *(
        provenance.TrainingImages,
        provenance.CalibrationSet,
        provenance.Improvement,
        provenance.Tried,
        provenance.Skipped,
    ),
    *(Rejection, records.Accuracy, records.Metric, records.Share, records.Golden),
)
LADDER = [(each.name, each.what) for each in CONFIGURATIONS]
"""The configurations that `edgecnn quantize` with a bound tries, in order: name and what they do."""


def commands(
    group: click.Group = cli, path: tuple[str, ...] = ("edgecnn",)
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command with its path, ("edgecnn", "devices", "add"); groups come before their commands."""
    context = click.Context(group, info_name=path[-1])
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


def setting(option: click.Option) -> Option | None:
    """What declares an option of the command line, if a setting does."""
    return getattr(option, "declared", None)


def run(*arguments: str) -> tuple[str, int]:
    """Run a command in this process; what it printed, and its exit status."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        status = cli.main(list(arguments), prog_name="edgecnn", standalone_mode=False)
    return printed.getvalue(), status if isinstance(status, int) else 0


def models() -> list[dict[str, Any]]:
    """What `edgecnn models --json -` prints."""
    rows: list[dict[str, Any]] = json.loads(run("models", "--json", "-")[0])
    return rows


def recipe_schema() -> dict[str, Any]:
    """The JSON schema of a recipe."""
    return schema()


def public() -> dict[str, Any]:
    """The names that `edgecnn` exports, and the classes that its functions return."""
    names = [*edgecnn.__all__, *(name for name in api.__all__ if name not in edgecnn.__all__)]
    found = {name: getattr(api, name, None) or getattr(edgecnn, name) for name in names}
    return {name: value for name, value in found.items() if callable(value)}
