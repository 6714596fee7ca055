"""A board's camera as a frame source here: it sends its frames in full size over ssh, the images are stored here."""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from edgecnn.camera.remote import archive
from edgecnn.camera.source import CorruptFrame, FrameSource, Shot, SourceEnded, SourceLost
from edgecnn.camera.sources.http import decode_jpeg
from edgecnn.collecting.settings import CollectOptions
from edgecnn.core.errors import DeviceError, UsageError
from edgecnn.devices import Note, answers, open_device
from edgecnn.devices.answer_records import Rate, Text
from edgecnn.devices.child import Answer, Complaints, Patience, ended, out_of_time, stop
from edgecnn.devices.ssh_device import CACHE, SshDevice
from edgecnn.runtime.model.validation import Range, Record
from edgecnn.runtime.portable.processes import OWN_SESSION

_START_S = 120.0
_FRAME_S = 15.0
_AHEAD = 2  # frames that are asked for before they come: one is sent while the next is encoded
_LONGEST_LINE = 1 << 16
_MOST_BYTES = 64 << 20


@dataclass(frozen=True)
class Ready(Record):
    """The camera is open."""

    source: Text
    fps: Rate


@dataclass(frozen=True)
class Coming(Record):
    """A JPEG follows."""

    bytes: Annotated[int, Range(1, _MOST_BYTES)]
    age_ms: Annotated[float, Range(-1e6, 1e9)]


class BoardCamera:
    """A camera at the other end of ssh."""

    live = True

    def __init__(self, board: SshDevice, command: list[str], wanted: dict[str, Any]) -> None:
        self._board = board
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **OWN_SESSION
        )
        assert self._process.stderr
        self._complaints = Complaints(self._process.stderr)
        try:
            self._send(json.dumps(wanted).encode() + b"\n" + b"." * _AHEAD)
            ready = self._event("ready", Ready, _START_S)
        except SourceLost as lost:
            self.close()
            raise DeviceError(str(lost)) from lost
        except BaseException:
            self.close()
            raise
        self.name = f"{ready.source} of {board.name}"
        self.fps = ready.fps

    def read(self) -> Shot:
        """The next frame, which was the newest when it was sent."""
        coming = self._event("frame", Coming, _FRAME_S)
        came_at = time.monotonic()
        assert self._process.stdout
        with Patience(self._process, _FRAME_S):
            data = self._process.stdout.read(coming.bytes)
        if len(data) < coming.bytes:
            raise self._lost()
        self._send(b".")
        picture = decode_jpeg(data)
        if picture is None:
            raise CorruptFrame(f"{self.name}: received {len(data)} bytes that are not a complete JPEG image")
        return Shot(picture, came_at - max(0.0, coming.age_ms) / 1e3)

    def close(self) -> None:
        """End the program there."""
        stop(self._process)

    def _send(self, content: bytes) -> None:
        assert self._process.stdin
        with contextlib.suppress(OSError, ValueError):  # what ssh has to say about that is read next
            self._process.stdin.write(content)
            self._process.stdin.flush()

    def _event(self, expected: str, kind: type[Record], seconds: float) -> Any:
        """The value of the next line that is ours; others are a shell's greeting.

        Raises:
            SourceEnded: there are no more frames.
            SourceLost: the connection broke, or it took too long.
            EdgecnnError: what the board raised.
        """
        assert self._process.stdout
        with Patience(self._process, seconds) as patience:
            while raw := self._process.stdout.readline(_LONGEST_LINE):
                event = answers.parsed(raw, "the camera", self._board.name) if raw.startswith(b"{") else {}
                if expected in event:
                    return answers.checked(kind, event[expected], "the camera", self._board.name)
                if "error" in event:
                    raise answers.problem(event["error"], self._board.name)
                if "ended" in event:
                    raise SourceEnded(str(event["ended"])[:200])
        if patience.is_over:
            raise SourceLost(str(out_of_time(self._board.name, "the camera was read", seconds, whole=False)))
        raise self._lost()

    def _lost(self) -> SourceLost:
        status = ended(self._process)
        said = self._complaints.text()
        try:
            self._board.client.check(Answer(status, "", said), "the camera was read")
        except DeviceError as error:
            return SourceLost(str(error))
        last = (said.strip().splitlines() or ["it said nothing"])[-1]
        hint = f" Install what is missing there with: {self._board.remedy()}" if "ModuleNotFound" in last else ""
        return SourceLost(f"{self._board.name}: the camera's program ended with status {status}: {last}{hint}")


@contextlib.contextmanager
def camera_of(device: str, options: CollectOptions, note: Note) -> Iterator[Callable[[], FrameSource] | None]:
    """Yields what opens a board's camera, again too; None where the camera is this machine's.

    Raises:
        UsageError: the device has no cameras that can be reached.
        DeviceError: the board can't be reached.
    """
    if device == "local":
        yield None
        return
    with open_device(device, note) as board:
        if not isinstance(board, SshDevice):
            raise UsageError(f"--device is {device}; expected this machine or a board connected by ssh.")
        app = archive("board_stream")
        name = f"{hashlib.sha256(app).hexdigest()}.pyz"
        found = board.bring({name: app})
        command = board.client.command(["exec", found.python, f"{found.home}/{CACHE}/{name}"])
        width, height = options.resolution
        wanted = {
            "source": options.source, "width": width, "height": height, "fps": options.fps, "loop": options.loop,
        }  # fmt: skip
        yield lambda: BoardCamera(board, command, wanted)
