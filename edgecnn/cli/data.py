"""`edgecnn data`: what is in a data set, and shards of it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import click

from edgecnn.cli._options import Command, flag, options_of
from edgecnn.cli._output import emit, json_option, print_table, say, wide_option
from edgecnn.cli._outputs import OutputFile
from edgecnn.core.text import counted
from edgecnn.data.settings import SplitSettings
from edgecnn.data.shard_settings import ShardSettings

if TYPE_CHECKING:
    from edgecnn.data.report import DataReport
    from edgecnn.data.shard_writing import WrittenShards

GROUP = "Make a model"
POSITION = 25


@click.command(cls=Command)
@click.argument("data", metavar="DATA")
@options_of(SplitSettings, "splits", partial=True, without=("data", "images"))
@click.option("--shards", type=OutputFile(), metavar="FOLDER",
              help="Write the images as shards into this folder, which must be new or empty.")  # fmt: skip
@options_of(ShardSettings, "how", partial=True)
@click.option("--draw", type=OutputFile(), metavar="FOLDER",
              help="Folder for copies of up to 24 images with their boxes drawn in.")  # fmt: skip
@click.option("--ray", metavar="ADDRESS|auto", help="Look at the images on all machines of a Ray cluster.")
@json_option
@wide_option
def command(
    data: str,
    splits: dict[str, Any],
    shards: str | None,
    how: dict[str, Any],
    draw: str | None,
    ray: str | None,
    json_path: str | None,
) -> None:
    """Show what is in a data set: counts, images that can't be read, duplicates, imbalance; or make shards of it.

    The splits are those that `edgecnn train` makes. Every image is read once, by as many processes as there are cores;
    what was seen is kept in the cache. Shards are for data that outgrows a machine: training reads them from begin to
    end and keeps no decoded copy.

    \b
    Examples:
      edgecnn data my-pictures
      edgecnn data my-boxes --draw look
      edgecnn data my-pictures --shards shards --format webdataset --size-mb 100
      edgecnn data 'shards/train-*.tar' --ray auto
    """
    others = {name: value for name, value in (("ray", ray), ("draw", draw)) if value}
    _check({**splits, **others}, shards, how)
    if shards is not None:
        written = _written(data, shards, how)
        emit(written.to_dict(), json_path, lambda: _show_written(written))
    else:
        drawn = _drawn(data, draw) if draw else ()
        report = _examined(data, splits, ray)
        emit({"data": data, **report.to_dict(), "drawn": list(drawn)}, json_path, lambda: _show(report, draw, drawn))


def _check(report: dict[str, Any], shards: str | None, how: dict[str, Any]) -> None:
    if how and shards is None:
        raise click.UsageError(f"{flag(next(iter(how)))} goes with --shards FOLDER. Add it, or remove this option.")
    if report and shards is not None:
        raise click.UsageError(
            f"{flag(next(iter(report)))} can't be used with --shards, which keeps the splits that the data itself has. "
            "Remove one of them."
        )


def _drawn(data: str, folder: str) -> tuple[str, ...]:
    from edgecnn.data.box_pictures import draw_boxes

    return draw_boxes(data, folder)


def _examined(data: str, splits: dict[str, Any], ray: str | None) -> DataReport:
    from edgecnn.core.progress import Terminal
    from edgecnn.data.examination import examine_data

    progress = Terminal()
    try:
        return examine_data(SplitSettings(data, **splits), progress, ray=ray)
    finally:
        progress.close()


def _written(data: str, folder: str, how: dict[str, Any]) -> WrittenShards:
    from edgecnn.core.progress import Terminal
    from edgecnn.data import open_data
    from edgecnn.data.shard_writing import write_shards

    progress = Terminal()
    try:
        return write_shards(open_data(data), folder, ShardSettings(**how), progress)
    finally:
        progress.close()


def _show(report: DataReport, folder: str | None, drawn: tuple[str, ...]) -> None:
    names = sorted({name for counts in report.counts.values() for name in counts})
    rows = [(name, *(f"{counts.get(name, 0):,}" for counts in report.counts.values())) for name in names]
    total = ("all", *(f"{sum(counts.values()):,}" for counts in report.counts.values()))
    if names:
        print_table(("objects" if report.of_objects else "class", *report.counts), [*rows, total])
    if report.of_objects:
        say("Images: " + ", ".join(f"{count:,} {split}" for split, count in report.images.items()) + ".")
    if report.typical_px:
        say(f"The shorter side of the images is typically {report.typical_px} px.")
    for sentence in report.warnings() or ["No problem was found."]:
        begins_with_a_name = any(mark in sentence.split()[0] for mark in "./\\")
        say(sentence if begins_with_a_name else f"{sentence[:1].upper()}{sentence[1:]}")
    if drawn:
        say(f"{counted(len(drawn), 'image')} with boxes in {folder}.")


def _show_written(written: WrittenShards) -> None:
    count = sum(written.images.values())
    say(
        f"{written.folder}: {count:,} images in {counted(len(written.files), 'shard')}, "
        f"{written.size_bytes / 1e6:,.1f} MB. Train with: --data {shlex.quote(written.folder)}"
    )
