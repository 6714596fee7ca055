"""`edgecnn verify`: does the artifact agree with the float model?"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from edgecnn.cli._output import emit, json_option, note, print_table

if TYPE_CHECKING:
    from edgecnn.verification import Verification


@click.command()
@click.argument("model", type=click.Path())
@click.option(
    "--against", required=True, metavar="FLOAT", help="The float model: .keras, .h5, SavedModel folder or .tflite."
)
@click.option("--data", required=True, metavar="DATA", help="Pictures; with labels accuracy is measured too.")
@click.option(
    "--samples", type=click.IntRange(1), metavar="N", help="Use N of the pictures, balanced over the classes."
)
@click.option("--max-drop", type=float, metavar="POINTS", help="Exit 1 if top-1 drops by more.")
@click.option("--min-agreement", type=float, metavar="PERCENT", help="Exit 1 if fewer pictures agree.")
@click.option("--device", default="local", show_default=True, metavar="DEVICE",
              help="Where the artifact runs: local, a name, or [ssh://][user@]host[:port].")  # fmt: skip
@click.option("--delegate", default="cpu", show_default=True, metavar="cpu|edgetpu[:usb|:pci|:N]|PATH.so",
              help="What runs the operators there.")  # fmt: skip
@click.option("--trust", is_flag=True, help="Run code that the float model's file carries.")
@json_option
def command(model: str, against: str, data: str, samples: int | None, json_path: str | None, **options: Any) -> None:
    """Compare the artifact MODEL with the float model it was made from, on the same pictures.

    \b
    Example:
      edgecnn verify lite0.tflite --against lite0.keras --data pictures/ --max-drop 1
    """
    from edgecnn.core.progress import Terminal
    from edgecnn.data import open_data
    from edgecnn.verification import check_bounds, verify

    pictures = open_data(data) if samples is None else open_data(data).sample(samples)
    progress = Terminal()
    try:
        with _runner(model, options["device"], options["delegate"]) as place:
            found = verify(model, against, pictures, **place, trust=options["trust"], progress=progress)
    finally:
        progress.close()
    emit(found.to_dict(), json_path, lambda: _show(found))
    for name, reason in found.skipped.items():
        note(f"Skipped {name}: {reason}")
    if found.calibrated_on:
        note(
            f"Note: the artifact was calibrated on {found.calibrated_on} of these {found.pictures} pictures; "
            "its figures flatter. Verify on others."
        )
    check_bounds(found, options["max_drop"], options["min_agreement"])


@contextlib.contextmanager
def _runner(model: str, target: str, delegate: str) -> Iterator[dict[str, Any]]:
    """What `verify` needs to run the artifact somewhere else; nothing for this machine."""
    if (target, delegate) == ("local", "cpu"):
        yield {}
        return
    from edgecnn.devices import delegates, open_device
    from edgecnn.runtime.model import model_file

    file, chosen = model_file.read(model), delegates.resolve(delegate)
    with open_device(target, note) as device, device.session(file, delegate=chosen) as session:
        yield {"device": f"{target} ({session.system['board'] or session.system['cpu']})", "runner": session}


def _show(found: Verification) -> None:
    from edgecnn.tasks import load

    titles = load(found.task).titles
    rows = []
    for name, metric in found.metrics.items():
        title = titles.get(name, name)
        rows += [[f"{title} float", str(metric.float_model)], [f"{title} artifact", str(metric.artifact)]]
        if found.drop is not None and name == next(iter(titles)):
            rows.append([f"{title} drop", f"{found.drop} points".replace(" %", "")])
    rows += [["agreement with float", str(found.agreement)], ["signal-to-noise of the output", f"{found.snr_db} dB"]]
    if found.golden:
        golden = found.golden
        rows.append(
            ["golden vectors", f"{golden.identical} of {golden.count} identical, {golden.same_answer} the same answer"]
        )
    title = f"{found.model} against {found.against} on {found.pictures} pictures of {found.data}, run on {found.device}"
    print_table(["", "value [95 % interval]"], rows, title=title)
    for image in found.flipped:
        truth = f" (truth: {image.truth})" if image.truth else ""
        click.echo(f"  flipped  {image.name}: {image.float.label} -> {image.artifact.label}{truth}")
