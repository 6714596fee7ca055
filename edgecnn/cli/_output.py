"""What the commands share: the `--json` option, tables on the terminal, progress on standard error."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import click

from edgecnn.cli._outputs import OutputFile
from edgecnn.core.layout import Table, terminal_width, wrapped
from edgecnn.core.text import counted
from edgecnn.runtime.model.json_text import escape_json, printable, printable_lines

if TYPE_CHECKING:
    from edgecnn.data.report import DataReport

F = TypeVar("F", bound=Callable[..., Any])
_WIDE = "edgecnn.wide"


def json_option(function: F) -> F:
    """Add `--json FILE`; the command passes the value on to `emit`."""
    help = "Write the result as JSON to FILE; - is standard output."
    return click.option("--json", "json_path", type=OutputFile(), metavar="FILE", help=help, callback=_checked)(
        function
    )


def output_option(help: str) -> Callable[[F], F]:
    """Add `-o, --output FILE`."""
    return click.option(
        "-o", "--output", type=OutputFile(), required=True, metavar="FILE", help=help, callback=_checked
    )


def _checked(context: click.Context, option: click.Parameter, path: str | None) -> str | None:
    """A file that can be written; found out before the work rather than after."""
    if path is not None and path != "-":
        from edgecnn.core.files import check_place

        check_place(path)
    return path


def trust_option(function: F) -> F:
    """Add `--trust`."""
    help = "Run code that the model file contains (Lambda and custom layers, pickles in .pt2)."
    return click.option("--trust", is_flag=True, help=help)(function)


def restart_option(function: F) -> F:
    """Add `--restart`."""
    help = "Start over instead of resuming an interrupted run."
    return click.option("--restart", is_flag=True, help=help)(function)


def emit(value: Any, json_path: str | None, show: Callable[[], None]) -> None:
    """Show a result to a person, or write it as JSON; with `--json -` nothing else reaches standard output."""
    if json_path == "-":
        say_json(json.dumps(value, indent=2, ensure_ascii=False))
        return
    if json_path:
        from edgecnn.core.files import write_json

        write_json(json_path, value)
    show()


def wide_option(function: F) -> F:
    """Add `--wide` to a command that prints tables; `print_table` finds it."""

    def remember(ctx: click.Context, param: click.Parameter, value: bool) -> None:
        ctx.meta[_WIDE] = value

    help = "Show all columns of tables, however narrow the terminal is."
    return click.option("--wide", is_flag=True, expose_value=False, callback=remember, help=help)(function)


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    title: str | None = None,
    *,
    drop_first: Sequence[str] = (),
) -> None:
    """A plain table that fits the terminal; see `edgecnn.core.layout`. A file or a program gets all of it.

    Args:
        columns: headings.
        rows: a cell for each column.
        title: a line above it.
        drop_first: headings of the columns that a narrow terminal does without, the least important first.
    """
    if title:
        say(title)
    context = click.get_current_context(silent=True)
    width = None if context and context.meta.get(_WIDE) else terminal_width(sys.stdout)
    cells = [[printable(cell) for cell in row] for row in rows]
    layout = Table([printable(column) for column in columns], cells, drop_first).laid_out(width)
    click.echo(_encodable("\n".join(layout.lines).rstrip("\n") + "\n", sys.stdout))
    if layout.hidden:
        note(f"Left out, because the terminal is too narrow: {', '.join(layout.hidden)}. Show all columns with --wide.")


def print_pairs(pairs: Sequence[tuple[str, str]]) -> None:
    """Names and values, a line each, wrapped between words."""
    longest = max((len(name) for name, _ in pairs), default=0)
    for name, text in pairs:
        label = f"  {printable(name):<{longest}}  "
        click.echo("\n".join(wrapped(label + printable(text), terminal_width(sys.stdout), " " * len(label))))
    click.echo()


def _fitted(text: str, stream: TextIO) -> str:
    """Printable lines, wrapped between words on a terminal."""
    width = terminal_width(stream)
    lines = (line for each in _shown(text).split("\n") for line in wrapped(each, width))
    return _encodable("\n".join(lines), stream)


def _encodable(text: str, stream: TextIO) -> str:
    """The text with replacements for what the stream's encoding lacks, where that isn't UTF-8."""
    encoding = stream.encoding or "utf-8"
    with contextlib.suppress(UnicodeEncodeError):
        text.encode(encoding)
        return text
    text = text.replace("─", "-").replace("…", "...")
    return text.encode(encoding, "backslashreplace").decode(encoding)


def say(text: str = "") -> None:
    """Lines on standard output. All that a command prints passes here or through `note`, `say_json`, `print_table`:
    names, paths and labels come from strangers, and a terminal obeys what is in them.
    """
    click.echo(_fitted(text, sys.stdout))


def note(message: str) -> None:
    """Lines for a person, on standard error."""
    click.echo(_fitted(message, sys.stderr), err=True)


def _shown(text: str) -> str:
    """Printable lines; a name that was typed with a line break in it is on one line, and can't pass for another."""
    for word in sys.argv:
        if "\n" in word:
            text = text.replace(word, printable(word))
    return printable_lines(text)


def say_json(text: str) -> None:
    """A JSON text on standard output; nothing of it is lost."""
    click.echo(escape_json(text, sys.stdout.encoding or "utf-8"))


def say_script(text: str) -> None:
    """A script for a shell on standard output; nothing in it comes from outside."""
    click.echo(text)


def draw(text: str) -> None:
    """A drawing of our own with its colors, on standard error; nothing in it comes from outside."""
    click.echo(text, err=True)


def show_notes(sentences: Iterable[str]) -> None:
    """What a person should know, a line each, on standard error."""
    for sentence in sentences:
        note(f"Note: {sentence}")


def show_data_report(report: DataReport) -> None:
    """What was found in training data, before training starts."""
    for split, counts in report.counts.items():
        few = sorted(counts.items(), key=lambda item: item[1])[:1]
        if not few:
            continue  # images without labels
        what = f"{sum(counts.values())} images"
        if report.of_objects:
            what = f"{counted(report.images[split], 'image')}, with objects"
        note(f"{split}: {what} of {len(counts)} classes; the smallest class is {few[0][0]} ({few[0][1]}).")
    show_notes(report.warnings())
