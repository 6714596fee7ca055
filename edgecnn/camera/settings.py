"""What `edgecnn demo` takes."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from dataclasses import dataclass

from edgecnn.camera.regions import LINE, SYNTAX, ZONE, Region, check_all
from edgecnn.camera.rule import SYNTAX as RULE
from edgecnn.camera.sink_choice import check_places, check_rule, chosen
from edgecnn.core.errors import UsageError
from edgecnn.core.hints import Hints
from edgecnn.core.options import Key, SettingError, Settings, option, part
from edgecnn.core.registry import CAMERA_SINKS


@dataclass(frozen=True)
class DemoOptions(Settings):
    """All that the demo can be asked for; `to_json` and `from_json`, since it also travels to a board.

    Attributes:
        model: the `.tflite` file.
        view: "page", "window" or "none".
    """

    model: str
    source: str = option(
        "A camera (0, /dev/video0, picamera2), a video file, a folder of images, or the address of an HTTP Motion-JPEG "
        "or RTSP stream; auto finds the camera.",
        "auto", metavar="SOURCE", also=("camera", "input", "url", "video", "webcam"),
    )  # fmt: skip
    as_fast_as_possible: bool = option("Process every frame of a file, without waiting for its frame rate.", False)
    loop: bool = option("Restart a file or folder when it ends.", False)
    size: str = option("Requested resolution of a camera.", "640x480", metavar="WxH")
    fps: float = option("Requested frame rate of a camera.", 30.0, low=1, high=1000, metavar="F")
    view: str = "page"
    headless: bool = option("Print one line of JSON per inference instead of serving the page.", False)
    host: str = option("Address to serve the page on; 0.0.0.0 for the network.", "127.0.0.1", metavar="HOST")
    port: int | None = option(
        "Port of the page.", low=1, high=65535, metavar="N", default_help="the first free port from 8000"
    )
    record: str = option(
        "Record a video with the answers drawn in; ends with .mp4, .avi or .mkv.", "", metavar="FILE", writes=True
    )
    sinks: tuple[str, ...] = option(
        "Send the answers to a sink, e.g. mqtt:broker.local; may be repeated.",
        (), choices=CAMERA_SINKS.names, takes_argument=True, repeated=True, key="sink",
        metavar="KIND[:ARGUMENT,KEY=VALUE...]",
    )  # fmt: skip
    when: str = option(
        f"Rule of sinks that have none of their own: {RULE}.", "", metavar="RULE",
        default_help="a class is seen after 3 equal answers",
    )  # fmt: skip
    collect: str = option(
        "Folder of class folders into which the page's button \"wrong\" puts images.", "", metavar="DATA",
        default_help="no such button",
    )  # fmt: skip
    lines: tuple[str, ...] = option(
        "Line at which objects are counted, in shares of the image, e.g. door=0.1,0.6,0.9,0.6; may be repeated.",
        (), repeated=True, key="line", metavar=SYNTAX[LINE],
    )  # fmt: skip
    zones: tuple[str, ...] = option(
        "Zone in which objects are counted, in shares of the image; may be repeated.",
        (), repeated=True, key="zone", metavar=SYNTAX[ZONE],
    )  # fmt: skip
    smooth_s: float = option(
        "Time constant over which answers are averaged; 0 for no averaging.",
        0.3, low=0, high=60, unit="seconds", key="smooth", metavar="SECONDS",
    )  # fmt: skip
    threshold: float = option(
        'Probability below which the answer is shown as "not sure". A detector\'s object is shown from this score on; '
        "while it is followed, down to 0.1.",
        0.3,
        low=0,
        high=1,
        metavar="SHARE",
        also=("conf", "confidence", "min-score", "score-threshold"),
    )
    top: int = option("Number of classes to show.", 5, low=1, high=20, metavar="K")
    threads: int | None = option(
        "Processor threads.", low=1, high=256, metavar="N", default_help="all processors, at most 4"
    )
    delegate: str = option(
        "Delegate that runs the operators: cpu, edgetpu[:usb|:pci|:N] or a library.", "cpu", metavar="DELEGATE"
    )
    hints: Hints = part(Hints)
    seconds: float = option(
        "Stop after this many seconds; 0 for no limit.", 0.0, low=0, unit="seconds", metavar="SECONDS"
    )
    frames: int = option("Stop after N inferences; 0 for no limit.", 0, low=0, metavar="N")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not re.fullmatch(r"[1-9][0-9]*x[1-9][0-9]*", self.size):
            raise SettingError(Key("size"), f" is {self.size!r}; expected WIDTHxHEIGHT, for example 640x480.")
        if self.when:
            check_rule(self.when)
        check_places([chosen(text, self.when) for text in self.sinks])
        _ = self.regions
        if self.collect and self.view != "page":
            raise SettingError(
                Key("collect"), " needs the page, where images are labeled. Show the page, or remove it."
            )

    def to_json(self) -> str:
        """One line."""
        return json.dumps(dataclasses.asdict(self), default=os.fspath)

    @classmethod
    def from_json(cls, text: str | bytes) -> DemoOptions:
        """What `to_json` gave."""
        values = json.loads(text)
        return cls(**{**values, "hints": Hints(**values["hints"])})

    @property
    def regions(self) -> tuple[Region, ...]:
        """Lines and zones.

        Raises:
            SettingError: one of them is none, or two have one name.
        """
        found: list[Region] = []
        for kind, texts in ((LINE, self.lines), (ZONE, self.zones)):
            try:
                found += [Region.parse(kind, text, number) for number, text in enumerate(texts, 1)]
                check_all(found)
            except UsageError as error:
                raise SettingError(Key(kind), f": {error}") from error
        return tuple(found)

    @property
    def resolution(self) -> tuple[int, int]:
        """Width and height that are requested of a camera."""
        width, height = self.size.split("x")
        return int(width), int(height)
