"""commands.md: usage, help, examples and options of every command."""

from __future__ import annotations

import inspect
import re

import click

from edgecnn.core.option import Option

from . import markdown, surfaces

INTRODUCTION = (
    "Every command and every option, as `--help` shows them. Common to all: `--json FILE` writes the result as JSON "
    "(`-` is standard output), described in [JSON formats](json.md); progress is written to standard error. "
    "Exit status: 0 done; 1 the work failed, or a bound was not met; 2 wrong usage; 130 interrupted by Ctrl-C; "
    "141 the reader of the output went away (`| head`); 143 and 129 ended by SIGTERM and SIGHUP."
)


def page() -> str:
    entries = [(path, command) for path, command in surfaces.commands() if not isinstance(command, click.Group)]
    return markdown.page("Commands", INTRODUCTION, *(_command(path, command) for path, command in entries))


def overview() -> str:
    """The table of commands in README.md."""
    rows = [
        (f"[`{' '.join(path)}`](docs/reference/commands.md#{_anchor(path, command)})", summary(command))
        for path, command in surfaces.commands()
        if len(path) == 2
    ]
    return markdown.table(("command", "what it does"), rows)


def summary(command: click.Command) -> str:
    """The first paragraph of the help."""
    return " ".join((command.help or "").split("\n\n")[0].split())


def _anchor(path: tuple[str, ...], command: click.Command) -> str:
    """Of the heading; a group has none, its first command has."""
    if isinstance(command, click.Group):
        path = (*path, command.list_commands(click.Context(command))[0])
    return "-".join(path)


def _command(path: tuple[str, ...], command: click.Command) -> str:
    context = click.Context(command, info_name=" ".join(path))
    usage = " ".join([*path, *command.collect_usage_pieces(context)])
    parts = [f"## {' '.join(path)}", f"```text\n{usage}\n```", *_help(command.help or "")]
    options = [each for each in command.params if isinstance(each, click.Option) and not each.hidden]
    rows = [_row(option, context) for option in options]
    return "\n\n".join([*parts, markdown.table(("option", "value", "default", "meaning"), rows)]).rstrip()


def _help(text: str) -> list[str]:
    """Paragraphs; what `\\b` keeps as it is becomes a block, examples one of commands."""
    parts = []
    for block in re.split(r"\n\n|\n(?=\x08\n)", inspect.cleandoc(text)):
        if block.startswith("\b\n"):
            title, _, body = block[2:].partition("\n")
            body = re.sub(r" *\\\n *", " ", inspect.cleandoc(f"\n{body}"))  # `wrapped` breaks lines itself
            commands = [re.split(r" {2,}", line, maxsplit=1) for line in body.splitlines()]
            examples = [(line[0], line[1] if len(line) > 1 else "") for line in commands]
            shown = markdown.console(examples) if title.startswith("Example") else f"```text\n{body}\n```"
            parts += [title, shown]
        else:
            parts.append(" ".join(block.split()))
    return parts


def _row(option: click.Option, context: click.Context) -> tuple[str, str, str, str]:
    names = ", ".join(markdown.code(name) for name in [*option.opts, *option.secondary_opts])
    meaning, default = split_default(option)
    return names, value(option, context), default, meaning


def split_default(option: click.Option) -> tuple[str, str]:
    """(meaning, default) of an option; the help may name a default that is computed."""
    declared = surfaces.setting(option)
    if declared and declared.inherited:  # the help has it in the title of the part
        return option.help or "", declared.default_help
    found = re.fullmatch(r"(.*?)\s*(?:\[default: (.*)\])?", option.help or "", re.DOTALL)
    assert found
    if option.required:
        return found[1], "required"
    if found[2]:
        return found[1], markdown.code(found[2]) if re.fullmatch(r"[\d.]+", found[2]) else found[2]
    if option.secondary_opts:  # --distill/--no-distill
        return found[1], markdown.code((option.opts if option.default else option.secondary_opts)[0])
    shown = option.show_default and isinstance(option.default, (str, int, float)) and not option.is_flag
    return found[1], markdown.code(str(option.default)) if shown else ""


def value(option: click.Option, context: click.Context) -> str:
    """What the option takes: choices, a name for the value, its range."""
    if option.is_flag:
        return ""
    declared = surfaces.setting(option)
    if declared:
        return _declared(declared, option.make_metavar(context))
    if isinstance(option.type, click.Choice):
        return ", ".join(markdown.code(str(choice)) for choice in option.type.choices)
    if isinstance(option.type, (click.IntRange, click.FloatRange)):
        name = option.metavar or ("N" if isinstance(option.type, click.IntRange) else "F")
        return f"{markdown.code(name)}, {_range(option.type)}"
    plain = {"INTEGER": "N", "FLOAT": "F"}
    metavar = option.make_metavar(context)
    return markdown.code(plain.get(metavar, metavar))


def _declared(declared: Option, metavar: str) -> str:
    """What a setting takes."""
    if declared.kind in ("int", "float"):
        limits = str(declared.range.limits())
        return f"{markdown.code(metavar)}{', ' if limits else ''}{limits}"
    choices = () if declared.listed_by else declared.choices
    return ", ".join(map(markdown.code, choices)) or markdown.code(metavar)


def _range(kind: click.IntRange | click.FloatRange) -> str:
    low = None if kind.min is None else f"{'above' if kind.min_open else 'at least'} {kind.min:g}"
    high = None if kind.max is None else f"{'below' if kind.max_open else 'at most'} {kind.max:g}"
    if low and high and not kind.min_open and not kind.max_open:
        return f"{kind.min:g} to {kind.max:g}"
    return ", ".join(filter(None, (low, high)))
