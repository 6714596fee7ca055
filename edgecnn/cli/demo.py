"""`edgecnn demo`: a camera's picture with the answer, live."""

from __future__ import annotations

from typing import Any

import click

from edgecnn.cli._output import emit, json_option, note, print_table


class _Size(click.ParamType):  # type: ignore[type-arg]
    name = "WxH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        width, _, height = str(value).lower().partition("x")
        if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
            self.fail(f"{value!r} is no size; expected for example 640x480.", param, ctx)
        return int(width), int(height)


@click.command()
@click.argument("model", type=click.Path())
@click.option(
    "--source",
    default="auto",
    show_default=True,
    metavar="WHERE",
    help="A camera (0, /dev/video0, picamera2), a video file, a folder of pictures, or the address of an HTTP "
    "Motion-JPEG or RTSP stream. auto finds the camera.",
)
@click.option("--size", type=_Size(), default="640x480", show_default=True, help="Wished of a camera.")
@click.option("--fps", type=click.FloatRange(1, 1000), default=30.0, show_default=True, help="Wished of a camera.")
@click.option("--as-fast-as-possible", is_flag=True, help="Read a file without waiting, losing no frame.")
@click.option("--loop", is_flag=True, help="Begin a file or folder again when it ends.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Where to serve the page; 0.0.0.0: on the network."
)
@click.option("--port", type=click.IntRange(1, 65535), help="Of the page.  [default: the first free one from 8000]")
@click.option("--window", is_flag=True, help="A window instead of the page; needs opencv-python.")
@click.option("--headless", is_flag=True, help="A line of JSON per answer instead of the page.")
@click.option("--record", metavar="FILE", default="", help="Write a video with the answers: .mp4, .avi or .mkv.")
@click.option(
    "--smooth",
    "smooth_s",
    type=click.FloatRange(0, 60),
    default=0.3,
    show_default=True,
    help="Seconds over which answers are averaged (time constant); 0: not at all.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    default=0.3,
    show_default=True,
    help='Probability below which it says "not sure".',
)
@click.option("--top", type=click.IntRange(1, 20), default=5, show_default=True, help="How many classes to show.")
@click.option("--threads", type=click.IntRange(1, 64), help="Processor threads.  [default: the processors, at most 4]")
@click.option("--delegate", default="cpu", show_default=True, help="As for profile: cpu, edgetpu or a library.")
@click.option("--labels", type=click.Path(), help="Class names, one per line, for a model that carries none.")
@click.option("--device", default="local", show_default=True, help="A board: its camera and its processor, seen here.")
@click.option("--seconds", type=click.FloatRange(0), default=0.0, help="End after so long.")
@click.option("--frames", type=click.IntRange(0), default=0, help="End after so many answers.")
@json_option
def command(size: tuple[int, int], window: bool, device: str, json_path: str | None, **values: Any) -> None:
    """Show a camera's picture with the answers of a .tflite MODEL, live, and where every millisecond goes.

    \b
    Examples:
      edgecnn demo model.tflite                          this machine's camera, on http://127.0.0.1:8000/
      edgecnn demo model.tflite --host 0.0.0.0           the same, for the phone
      edgecnn demo model.tflite --source video.mp4       a file in real time
      edgecnn demo model.tflite --device pi@pi4.local    a Raspberry Pi's camera, seen here
    """
    from edgecnn.camera.demo import DemoOptions
    from edgecnn.devices import delegates

    values["delegate"] = delegates.resolve(values["delegate"])
    if window and values["headless"]:
        raise click.UsageError("--window and --headless exclude each other.")
    if json_path == "-" and values["headless"]:
        raise click.UsageError("--headless writes its lines to standard output; give --json a file.")
    view = "window" if window else "none" if values["headless"] else "page"
    options = DemoOptions(width=size[0], height=size[1], view=view, **values)
    summary = _here(options) if device == "local" else _there(options, device)
    emit(summary, json_path, lambda: _show(summary, options.headless))


def _here(options: Any) -> dict[str, Any]:
    from edgecnn.camera.demo import Demo

    demo = Demo(options, write=_line)
    for sentence in demo.file.contract.assumed:
        note(f"Note: {sentence}")
    return demo.run(lambda: _announce(demo.source, demo.addresses))


def _there(options: Any, device: str) -> dict[str, Any]:
    from edgecnn.camera.remote import run

    return run(options, device, _announce, _line)


def _line(text: str) -> None:
    click.echo(text)


def _announce(source: str, addresses: list[str]) -> None:
    note(f"Source: {source}")
    for address in addresses:
        note(f"Look at: {address}")
    if addresses and "token=" in addresses[0]:
        note(_qr_code(addresses[0]))
    note("Ctrl-C ends the demo.")


def _qr_code(text: str) -> str:
    """For a phone's camera; two modules per character, light on dark terminals and dark on light ones alike."""
    from edgecnn.runtime.opencv import opencv

    cv2 = opencv()
    if not hasattr(cv2, "QRCodeEncoder"):
        return ""
    modules = (
        cv2.copyMakeBorder(cv2.QRCodeEncoder.create().encode(text), 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=255) > 0
    )
    if len(modules) % 2:
        modules = cv2.copyMakeBorder(modules.astype("uint8"), 0, 1, 0, 0, cv2.BORDER_CONSTANT, value=1) > 0
    blocks = {(True, True): "█", (True, False): "▀", (False, True): "▄", (False, False): " "}
    rows = ["".join(blocks[bool(a), bool(b)] for a, b in zip(*pair)) for pair in zip(modules[::2], modules[1::2])]
    return "\n".join(f"\033[97;40m{row}\033[0m" for row in rows)


def _show(summary: dict[str, Any], quietly: bool) -> None:
    counts = summary["counts"]
    if "latency_ms" not in summary:
        note(f"Ended ({summary['ended']}): {counts['captured']} frames captured, {counts['inferred']} answered.")
        return
    latency, stages = summary["latency_ms"], summary["stages_median_ms"]
    said = (
        f"{counts['captured']} frames captured, {counts['dropped']} dropped, {counts['inferred']} answered: "
        f"{summary['fps']} fps; glass to answer {latency['median']:.1f} ms median, {latency['p95']:.1f} p95, "
        f"{latency['p99']:.1f} p99"
    )
    note(said)
    if summary["recording"]:
        note(f"Recording: {summary['recording']['path']} ({summary['recording']['frames']} frames)")
    if not quietly:
        print_table(["stage", "median ms"], [[name, f"{value:.2f}"] for name, value in stages.items()])
