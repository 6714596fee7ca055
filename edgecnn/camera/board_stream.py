"""The camera at the other end of ssh: the newest frame whenever it is asked for, in full size, on standard output.

Standard input gives a line of JSON (source, width, height, fps, loop), then a byte for each frame that is wanted. So no
frame waits on the way, however slow the network is: it delays frames by no more than one takes to be sent. Output is a
line of JSON with one key: `ready` (source, fps), `frame` (bytes of the JPEG that follows, age_ms), `ended` (why) or
`error`. The program ends when its input ends or is silent for `SILENCE_S`.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

from edgecnn.camera.broadcast import encode
from edgecnn.camera.capture import ENDED, FAILED, Capture
from edgecnn.camera.frames import Frame
from edgecnn.camera.source import FrameSource, Wish, open_source
from edgecnn.core.errors import EdgecnnError
from edgecnn.runtime.portable import processes

SILENCE_S = 30.0
_QUALITY = 95
_FRAME_S = 0.2


def main() -> int:
    """Serve one camera; returns the exit status."""
    with open(0, "rb", buffering=0, closefd=False) as unbuffered:  # the rest is read as it comes
        wanted = json.loads(unbuffered.readline())
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever else is printed, by us or by a library, is no answer

    def tell(content: bytes = b"", **event: Any) -> None:
        output.write(json.dumps(event).encode() + b"\n" + content)
        output.flush()

    def opened() -> FrameSource:
        return open_source(wanted["source"], Wish(wanted["width"], wanted["height"], wanted["fps"]))

    try:
        source = opened()
        capture = Capture(opened, source, loop=wanted["loop"])
    except EdgecnnError as error:
        tell(error={"kind": type(error).__name__, "message": str(error)})
        return 1
    tell(ready={"source": source.name, "fps": source.fps})
    capture.start()
    try:
        _serve(capture, tell)
    except BrokenPipeError:
        return 0
    finally:
        capture.stop()
        capture.join(3)
    return 0


def _serve(capture: Capture, tell: Any) -> None:
    """Until nobody wants frames any more, or there are none."""
    asked, heard_at = 0, time.monotonic()
    while True:
        if processes.readable([0], 0.0 if asked else SILENCE_S):
            more = os.read(0, 64)
            if not more:
                return
            asked, heard_at = asked + len(more), time.monotonic()
        elif not asked or time.monotonic() - heard_at > SILENCE_S:
            return
        over = capture.state in (ENDED, FAILED)
        frame = capture.slot.take(_FRAME_S)
        if frame is not None:
            _tell_frame(frame, tell)
            asked -= 1
        elif over:
            tell(ended=capture.message)
            return


def _tell_frame(frame: Frame, tell: Any) -> None:
    jpeg = encode(frame.picture, frame.order, quality=_QUALITY, most_side=None)
    tell(jpeg, frame={"bytes": len(jpeg), "age_ms": round((time.monotonic() - frame.exposed_at) * 1e3, 1)})
