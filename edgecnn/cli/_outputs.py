"""Files that commands write, and the refusal to write over what the same command reads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgecnn.core.files import same_file

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class OutputFile(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic since click 8.2
    """The path of a file or folder that the command writes.

    Args:
        ending: of its name; empty for any.
    """

    name = "file"

    def __init__(self, ending: str = "") -> None:
        self._ending = ending

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not str(value).lower().endswith(self._ending):
            self.fail(f"{value} has the wrong ending; expected a file name that ends with {self._ending}.", param, ctx)
        return value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Files."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(incomplete, type="file")]


def refuse_overwriting(ctx: click.Context) -> None:
    """Refuse an output that is an input of the same call, by whatever path, or another output.

    Raises:
        click.UsageError: it is.
    """
    given = [(param, ctx.params.get(str(param.name))) for param in ctx.command.params]
    outputs = [(_flag(param), str(value)) for param, value in given if value and value != "-" and _writes(param)]
    inputs = [(_flag(param), path) for param, value in given if not _writes(param) for path in _paths(value)]
    for number, (flag, output) in enumerate(outputs):
        others = [*outputs[:number], *((name, path) for name, path in inputs if Path(path).exists())]
        for name, path in others:
            if same_file(output, path):
                raise click.UsageError(
                    f"{flag} is {output}, the same file as {name}, which would be overwritten. Choose another "
                    f"name for {flag}."
                )


def _writes(param: click.Parameter) -> bool:
    declared = getattr(param, "declared", None)
    return isinstance(param.type, OutputFile) or bool(declared and declared.writes)


def _flag(param: click.Parameter) -> str:
    return (
        max(param.opts, key=len)
        if isinstance(param, click.Option)
        else (param.metavar or str(param.name).upper()).rstrip(".")
    )


def _paths(value: Any) -> Iterator[str]:
    """What may be paths in the value of a parameter; of DATA also what follows a prefix such as `held-out:`."""
    if isinstance(value, (tuple, list)):
        for each in value:
            yield from _paths(each)
    elif isinstance(value, (str, os.PathLike)):
        text = os.fspath(value)
        yield from {text, text.partition(":")[2] or text}
