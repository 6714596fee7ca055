"""`edgecnn verify`: does the artifact agree with the float model?"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from edgecnn.cli._arguments import AGAINST, ARTIFACT
from edgecnn.cli._options import Command, options_of
from edgecnn.cli._output import emit, json_option, note, print_table, say, show_notes, trust_option, wide_option
from edgecnn.core.hints import Hints
from edgecnn.profiling.settings import Place
from edgecnn.verification.settings import VerifySettings

GROUP = "Quantize and check"
POSITION = 120

if TYPE_CHECKING:
    from edgecnn.runtime.model.model_file import ModelFile
    from edgecnn.verification import Verification


@click.command(cls=Command)
@click.argument("model", type=ARTIFACT)
@click.option(
    "--against",
    type=AGAINST,
    required=True,
    metavar="FLOAT",
    help="Float model: .keras, .h5, SavedModel folder, .onnx, .pt2 or .tflite.",
)
@options_of(VerifySettings, "settings")
@options_of(Place, "place")
@options_of(Hints, "hints")
@trust_option
@json_option
@wide_option
def command(
    model: str, against: str, settings: VerifySettings, place: Place, hints: Hints, trust: bool, json_path: str | None
) -> None:
    """Compare the artifact MODEL with the float model it was made from, on the same images.

    \b
    Example:
      edgecnn verify m.tflite --against m.keras --data pictures/ --max-drop 1
      edgecnn verify m.tflite --against m.keras --data pictures/ --device browser
    """
    from edgecnn.core.progress import Terminal
    from edgecnn.data import open_data
    from edgecnn.verification import check_bounds, verify

    file = hints.read(model)
    data = open_data(settings.data).part("test", "validation")
    data = data if settings.samples is None else data.sample(settings.samples)
    show_notes(data.notes)
    progress = Terminal()
    try:
        with _runner(file, place.device, place.delegate) as runner:
            found = verify(
                file, against, data, **runner, others=settings.others, hints=hints, trust=trust, progress=progress
            )
    finally:
        progress.close()
    emit(found.to_dict(), json_path, lambda: _show(found))
    for name, reason in found.skipped.items():
        note(f"Note: skipped {name}: {reason}")
    if found.calibrated_on:
        note(
            f"Note: {found.calibrated_on} of these {found.pictures} images were used for calibration, so the "
            "figures are optimistic. Verify on other images."
        )
    show_notes(found.notes)
    check_bounds(found, settings.max_drop, settings.min_agreement)


@contextlib.contextmanager
def _runner(file: ModelFile, target: str, delegate: str) -> Iterator[dict[str, Any]]:
    """What `verify` needs to run the artifact somewhere else; nothing for this machine."""
    if (target, delegate) == ("local", "cpu"):
        yield {}
        return
    from edgecnn.devices import delegates, open_device

    chosen = delegates.resolve(delegate)
    with open_device(target, note) as device, device.session(file, delegate=chosen) as session:
        system = session.system
        where = system.get("browser") or system["board"] or system["cpu"]
        yield {"device": f"{target} ({where})", "runner": session}


def _show(found: Verification) -> None:
    from edgecnn.tasks import load

    titles = load(found.task).titles
    rows = []
    for name, metric in found.metrics.items():
        title = titles.get(name, name)
        rows += [[f"{title} float", str(metric.float_model)], [f"{title} artifact", str(metric.artifact)]]
        if found.drop is not None and name == next(iter(titles)):
            rows.append([f"{title} drop", f"{found.drop} points".replace(" %", "")])
    for name, metric in found.details.items():
        rows += [[f"{name}, float", str(metric.float_model)], [f"{name}, artifact", str(metric.artifact)]]
    if found.parts_agree is not None:
        rows.append(["matched boxes", str(found.parts_agree)])
    rows += [["agreement with float", str(found.agreement)], ["SQNR of the output", f"{found.snr_db} dB"]]
    if found.golden:
        golden = found.golden
        rows.append(
            [
                "golden vectors",
                f"{golden.identical} of {golden.count} identical, {golden.same_answer} with the same answer",
            ]
        )
    rows += _trust(found)
    title = f"{found.model} against {found.against} on {found.pictures} images of {found.data}, run on {found.device}"
    print_table(["", "value [95 % interval]"], rows, title=title)
    for image in found.flipped:
        truth = f" (truth: {image.truth})" if image.truth else ""
        say(f"  changed  {image.name}: {image.float.label} -> {image.artifact.label}{truth}")


def _trust(found: Verification) -> list[list[str]]:
    """How far the probabilities can be trusted, and how often the answer is "none of these"."""
    rows = []
    if found.confidence is not None:
        confidence = found.confidence
        before = confidence.ece_without_temperature_percent
        plain = f" ({before:.1f} points without the temperature)" if before is not None else ""
        rows += [
            ["expected calibration error", f"{confidence.ece_percent:.1f} points{plain}"],
            ["area under the risk-coverage curve", f"{confidence.aurc:.4f}, by {confidence.ranked_by}"],
        ]
    if found.rejected is not None:
        rows.append(["answered: none of these", str(found.rejected)])
    if found.false_alarms is not None:
        rows.append([f"of {found.others}, accepted as a class", str(found.false_alarms)])
    return rows
