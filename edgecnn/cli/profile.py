"""`edgecnn profile`: latency, memory and their trustworthiness, on this machine or on a board."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from edgecnn.cli._output import emit, json_option, note, print_table

if TYPE_CHECKING:
    from edgecnn.devices import Device
    from edgecnn.profiling import Profile
    from edgecnn.profiling.per_op import PerOperator


class _Numbers(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic since click 8.2
    name = "N[,N...]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[int]:
        try:
            return [int(part) for part in str(value).split(",")]
        except ValueError:
            self.fail(f"{value!r} is no list of whole numbers like 1,2,4.", param, ctx)


@click.command()
@click.argument("models", nargs=-1, required=True, type=click.Path(), metavar="MODEL.tflite...")
@click.option(
    "--device",
    "devices",
    multiple=True,
    default=("local",),
    show_default=True,
    metavar="DEVICE",
    help="local, a name from `edgecnn devices list`, or [ssh://][user@]host[:port]; several are compared.",
)
@click.option(
    "--delegate",
    default="cpu",
    show_default=True,
    metavar="cpu|edgetpu[:usb|:pci|:N]|PATH.so",
    help="What runs the operators.",
)
@click.option(
    "--threads",
    type=_Numbers(),
    help="Processor threads, e.g. 1,2,4 (a row each).  [default: the device's processors, at most 4]",
)
@click.option("--runs", default=100, show_default=True, type=click.IntRange(1), help="Measured inferences per row.")
@click.option("--warmup", default=10, show_default=True, type=click.IntRange(0), help="Inferences before them.")
@click.option(
    "--budget",
    default=60.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="End a row's runs after this long.",
)
@click.option(
    "--per-op", is_flag=True, help="Also time each operator by itself, and hold it against the board's limits."
)
@click.option("--node-data", metavar="FILE", help="With --per-op: write the times for Google's Model Explorer.")
@json_option
def command(models: tuple[str, ...], devices: tuple[str, ...], json_path: str | None, **options: Any) -> None:
    """Measure a model's latency and memory.

    \b
    Example:
        edgecnn profile model.tflite --threads 1,2,4
        edgecnn profile model.tflite --device pi@raspberrypi.local
        edgecnn profile model.tflite --per-op --threads 1
    """
    from edgecnn import delegates
    from edgecnn.devices import open_device
    from edgecnn.profiling import profile

    profiles, operators = [], []
    budget, per_op, node_data = (options.pop(name) for name in ("budget", "per_op", "node_data"))
    options["delegate"] = delegates.resolve(options["delegate"])
    if node_data and not (per_op and len(models) == len(devices) == 1):
        raise click.UsageError("--node-data needs --per-op, one model and one device.")
    for target in devices:
        with open_device(target, note) as device:
            profiles += [profile(model, device, budget_s=budget, **options) for model in models]
            operators += [_per_op(model, device, budget, node_data, **options) for model in models if per_op]
    result: dict[str, Any] = {"profiles": [profile.to_dict() for profile in profiles]}
    if per_op:
        result["per_op"] = [entry.to_dict() for entry in operators]
    emit(result, json_path, lambda: _show(profiles, operators))


def _per_op(model: str, device: Device, budget: float, node_data: str | None, **options: Any) -> PerOperator:
    from edgecnn import files
    from edgecnn.profiling import per_op
    from edgecnn.profiling.node_data import node_data as for_model_explorer
    from edgecnn.runtime import model_file

    file = model_file.read(model)
    result = per_op.measure(file, device, budget=budget, **options)
    if node_data:
        files.write_json(node_data, for_model_explorer(file, result))
        note(f"Wrote {node_data}; load it in Model Explorer beside the model.")
    return result


def _show(profiles: list[Profile], operators: list[PerOperator]) -> None:
    """The table, and below it what a person should know before believing it."""
    from edgecnn.profiling.text import remarks, table

    columns, rows = table(profiles)
    print_table(columns, rows, title="Milliseconds per inference")
    for line in remarks(profiles):
        click.echo(line)
    for result in operators:
        _show_operators(result)


def _show_operators(result: PerOperator) -> None:
    from edgecnn.profiling import per_op_text

    where = f"{result.model} on {result.device}, {result.threads} threads"
    print_table(*per_op_text.table(result), title=f"Operators of {where}")
    print_table(*per_op_text.by_type(result), title="By type")
    for line in result.remarks():
        click.echo(line)
