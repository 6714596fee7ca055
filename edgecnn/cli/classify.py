"""`edgecnn classify`: what is on a picture?"""

from __future__ import annotations

from typing import Any

import click

from edgecnn.cli._output import emit, json_option, note


@click.command()
@click.argument("model", type=click.Path())
@click.argument("images", nargs=-1, required=True, type=click.Path(), metavar="IMAGE...")
@click.option(
    "--top", "count", type=click.IntRange(min=1), default=3, show_default=True, metavar="K", help="Classes to name."
)
@click.option(
    "--labels", type=click.Path(), metavar="FILE", help="Class names, one per line, for a model that has none."
)
@click.option(
    "--threads", type=click.IntRange(min=1), metavar="N", help="Processor threads.  [default: all, at most 4]"
)
@json_option
def command(
    model: str, images: tuple[str, ...], count: int, labels: str | None, threads: int | None, json_path: str | None
) -> None:
    """Name what is on each IMAGE, by the .tflite MODEL: ours, or by others.

    \b
    Example:
      edgecnn classify lite0.tflite cat.jpg --top 5
    """
    from edgecnn.runtime.model import model_file
    from edgecnn.runtime.process import guard
    from edgecnn.runtime.run.answers import answer_files
    from edgecnn.runtime.tasks import task_of

    file = model_file.read(model, labels)
    for sentence in file.contract.assumed:
        note(f"Note: {sentence}")
    results = guard.isolated(answer_files, file, list(images), count, threads)
    key = task_of(file.contract).answers_key
    emit(results, json_path, lambda: _show(results, key))
    failed = [result for result in results if "error" in result]
    for result in failed:
        note(f"Error: {result['error']}")
    if failed:
        raise click.exceptions.Exit(1)


def _show(results: list[dict[str, Any]], key: str) -> None:
    for result in results:
        for rank, found in enumerate(result.get(key, [])):
            name = result["path"] if rank == 0 else ""
            click.echo(f"{name:<40} {100 * found['probability']:5.1f} %  {found['label']}")
