"""What the commands share: the `--json` option, tables on the terminal, progress on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from edgecnn.runtime.model.json_text import escape_json, printable, printable_lines

if TYPE_CHECKING:
    from edgecnn.data.report import DataReport

F = TypeVar("F", bound=Callable[..., Any])


def json_option(function: F) -> F:
    """Add `--json FILE`; the command passes the value on to `emit`."""
    help = "Write the result as JSON; - is standard output."
    return click.option("--json", "json_path", metavar="FILE", help=help, callback=_checked)(function)


def output_option(help: str) -> Callable[[F], F]:
    """Add `-o, --output FILE`."""
    return click.option("-o", "--output", required=True, metavar="FILE", help=help, callback=_checked)


def _checked(context: click.Context, option: click.Parameter, path: str | None) -> str | None:
    """A file that can be written; found out before the work rather than after."""
    if path is not None and path != "-":
        from edgecnn.core.files import check_place

        check_place(path)
    return path


def trust_option(function: F) -> F:
    """Add `--trust`."""
    help = "Run code that the model file carries (Lambda and custom layers)."
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


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str | None = None) -> None:
    """A plain table; the columns after the first are right-aligned when all their values look like numbers."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if title:
        say(title)
    table = Table(box=box.SIMPLE_HEAD)
    for index, column in enumerate(columns):
        numeric = all(row[index][:1].isdigit() or row[index][:1] in "-+<" for row in rows if row[index])
        table.add_column(Text(printable(column)), justify="right" if numeric and index else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))  # a name in brackets is no markup
    width = None if sys.stdout.isatty() else 140
    console = Console(width=width, highlight=False)
    with console.capture() as drawn:
        console.print(table)
    click.echo(drawn.get(), nl=False)


def say(text: str = "") -> None:
    """Lines on standard output. All that a command prints passes here or through `note`, `say_json`, `print_table`:
    names, paths and labels come from strangers, and a terminal obeys what is in them.
    """
    click.echo(_shown(text))


def note(message: str) -> None:
    """Lines for a person, on standard error."""
    click.echo(_shown(message), err=True)


def _shown(text: str) -> str:
    """Printable lines; a name that was typed with a line break in it is on one line, and can't pass for another."""
    for word in sys.argv:
        if "\n" in word:
            text = text.replace(word, printable(word))
    return printable_lines(text)


def say_json(text: str) -> None:
    """A JSON text on standard output; nothing of it is lost."""
    click.echo(escape_json(text, sys.stdout.encoding or "utf-8"))


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
        note(f"{split}: {sum(counts.values())} images of {len(counts)} classes, the fewest {few[0][1]} ({few[0][0]}).")
    show_notes(report.warnings())
