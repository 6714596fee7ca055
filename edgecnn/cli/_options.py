"""Options of a command from the classes of its settings; they are read when the command is, not when it is listed."""

from __future__ import annotations

import itertools
import shlex
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from edgecnn.cli._arguments import SUGGESTED, completed
from edgecnn.cli._outputs import refuse_overwriting
from edgecnn.core.option import Key, Option, SettingError
from edgecnn.core.options import Settings, optional, options

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

F = TypeVar("F", bound=Callable[..., Any])
_METAVARS = {"int": "N", "float": "F", "str": "TEXT", "Path": "FILE"}
_NO_FILE = ("DEVICE", "WxH", "HOST", "TEXT")
_NARROW = 34  # characters of choices that fit beside the option's name


def flag(key: str) -> str:
    """How a setting is written on the command line."""
    return f"--{key.replace('_', '-')}"


def spelled(error: Exception) -> str:
    """A message of the library, with the keys of settings as options."""
    return error.spelled(flag) if isinstance(error, SettingError) else str(error)


class Command(click.Command):
    """A command whose options come from settings, and whose help has a part for each kind of them.

    Args:
        resumes: whether the same command goes on where it was interrupted.
    """

    def __init__(self, *args: Any, resumes: bool = False, **kwargs: Any) -> None:
        self._resumes = resumes
        self._declared: list[Any] = []
        self._expanded: list[click.Parameter] | None = None
        super().__init__(*args, **kwargs)

    @property
    def params(self) -> list[click.Parameter]:
        """All parameters; the settings are asked for theirs at the first call."""
        if self._expanded is None:
            taken: set[str] = set()
            self._expanded = []
            for each in self._declared:
                found = each.options(taken) if isinstance(each, _Group) else [each]
                taken.update(name for param in found for name in param.opts)
                self._expanded += found
        return self._expanded

    @params.setter
    def params(self, declared: list[Any]) -> None:
        self._declared, self._expanded = declared, None

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Of an option that another program has, suggest ours."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            word = error.option_name.lstrip("-").replace("_", "-")
            settings = [param for param in self.params if isinstance(param, SettingOption)]
            for param in (each for each in settings if word in each.declared.also):
                message = f"No such option {error.option_name!r}. Did you mean {param.opts[0]!r}?"
                raise click.NoSuchOption(error.option_name, message, ctx=ctx) from error
            raise

    def invoke(self, ctx: click.Context) -> Any:
        """Hand the values over as settings objects, under the names that the command gave them."""
        refuse_overwriting(ctx)
        for group in (each for each in self._declared if isinstance(each, _Group)):
            ctx.params[group.name] = group.made(ctx.params)
        for param in self.params:
            if isinstance(param, SettingOption):
                ctx.params.pop(str(param.name), None)
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stopped:
            if self._resumes:
                raise Interrupted(shlex.join(["edgecnn", *_without_restart(sys.argv[1:])])) from stopped
            raise

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Without what is given and holds one value; click, which hears all values, would offer it again."""
        given = {
            name
            for param in self.params
            if isinstance(param, SettingOption) and param.single and _is_given(ctx, param)
            for name in param.opts
        }
        return [item for item in super().shell_complete(ctx, incomplete) if item.value not in given]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """A part for each title of settings, after those without."""
        parts: dict[str, list[tuple[str, str]]] = {"": []}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if record is not None:
                parts.setdefault(_title(param), []).append(record)
        for title, records in parts.items():
            with formatter.section(title or "Options"):
                formatter.write_dl(records)


class Interrupted(KeyboardInterrupt):
    """A Ctrl-C that stopped what can go on.

    Attributes:
        resume: the command that goes on.
    """

    def __init__(self, resume: str) -> None:
        super().__init__()
        self.resume = resume


def _is_given(ctx: click.Context, param: click.Parameter) -> bool:
    return ctx.get_parameter_source(str(param.name)) is click.core.ParameterSource.COMMANDLINE


def _without_restart(words: list[str]) -> list[str]:
    return [word for word in words if word != "--restart"]


def _title(param: click.Parameter) -> str:
    """The part of the help that an option stands in; it says what the defaults are, if that is the same for all."""
    if not isinstance(param, SettingOption):
        return ""
    declared = param.declared
    return f"{declared.title} (default: {declared.inherited})" if declared.inherited else declared.title


class SettingOption(click.Option):
    """An option of the command line that a setting declares.

    Attributes:
        declared: the setting.
        single: whether it holds one value.
    """

    def __init__(self, declared: Option, group: str, *, several: bool = False) -> None:
        self.declared = declared
        self.single = not (several or declared.several)
        self._joins = declared.several and not (several or declared.repeated)
        name = flag(declared.key)
        if declared.kind == "bool":
            name = f"{name}/--no-{name[2:]}" if declared.default is True else name
            kind: dict[str, Any] = {"is_flag": True, "default": None}
        else:
            kind = {"type": _Value(declared), "metavar": _metavar(declared), "multiple": True}
        # The second name is the value's; it can't meet that of another group's setting or of an argument.
        super().__init__(
            [name, f"{group}__{declared.key}"],
            required=declared.required, help=_help(declared), **kind,
        )  # fmt: skip

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        """No value is lost in silence: `--only a --only b` is `--only a,b`, and of one value there may be no second.

        Raises:
            SettingError: there are two.
        """
        found = super().type_cast_value(ctx, value)
        if self._joins:
            return tuple(itertools.chain.from_iterable(found))
        if self.is_flag or not self.single:
            return found
        first, *others = value or (None,)
        if any(other != first for other in others):
            received = ", then ".join(repr(str(each)) for each in value)
            raise SettingError(Key(self.declared.key), f" is given {len(value)} times: {received}. Give it once.")
        return found[0] if found else None


def _metavar(declared: Option) -> str:
    return declared.metavar or _few_choices(declared) or ("NAME" if declared.choices else _METAVARS[declared.kind])


def _few_choices(declared: Option) -> str:
    """The choices, where they fit into the place of the value."""
    listed = "|".join(declared.choices)
    return listed if len(listed) <= _NARROW and not declared.metavar else ""


def _help(declared: Option) -> str:
    """The sentence, the choices where they are not shown in place of the value, and the default."""
    choices = () if declared.listed_by or _few_choices(declared) else declared.choices
    listed = f"One of: {', '.join(choices)}." if choices else ""
    default = declared.default_help or _default(declared)
    default = "" if default == declared.inherited else default
    return " ".join(part for part in (declared.help, listed, f" [default: {default}]" if default else "") if part)


def _default(declared: Option) -> str:
    if declared.required or declared.default in (None, False, "", ()):
        return ""
    if declared.default is True:
        return declared.key.replace("_", "-")
    return f"{declared.default:g}" if declared.kind == "float" else str(declared.default)


class _Value(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic since click 8.2
    """The value of a setting, read and checked by the setting itself."""

    def __init__(self, declared: Option) -> None:
        self.declared = declared
        self.name = declared.key

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return self.declared.parsed(value) if isinstance(value, str) else value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem  # only a shell's request needs it

        declared = self.declared
        suggested = declared.choices or SUGGESTED.get(declared.metavar, tuple)()
        takes_file = not declared.choices and declared.kind in ("str", "Path") and declared.metavar not in _NO_FILE
        return completed(suggested, incomplete) + [CompletionItem(incomplete, type="file")] * takes_file


class _Group(NamedTuple):
    """Settings among the parameters of a command."""

    settings: type[Settings]
    name: str
    partial: bool
    several: tuple[str, ...]
    without: tuple[str, ...]

    def options(self, taken: set[str]) -> list[click.Parameter]:
        """Without those that another group of the command has already."""
        declared = optional(self.settings) if self.partial else options(self.settings)
        offered = [each for each in declared if "command" in each.offered and each.key not in self.without]
        made = [SettingOption(each, self.name, several=each.key in self.several) for each in offered]
        return [option for option in made if not taken & set(option.opts)]

    def made(self, params: dict[str, Any]) -> Any:
        """The settings object; a mapping of what was given if it is partial."""
        prefix = f"{self.name}__"
        values = {name.removeprefix(prefix): value for name, value in params.items() if name.startswith(prefix)}
        given = {key: value for key, value in values.items() if value is not None and value != ()}
        return given if self.partial else self.settings.of(given)


def options_of(
    settings: type[Settings],
    name: str,
    *,
    partial: bool = False,
    several: tuple[str, ...] = (),
    without: tuple[str, ...] = (),
) -> Callable[[F], F]:
    """Give a command the options that a class of settings declares.

    Args:
        settings: the class.
        name: of the command's argument that gets the settings object.
        partial: pass a mapping of what was given instead, by key; nothing is required then.
        several: keys that may be repeated; needs `partial`.
        without: keys that the command sets itself.
    """

    def add(function: F) -> F:
        declared = function.__dict__.setdefault("__click_params__", [])
        declared.append(_Group(settings, name, partial, several, without))
        return function

    return add
