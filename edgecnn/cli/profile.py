"""`edgecnn profile`: latency, memory and their trustworthiness, on this machine, a board or a phone."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from edgecnn.cli._arguments import TFLITE
from edgecnn.cli._options import Command, options_of
from edgecnn.cli._output import emit, json_option, note, print_table, say, wide_option
from edgecnn.core.hints import Hints
from edgecnn.profiling.settings import FurtherSettings, Place, ProfileSettings

if TYPE_CHECKING:
    from edgecnn.core.errors import EdgecnnError
    from edgecnn.devices import Device
    from edgecnn.profiling.per_op import PerOperator
    from edgecnn.profiling.results import Results
    from edgecnn.runtime.model.model_file import AnyFile


GROUP = "Boards and cameras"
POSITION = 210


@click.command(cls=Command)
@click.argument("models", nargs=-1, required=True, type=TFLITE, metavar="MODEL.tflite...")
@options_of(ProfileSettings, "settings", without=("device",))
@options_of(Place, "places", partial=True, several=("device",))
@options_of(FurtherSettings, "further")
@options_of(Hints, "hints")
@json_option
@wide_option
def command(
    models: tuple[str, ...],
    settings: ProfileSettings,
    places: dict[str, Any],
    further: FurtherSettings,
    hints: Hints,
    json_path: str | None,
) -> None:
    """Measure a model's latency and memory; several models are compared with the first in interleaved runs.

    \b
    Example:
        edgecnn profile model.tflite --threads 1,2,4
        edgecnn profile model.tflite --device pi@raspberrypi.local
        edgecnn profile float32.tflite int8.tflite --device pi4
        edgecnn profile model.tflite --device phone
        edgecnn profile model.tflite --per-op --threads 1
        edgecnn profile model.tflite --sustained 600 --device pi4
    """
    from edgecnn.core.errors import EdgecnnError
    from edgecnn.devices import delegates

    devices = places.get("device", (Place.device,))
    settings = dataclasses.replace(settings, delegate=delegates.resolve(settings.delegate))
    if further.node_data and not (further.per_op and len(models) == len(devices) == 1):
        raise click.UsageError("--node-data needs --per-op with exactly one model and one device.")
    files = [_read(model, hints) for model in models]
    found, failures = _on_all(devices, files, settings, further)
    if found.profiles:
        emit(found.to_dict(), json_path, lambda: _show(found, _cross_checks(found, files)))
    if len(failures) == 1:
        raise failures[0]
    if failures:
        raise EdgecnnError("\n".join(map(str, failures)))


def _read(model: str, hints: Hints) -> AnyFile:
    file, taken = hints.read_any(model)
    if taken:
        note(f"Note: {taken}")
    return file


def _on_all(
    devices: Sequence[str], files: Sequence[AnyFile], settings: ProfileSettings, further: FurtherSettings
) -> tuple[Results, list[EdgecnnError]]:
    """What was found, and what went wrong on some of the devices."""
    from edgecnn.core.errors import EdgecnnError
    from edgecnn.core.progress import Terminal
    from edgecnn.devices import open_device
    from edgecnn.profiling.results import Results

    found, failures, progress = Results(), [], Terminal()
    for target in devices:
        try:
            with open_device(target, progress.between(note), progress) as device:
                found = _measure(found, files, device, settings, further)
        except EdgecnnError as error:
            failures.append(error)
        finally:
            progress.close()
    return found, failures


def _measure(
    found: Results, files: Sequence[AnyFile], device: Device, settings: ProfileSettings, further: FurtherSettings
) -> Results:
    """What was found before, and everything that was asked for, on one device."""
    from edgecnn.profiling import profile
    from edgecnn.profiling.compare import compare
    from edgecnn.profiling.results import Results
    from edgecnn.profiling.sustained import sustain

    options: dict[str, Any] = {
        "delegate": settings.delegate,
        "threads": list(settings.threads) or None,
        "runs": settings.runs,
        "warmup": settings.warmup,
    }
    node_data, budget = further.node_data, settings.budget
    # First, because some devices can't, and a measurement before would be lost.
    operators = [_per_op(file, device, node_data, budget=budget, **options) for file in files] if further.per_op else []
    profiles = [profile(file, device, budget_s=settings.budget, **options) for file in files]
    single = {**options, "threads": (options["threads"] or [None])[0]}
    comparisons = [compare(files[0], other, device, budget=settings.budget, **single) for other in files[1:]]
    single.pop("runs")
    seconds = further.sustained
    sustained = [sustain(file, device, seconds, **single) for file in files] if seconds else []
    return Results(
        (*found.profiles, *profiles),
        (*found.comparisons, *comparisons),
        (*found.sustained, *sustained),
        (*found.per_op, *operators),
    )


def _per_op(file: AnyFile, device: Device, node_data: str | None, **options: Any) -> PerOperator:
    from edgecnn.core import files
    from edgecnn.profiling import per_op
    from edgecnn.profiling.node_data import node_data as for_model_explorer

    result = per_op.measure(file, device, **options)
    if node_data:
        files.write_json(node_data, for_model_explorer(file, result))
        note(f"Wrote {node_data}. Open it in Model Explorer together with the model.")
    return result


def _cross_checks(found: Results, files: Sequence[AnyFile]) -> list[str]:
    """Where what was measured is outside of what would have been estimated for that device."""
    from edgecnn.core.errors import EdgecnnError
    from edgecnn.estimation import cross_check

    models = {file.sha256: file for file in files}
    try:
        return [
            line
            for profile in found.profiles
            for line in cross_check.remarks(profile, models[profile.model.sha256], profile.device)
        ]
    except EdgecnnError as error:  # a damaged law must not cost what was measured
        return [f"Not compared with an estimate: {error}"]


def _show(found: Results, checks: Sequence[str]) -> None:
    """The table, and below it what a person should know before believing it."""
    from edgecnn.profiling.text import DROP_FIRST, remarks, table

    columns, rows = table(list(found.profiles))
    print_table(columns, rows, title="Milliseconds per inference", drop_first=DROP_FIRST)
    lines = [*remarks(list(found.profiles)), *checks, *(entry.sentence() for entry in found.comparisons)]
    for line in [*lines, *(line for entry in found.sustained for line in entry.sentences())]:
        say(line)
    for result in found.per_op:
        _show_operators(result)


def _show_operators(result: PerOperator) -> None:
    from edgecnn.core.text import counted
    from edgecnn.profiling import per_op_text

    where = f"{result.model} on {result.device}, {counted(result.threads, 'thread')}"
    print_table(*per_op_text.table(result), title=f"Operators of {where}", drop_first=per_op_text.DROP_FIRST)
    print_table(*per_op_text.by_type(result.operators), title="By type")
    for line in result.remarks:
        say(line)
