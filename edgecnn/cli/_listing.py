"""Which commands there are, in groups, and what a mistyped one may have meant."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import NamedTuple

import click

from edgecnn.core.text import did_you_mean

_DECLARED = r'(?m)^GROUP = "(.*)"\nPOSITION = (\d+)$'
_DOCSTRING = r'(?ms)^def command\(.*?^    """(.*?)(?:\n\n|""")'


class Entry(NamedTuple):
    """A command in a listing.

    Attributes:
        name: as it is typed.
        summary: the first sentence of its help.
        group: the heading that it stands under.
        position: orders the commands, and with the first of each the groups.
    """

    name: str
    summary: str
    group: str = "Commands"
    position: int = 10_000


@functools.cache
def listed(*folders: str) -> dict[str, Entry]:
    """The commands of folders by name, in order: one per file, read from its text."""
    files = (path for folder in folders for path in Path(folder).glob("*.py"))
    found = [_entry(path) for path in files if not path.stem.startswith("_")]
    first = {group: min(each.position for each in found if each.group == group) for group in {e.group for e in found}}
    ordered = sorted(found, key=lambda each: (first[each.group], each.position, each.name))
    return {each.name: each for each in ordered}


def _entry(path: Path) -> Entry:
    text = path.read_text(encoding="utf-8")
    declared, docstring = re.search(_DECLARED, text), re.search(_DOCSTRING, text)
    summary = sentence(docstring[1]) if docstring else ""
    name = path.stem.replace("_", "-")
    return Entry(name, summary, declared[1], int(declared[2])) if declared else Entry(name, summary)


def sentence(help: str) -> str:
    """The first sentence of a help text, on one line."""
    words = " ".join(help.split("\n\n")[0].split())
    return re.split(r"(?<=[a-zA-Z`)])\. ", words, maxsplit=1)[0].rstrip(".")


class CommandGroup(click.Group):
    """A group of commands whose help cuts no sentence."""

    def entries(self, ctx: click.Context) -> list[Entry]:
        """What the help lists."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        return [Entry(name, sentence(command.help or "")) for name, command in found if command and not command.hidden]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Groups under their headings."""
        groups: dict[str, list[tuple[str, str]]] = {}
        entries = self.entries(ctx)
        width = max((len(entry.name) for entry in entries), default=0)
        for entry in entries:
            groups.setdefault(entry.group, []).append((entry.name.ljust(width), entry.summary))
        for group, rows in groups.items():
            with formatter.section(group):
                formatter.write_dl(rows)

    def expanded(self, ctx: click.Context, args: list[str]) -> list[str]:
        """What was typed, with what a short form of it stands for."""
        return args

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As in click, after short forms."""
        return super().parse_args(ctx, self.expanded(ctx, args))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As in click, with what a mistyped name may have meant."""
        name = args[0] if args else ""
        if self.get_command(ctx, name) is None and not ctx.resilient_parsing and not name.startswith("-"):
            meant = did_you_mean(name, self.list_commands(ctx))
            listed = f"`{ctx.command_path} --help` lists the commands."
            ctx.fail(" ".join(part for part in (f"No such command {name!r}.", meant, listed) if part))
        return super().resolve_command(ctx, args)
