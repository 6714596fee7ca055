"""Labeled images from a camera: what `edgecnn collect` does."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from edgecnn.api.notebook import progress_or
from edgecnn.core.progress import Progress
from edgecnn.core.text import printable

if TYPE_CHECKING:
    from edgecnn.collecting.settings import CollectOptions


def collect(
    options: CollectOptions,
    *,
    device: str = "local",
    announce: Callable[[str, list[str]], None] | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Serve the page on which images are taken and labeled; returns when it ended, with what there is.

    Args:
        options: `edgecnn.collecting.settings.CollectOptions`.
        device: this machine, or a board whose camera is used; images are stored here all the same.
        announce: told the source's name and the page's addresses once it runs; by default they are printed.
        progress: called with (stage, done, total) while the images that are there are looked at.

    Raises:
        CameraError: there is no camera, or the port is taken.
        DeviceError: the board can't be reached.
        EdgecnnError: the folder can't be written, or another process collects into it.
    """
    from edgecnn.collecting.board import camera_of
    from edgecnn.collecting.collector import Collector
    from edgecnn.core.text import to_stderr

    tell = announce or (lambda source, addresses: print(printable(source), *addresses, sep="\n"))
    with camera_of(device, options, to_stderr) as open_camera:
        collector = Collector(options, open_camera, progress=progress_or(progress))
        return collector.run(lambda: tell(collector.source, collector.addresses))
