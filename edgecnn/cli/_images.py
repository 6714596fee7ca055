"""What the commands that look at images share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from edgecnn.cli._output import emit, note

if TYPE_CHECKING:
    from edgecnn.core.hints import Hints
    from edgecnn.runtime.model.model_file import ModelFile

Results = list[dict[str, Any]]


def opened(model: str, hints: Hints, command: str) -> ModelFile:
    """The model, after what is assumed of it was said.

    Raises:
        click.UsageError: another command shows the answers of such a model.
    """
    from edgecnn.runtime.tasks import task_of

    file = hints.read(model)
    task = task_of(file.contract)
    if task.command != command:
        raise click.UsageError(
            f"{model} is a model for {task.name}, whose answers another command shows: edgecnn {task.command} {model} "
            "IMAGE..."
        )
    for sentence in file.contract.assumed:
        note(f"Note: {sentence}")
    return file


def looked_at(file: ModelFile, images: Sequence[str], look: Callable[..., Results], *settings: Any) -> Results:
    """What `look(file, images, *settings)` finds, called in a guarded child process."""
    from edgecnn.runtime.process import guard

    limit_s = guard.processor_s(file, len(images))
    results: Results = guard.isolated(look, file, list(images), *settings, limit_processor_s=limit_s)
    return results


def shown(results: Results, json_path: str | None, show: Callable[[], None]) -> None:
    """Write the results, and exit with 1 where an image has an error instead of one."""
    emit(results, json_path, show)
    failed = [result for result in results if "error" in result]
    for result in failed:
        note(f"Error: {result['error']}")
    if failed:
        raise click.exceptions.Exit(1)
