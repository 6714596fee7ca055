"""`edgecnn cache`: what is kept, here and on boards."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from edgecnn.cli._options import Command, options_of
from edgecnn.cli._output import emit, json_option, note, print_table, say, wide_option
from edgecnn.core.options import Settings, option
from edgecnn.core.text import age

if TYPE_CHECKING:
    from edgecnn.core.cache import Kept

GROUP = "The program itself"
POSITION = 510
_WHAT = {
    "pictures": "decoded images of data sets",
    "survey": "what was seen of the images of streamed data sets",
    "shards": "where the images of shards are",
    "features": "outputs of frozen layers, for training",
    "encoded": "outputs of teachers and encoders by others",
    "archive": "unpacked data sets",
    "converted": "models by others, converted to float .tflite",
    "litertjs": "LiteRT.js, which runs models in browsers",
    "model": "copies of models",
    "runtime": "edgecnn's runtime",
    "wheels": "Python packages to install",
    "environment": "virtual environments: of converters; made by `edgecnn devices check --fix`",
}
_NOT_UNASKED = "environment"


@dataclasses.dataclass(frozen=True)
class CacheSettings(Settings):
    """What is looked at."""

    device: str = option(
        "Device: local, a name from `edgecnn devices list`, or [ssh://][user@]host[:port].", "local", metavar="DEVICE"
    )
    kind: tuple[str, ...] = option(
        "Only this kind of files; may be repeated.", (), choices=tuple(_WHAT), metavar="KIND", repeated=True,
        default_help="all, but the virtual environment only if it is named",
    )  # fmt: skip
    clear: bool = option("Remove the listed files. edgecnn makes or copies them again when it needs them.", False)


@click.command(cls=Command)
@options_of(CacheSettings, "settings")
@json_option
@wide_option
def command(settings: CacheSettings, json_path: str | None) -> None:
    """Show what edgecnn keeps on this machine or on a board, with sizes and ages, and clear it.

    \b
    Examples:
      edgecnn cache
      edgecnn cache --clear --kind features
      edgecnn cache --device pi4 --clear
    """
    where, found = _found(settings)
    values = {
        "where": where,
        "size_bytes": sum(entry.size_bytes for entry in found),
        "cleared": settings.clear,
        "entries": [dataclasses.asdict(entry) for entry in found],
    }
    emit(values, json_path, lambda: _show(where, found, settings.clear))


def _found(settings: CacheSettings) -> tuple[str, list[Kept]]:
    """Where it is, and what is shown; it is removed if that was asked for."""
    from edgecnn.core import cache

    if settings.device == "local":
        here = _chosen(cache.kept(), settings)
        if settings.clear:
            cache.clear(here)
        return str(cache.cache_folder()), here
    from edgecnn.devices import kept, open_device

    with open_device(settings.device, note) as device:
        there = _chosen(kept.kept(device), settings)
        if settings.clear:
            kept.clear(device, there)
    return settings.device, there


def _chosen(entries: Sequence[Kept], settings: CacheSettings) -> list[Kept]:
    unasked = [entry for entry in entries if not (settings.clear and entry.kind == _NOT_UNASKED)]
    return [entry for entry in entries if entry.kind in settings.kind] if settings.kind else unasked


def _show(where: str, entries: Sequence[Kept], cleared: bool) -> None:
    if not entries:
        say(f"{where}: the cache is empty.")
        return
    rows = []
    for kind in (kind for kind in _WHAT if kind in {entry.kind for entry in entries}):
        members = [entry for entry in entries if entry.kind == kind]
        ages = [entry.age_s for entry in members]
        size = f"{sum(entry.size_bytes for entry in members) / 1e6:,.1f}"
        rows.append((kind, str(len(members)), size, age(min(ages)), age(max(ages)), _WHAT[kind]))
    print_table(
        ("kind", "entries", "MB", "last used", "longest unused", "description"), rows,
        title=where, drop_first=("description", "longest unused"),
    )  # fmt: skip
    total = sum(entry.size_bytes for entry in entries) / 1e6
    say(f"Removed: {total:,.1f} MB." if cleared else f"Total: {total:,.1f} MB. Remove with --clear.")
