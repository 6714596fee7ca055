"""The kinds of sinks and their settings, for docs/how_to/answers.md."""

from __future__ import annotations

from edgecnn.camera.sink import SinkKind, SinkOptions
from edgecnn.core.option import Option
from edgecnn.core.options import options
from edgecnn.core.registry import CAMERA_SINKS

from . import markdown


def overview() -> str:
    """A table of the kinds, and one of their settings."""
    kinds = {name: CAMERA_SINKS.plugin(name, SinkKind) for name in CAMERA_SINKS.names()}
    table = markdown.table(
        ("kind", "what it does", "for example"),
        [(markdown.code(name), kind.SUMMARY, markdown.code(kind.EXAMPLE)) for name, kind in kinds.items()],
    )
    common = [each.key for each in options(SinkOptions)]
    rows = [_row("all", each) for each in options(SinkOptions)]
    for name, kind in kinds.items():
        own = [each for each in options(kind.Options) if each.key not in common]
        rows += [_row(name, each, each.key == kind.ARGUMENT) for each in own]
    return f"{table}\n\n" + markdown.table(("kind", "key", "meaning", "default"), rows)


def _row(kind: str, setting: Option, is_argument: bool = False) -> tuple[str, str, str, str]:
    place = " (the argument)" if is_argument else ""
    choices = f" One of: {', '.join(setting.choices)}." if setting.choices else ""
    default = setting.default_help or markdown.code(_written(setting.default))
    return kind, f"`{setting.key}`{place}", f"{setting.help}{choices}", default


def _written(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
