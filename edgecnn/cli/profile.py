"""`edgecnn profile`: latency, memory and their trustworthiness, on this machine or on a board."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from edgecnn.cli._output import emit, json_option, note, print_table

if TYPE_CHECKING:
    from edgecnn.profiling import Profile


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
@json_option
def command(models: tuple[str, ...], devices: tuple[str, ...], json_path: str | None, **options: Any) -> None:
    """Measure a model's latency and memory.

    \b
    Example:
        edgecnn profile model.tflite --threads 1,2,4
        edgecnn profile model.tflite --device pi@raspberrypi.local
    """
    from edgecnn.devices import open_device
    from edgecnn.profiling import profile

    profiles = []
    budget = options.pop("budget")
    for target in devices:
        with open_device(target, note) as device:
            profiles += [profile(model, device, budget_s=budget, **options) for model in models]
    emit({"profiles": [result.to_dict() for result in profiles]}, json_path, lambda: _show(profiles))


def _show(profiles: list[Profile]) -> None:
    """The table, and below it what a person should know before believing it."""
    from edgecnn.profiling.text import remarks, table

    columns, rows = table(profiles)
    print_table(columns, rows, title="Milliseconds per inference")
    for line in remarks(profiles):
        click.echo(line)
