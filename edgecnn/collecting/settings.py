"""What `edgecnn collect` takes."""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.camera.settings import DemoOptions
from edgecnn.core.hints import Hints
from edgecnn.core.options import Settings, option, part, same_as


@dataclass(frozen=True)
class CollectOptions(Settings):
    """All that collecting can be asked for.

    Attributes:
        data: the folder of class folders.
    """

    data: str
    classes: tuple[str, ...] = option(
        "Classes to begin with; more can be added on the page.", (), metavar="NAME[,NAME...]"
    )
    source: str = option(
        "A camera (0, /dev/video0, picamera2), a video file, a folder of images, or the address of an HTTP Motion-JPEG "
        "or RTSP stream; auto finds the camera, none is for uploads and the browser's own camera.",
        "auto", metavar="SOURCE",
    )  # fmt: skip
    rate: float = option("Images per second while a class's button is held.", 5.0, low=0.5, high=30, metavar="F")
    keep_near_duplicates: bool = option("Store images that look like another one of the class, too.", False)
    loop: bool = same_as(DemoOptions, "loop")
    size: str = same_as(DemoOptions, "size")
    fps: float = same_as(DemoOptions, "fps")
    host: str = same_as(DemoOptions, "host")
    port: int | None = same_as(DemoOptions, "port")
    model: str = option(
        "A .tflite classifier whose answers are shown; what it is unsure of can be kept for review.",
        "", metavar="FILE", default_help="no model",
    )  # fmt: skip
    threshold: float = option("Probability below which the model is unsure.", 0.6, low=0, high=1, metavar="SHARE")
    threads: int | None = same_as(DemoOptions, "threads")
    delegate: str = same_as(DemoOptions, "delegate")
    hints: Hints = part(Hints)
    base: str = option(
        "What the Train button trains: a .keras file, or the name of a model, which is built with ImageNet weights.",
        "efficientnet_lite0", metavar="MODEL",
    )  # fmt: skip
    seconds: float = same_as(DemoOptions, "seconds")

    @property
    def resolution(self) -> tuple[int, int]:
        """Width and height that are requested of a camera."""
        width, height = self.size.split("x")
        return int(width), int(height)

    def __post_init__(self) -> None:
        super().__post_init__()
        DemoOptions("", size=self.size)  # refuses a wrong size
