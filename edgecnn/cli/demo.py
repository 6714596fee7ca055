"""`edgecnn demo`: a camera's image with the answer, live."""

from __future__ import annotations

from typing import Any

import click

from edgecnn.camera.settings import DemoOptions
from edgecnn.cli._announcing import announce
from edgecnn.cli._arguments import TFLITE
from edgecnn.cli._options import Command, options_of
from edgecnn.cli._output import emit, json_option, note, print_table, say_json, wide_option
from edgecnn.profiling.settings import Place

GROUP = "Boards and cameras"
POSITION = 230


@click.command(cls=Command)
@click.argument("model", type=TFLITE)
@options_of(DemoOptions, "given", partial=True)
@click.option("--window", is_flag=True, help="Open a window instead of serving the page; needs opencv-python.")
@options_of(Place, "place", without=("delegate",))
@json_option
@wide_option
def command(model: str, given: dict[str, Any], window: bool, place: Place, json_path: str | None) -> None:
    """Show a camera's live image with the answers of a .tflite MODEL, and where every millisecond goes.

    \b
    Examples:
      edgecnn demo m.tflite                        this machine's camera
      edgecnn demo m.tflite --host 0.0.0.0         the same, for the phone
      edgecnn demo m.tflite --source video.mp4     a file in real time
      edgecnn demo m.tflite --device pi@pi4.local  a Raspberry Pi's camera
      edgecnn demo m.tflite --collect pictures     keep what is answered wrongly
      edgecnn demo m.tflite --sink jsonl:a.jsonl --when "person>=0.8 for 3"
    """
    from edgecnn.devices import delegates

    headless = given.get("headless", False)
    if window and headless:
        raise click.UsageError("--window and --headless can't be used together. Remove one of them.")
    if json_path == "-" and headless:
        raise click.UsageError("--headless and --json - both write to standard output. Give --json a file instead.")
    view = "window" if window else "none" if headless else "page"
    delegate = delegates.resolve(given.get("delegate", DemoOptions.delegate))
    options = DemoOptions.of({**given, "delegate": delegate}, model=model, view=view)
    summary = _here(options) if place.device == "local" else _there(options, place.device)
    emit(summary, json_path, lambda: _show(summary, options.headless))


def _here(options: DemoOptions) -> dict[str, Any]:
    from edgecnn.camera.demo import Demo
    from edgecnn.collecting.corrections import corrections_of

    with corrections_of(options.collect) as corrections:
        demo = Demo(options, _line, note, corrections)
        for sentence in demo.file.contract.assumed:
            note(f"Note: {sentence}")
        return demo.run(lambda: announce(demo.source, demo.addresses))


def _there(options: DemoOptions, device: str) -> dict[str, Any]:
    from edgecnn.camera.remote import run
    from edgecnn.collecting.corrections import corrections_of

    with corrections_of(options.collect) as corrections:
        return run(options, device, announce, _line, note, corrections)


def _line(text: str) -> None:
    say_json(text)


def _show(summary: dict[str, Any], quietly: bool) -> None:
    counts = summary["counts"]
    if "latency_ms" not in summary:
        note(f"Ended ({summary['ended']}): {counts['captured']} frames captured, {counts['inferred']} processed.")
        return
    latency, stages = summary["latency_ms"], summary["stages_median_ms"]
    said = (
        f"{counts['captured']} frames captured, {counts['dropped']} dropped, {counts['inferred']} processed: "
        f"{summary['fps']} fps; from camera to result {latency['median']:.1f} ms median, {latency['p95']:.1f} ms "
        f"p95, {latency['p99']:.1f} ms p99"
    )
    note(said)
    if summary["recording"]:
        note(f"Recording: {summary['recording']['path']} ({summary['recording']['frames']} frames)")
    for sink in summary.get("sinks", ()):
        note(f"Sink {sink['sink']}: {sink['sent']} sent, {sink['dropped']} dropped, {sink['failed']} failed")
    if not quietly:
        print_table(["stage", "median ms"], [[name, f"{value:.2f}"] for name, value in stages.items()])
