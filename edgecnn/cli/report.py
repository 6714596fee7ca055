"""`edgecnn report`: the page, from what was measured before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

GROUP = "Look inside"
POSITION = 330


@click.command()
@click.argument("model", type=click.Path())
@click.option("-o", "--output", required=True, metavar="FILE", help="Where to write the page; ends with .html.")
@click.option("--verification", type=click.Path(), metavar="FILE", help="What `edgecnn verify --json FILE` wrote.")
@click.option(
    "--profile",
    "profiles",
    type=click.Path(),
    multiple=True,
    metavar="FILE",
    help="What `edgecnn profile --json FILE` wrote; may be given more than once.",
)
def command(model: str, output: str, verification: str | None, profiles: tuple[str, ...]) -> None:
    """Write one self-contained HTML page about the artifact MODEL.

    \b
    Example:
      edgecnn report m.tflite -o m.html --verification v.json --profile pi.json
    """
    from edgecnn import reporting

    measured: list[dict[str, Any]] = []
    per_op: list[dict[str, Any]] = []
    sustained: list[dict[str, Any]] = []
    for path in profiles:
        value = _read(path, "profile")
        measured += value.get("profiles", [value])
        per_op += value.get("per_op", [])
        sustained += value.get("sustained", [])
    found = _read(verification, "verify") if verification else None
    reporting.write(output, model, found, measured, per_op=per_op, sustained=sustained)
    click.echo(f"Wrote {Path(output).resolve().as_uri()}")


def _read(path: str, command: str) -> dict[str, Any]:
    from edgecnn.core.errors import EdgecnnError

    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EdgecnnError(
            f"Can't read {path}: {error}. Expected what `edgecnn {command} --json FILE` writes."
        ) from error
    expected = "agreement" if command == "verify" else "profiles"
    if not isinstance(value, dict) or not {expected, "rows"} & set(value):
        raise EdgecnnError(f"{path} holds no result of `edgecnn {command} --json FILE`.")
    return value
