"""What a model costs and sees: what `open-set`, `inspect`, `visualize`, `report` and `demo` do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecnn.api.notebook import progress_or
from edgecnn.core.hints import NO_HINTS, Hints
from edgecnn.core.progress import Progress
from edgecnn.runtime.model.json_text import printable
from edgecnn.runtime.run.preprocess import read_picture

if TYPE_CHECKING:
    from edgecnn.camera.settings import DemoOptions
    from edgecnn.inspection.analysis import Report
    from edgecnn.inspection.effective import EffectiveField
    from edgecnn.inspection.sweep import Point
    from edgecnn.open_set import OpenSet, OpenSetSettings
    from edgecnn.profiling import Profile
    from edgecnn.verification import Verification
    from edgecnn.visualization.panel import Panel
    from edgecnn.visualization.settings import Request


def set_rejection(
    model: str | Path,
    output: str | Path,
    settings: OpenSetSettings,
    *,
    hints: Hints = NO_HINTS,
    progress: Progress | None = None,
) -> OpenSet:
    """Let a classifier answer "none of these", by a threshold that is set to a false-alarm rate (`edgecnn open-set`).

    Args:
        model: the `.tflite` file.
        output: the `.tflite` file to write, whole or not at all; the graph and its golden vectors stay.
        settings: `edgecnn.open_set.OpenSetSettings(data, others, ...)`.
        hints: what is known of a model by others.
        progress: called with (stage, done, total).

    Raises:
        UsageError: the model is no classifier, has no such score or class, or the images are too few for the rate.
        DataError: the images can't be read or don't match the labels.
    """
    from edgecnn.open_set import set_rejection as stage

    return stage(model, output, settings, hints=hints, progress=progress_or(progress))


def inspect(model: str | Path, *, input_size: int | None = None, trust: bool = False) -> Report:
    """Layers, compute and memory cost, and receptive fields of a model.

    Args:
        model: a name that `list_models` gives, a Keras file, or a `.tflite` file.
        input_size: height and width to inspect it at, in pixels; its own by default.
        trust: run code that a Keras file carries.

    Raises:
        ModelFileError: the file can't be read.
        UsageError: there is no such model.
    """
    from edgecnn.inspection.analysis import analyze
    from edgecnn.inspection.opening import open_model

    return analyze(open_model(str(model), input_size=input_size, trust=trust).network)


def compare_models(first: str | Path, second: str | Path, *, trust: bool = False) -> dict[str, Any]:
    """Two models side by side: totals, cost by map size, and layers that differ; models and errors as of `inspect`."""
    from edgecnn.inspection.compare import compare

    return compare(inspect(first, trust=trust), inspect(second, trust=trust))


def sweep_sizes(
    model: str, sizes: Sequence[int], *, timed: bool = True, trust: bool = False, progress: Progress | None = None
) -> list[Point]:
    """The cost of one model at several input sizes, counted and (unless `timed` is False) measured on this machine."""
    from edgecnn.inspection.sweep import sweep

    return sweep(model, sizes, trust=trust, timed=timed, progress=progress_or(progress))


def measure_receptive_fields(
    model: str | Path, layers: Sequence[str] = (), *, trust: bool = False
) -> list[EffectiveField]:
    """The receptive fields that a network really uses, measured by gradients (arXiv:1701.04128).

    Args:
        model: a name or a Keras file; a `.tflite` file has no gradients.
        layers: which; by default the last layer of every map size.
        trust: run code that the file carries.

    Raises:
        UsageError: it is a `.tflite` file, or has no such layer.
    """
    from edgecnn.core.errors import UsageError
    from edgecnn.inspection.analysis import analyze
    from edgecnn.inspection.effective import measure_stages
    from edgecnn.inspection.opening import open_model

    opened = open_model(str(model), trust=trust)
    if opened.keras_model is None:
        raise UsageError(f"{model} is a .tflite file, which has no gradients; expected a Keras file or a model's name.")
    return measure_stages(opened.keras_model, analyze(opened.network), layers)


def visualize(
    model: str | Path,
    image: str | Path,
    request: Request | None = None,
    *,
    output: str | Path | None = None,
    hints: Hints = NO_HINTS,
    progress: Progress | None = None,
) -> list[Panel]:
    """What a model sees in an image: filters, feature maps, Grad-CAM, occlusion and more.

    Args:
        model: a `.keras` or `.tflite` file.
        image: an image file.
        request: `edgecnn.visualization.settings.Request`: which panels, layers and classes; all that is possible by
            default.
        output: where to write the page (`.html`) or, without that suffix, PNG files; nowhere by default.
        hints: what is known of a model by others.
        progress: called with (stage, done, total).

    Raises:
        ModelFileError: the model can't be read.
        PictureError: the image can't be read.
        UsageError: a panel asks for what is missing.
    """
    from edgecnn.visualization import page
    from edgecnn.visualization.class_choice import check_classes
    from edgecnn.visualization.draw import draw
    from edgecnn.visualization.settings import Request
    from edgecnn.visualization.subject import open_subject

    request = request or Request()
    picture = read_picture(image)
    check_classes(str(model), hints, request.classes)
    found = open_subject(str(model), hints, trust=request.trust)
    panels = draw(found, picture, request, progress_or(progress))
    if output is not None:
        page.write(output, found, found.fitted(picture), Path(image).name, panels)
    return panels


def report(
    model: str | Path,
    output: str | Path | None = None,
    *,
    verification: Verification | None = None,
    profiles: Sequence[Profile] = (),
    hints: Hints = NO_HINTS,
) -> str:
    """One self-contained HTML page about an artifact.

    Args:
        model: the `.tflite` file.
        output: where to write the page, too.
        verification: what `verify` gave.
        profiles: what `profile` gave, one per device.
        hints: what is known of a model by others.

    Returns:
        The page as text.

    Raises:
        ModelFileError: the file can't be read.
    """
    from edgecnn import reporting
    from edgecnn.core.files import write_text

    text = reporting.report(model, verification, profiles, hints=hints)
    if output is not None:
        write_text(output, text)
    return text


def demo(
    options: DemoOptions, *, device: str = "local", announce: Callable[[str, list[str]], None] | None = None
) -> dict[str, Any]:
    """The live camera demo; returns when it ends, with its counts, frame rate and latencies.

    Args:
        options: `edgecnn.camera.settings.DemoOptions`.
        device: this machine, or a board whose page is shown here through ssh.
        announce: told the source's name and the page's addresses once it runs; by default they are printed.

    Raises:
        CameraError: there is no camera, or it is lost.
        DeviceError: the board can't be reached.
    """
    tell = announce or (lambda source, addresses: print(printable(source), *addresses, sep="\n"))
    from edgecnn.collecting.corrections import corrections_of

    with corrections_of(options.collect) as corrections:
        if device != "local":
            from edgecnn.camera.remote import run

            return run(options, device, tell, print, corrections=corrections)
        from edgecnn.camera.demo import Demo

        running = Demo(options, write=print, corrections=corrections)
        return running.run(lambda: tell(running.source, running.addresses))
