"""Motion-JPEG over HTTP, as IP cameras, phones and mjpg-streamer send it; other videos by HTTP go to FFmpeg.

The stream is parsed here because FFmpeg keeps several frames in its buffers: answers would come late.
"""

from __future__ import annotations

import base64
import time
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPException
from typing import Any

import numpy as np

from edgecnn.camera.connection import Handler, Patience
from edgecnn.camera.source import CorruptFrame, Shot, SourceLost, Wish
from edgecnn.camera.sources import network
from edgecnn.core.errors import CameraError, PictureError
from edgecnn.core.text import printable
from edgecnn.runtime.opencv import opencv
from edgecnn.runtime.run.decode import checked_header

EXAMPLE = "an HTTP address of a Motion-JPEG stream"
_TIMEOUT_S = 5.0  # of each read
_OPEN_S = 8.0  # of connecting, redirects and the whole header
_PART_S = 15.0  # from one image to the next
_MAX_PART_BYTES = 64 << 20
_END_OF_JPEG = b"\xff\xd9"
_PROBLEMS = (OSError, ValueError, HTTPException)  # of connections; a wrong address; an answer that isn't HTTP or is cut


class MotionJpeg:
    """The parts of a multipart/x-mixed-replace answer."""

    live = True

    def __init__(self, response: Any, patience: Patience, name: str, boundary: bytes, fps: float) -> None:
        self._response, self._patience = response, patience
        self._boundary = b"--" + boundary.strip(b'"').lstrip(b"-")
        self.name = name
        self.fps = fps

    def read(self) -> Shot:
        """The next image; taken when its first byte arrived."""
        self._patience.allow(_PART_S)
        try:
            length = self._skip_to_part()
            exposed_at = time.monotonic()
            data = self._read_to_end() if length is None else self._response.read(length)
        except _PROBLEMS as error:
            raise self._lost(f"the connection failed ({printable(str(error))})") from error
        if length is not None and len(data) < length:
            raise self._lost("the connection was closed")
        picture = decode_jpeg(data)
        if picture is None:
            raise CorruptFrame(f"{self.name}: received {len(data)} bytes that are not a complete JPEG image")
        return Shot(picture, exposed_at)

    def _lost(self, what: str) -> SourceLost:
        if self._patience.is_over:
            what = f"no image within {_PART_S:.0f} s"
        return SourceLost(f"{self.name}: {what}")

    def _skip_to_part(self) -> int | None:
        """Read up to a part's content; returns its length, None where the camera doesn't tell."""
        while not self._line().lstrip(b"-").startswith(self._boundary.lstrip(b"-")):
            pass
        length = None
        while header := self._line().strip():
            key, _, value = header.partition(b":")
            if key.strip().lower() == b"content-length":
                length = int(value)
        if length is not None and not 0 <= length <= _MAX_PART_BYTES:
            raise SourceLost(f"{self.name}: an image of the stream claims {length:,} bytes")
        return length

    def _line(self) -> bytes:
        line: bytes = self._response.readline(65536)
        if not line:
            raise self._lost("the connection was closed")
        return line

    def _read_to_end(self) -> bytes:
        """For cameras that don't say how long a part is: it ends where the JPEG ends."""
        data = bytearray()
        while not bytes(data[-4:]).rstrip(b"\r\n").endswith(_END_OF_JPEG):
            data += self._line()
            if len(data) > _MAX_PART_BYTES:
                raise SourceLost(f"{self.name}: an image of the stream does not end")
        return bytes(data)

    def close(self) -> None:
        """Hang up."""
        self._patience.end()
        self._response.close()


def decode_jpeg(data: bytes) -> np.ndarray | None:
    """uint8 (height, width, 3) in blue, green, red; None when it is cut short, no image, or takes too much memory."""
    if not data.rstrip(b"\r\n\0").endswith(_END_OF_JPEG):
        return None
    cv2 = opencv()
    try:
        checked_header(data, "the frame")
        picture: np.ndarray | None = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except (PictureError, cv2.error):
        return None
    return picture


def matches(address: str) -> bool:
    """Whether the address is by HTTP."""
    return address.startswith(("http://", "https://"))


def open_source(address: str, wish: Wish) -> MotionJpeg | network.NetworkStream:
    """Connect; a user name and password may stand in the address."""
    name = network.host_name(address)
    patience = Patience(_OPEN_S)
    try:
        response = _answer(address, name, patience)
        if response.headers.get_content_type() == "multipart/x-mixed-replace":
            boundary = response.headers.get_param("boundary") or "--"
            return MotionJpeg(response, patience, name, str(boundary).encode(errors="replace"), wish.fps)
        response.close()
    except BaseException:
        patience.end()
        raise
    patience.end()
    return network.open_source(address, wish)


def _answer(address: str, name: str, patience: Patience) -> Any:
    """The answer's header has been read."""
    try:
        opener = urllib.request.build_opener(_Redirects, Handler(patience))
        response = opener.open(_request(address), timeout=_TIMEOUT_S)
        if patience.is_over:  # a header that was cut off looks like a whole one
            response.close()
            raise TimeoutError
        return response
    except urllib.error.HTTPError as error:
        error.close()
        raise CameraError(
            f"{name} answered with the HTTP status {error.code} {printable(str(error.reason))}. Check the "
            "address, the user name and the password."
        ) from error
    except _PROBLEMS as error:
        reason = f"no complete response within {_OPEN_S:.0f} s" if patience.is_over else getattr(error, "reason", error)
        raise CameraError(
            f"{name} can't be reached: {printable(str(reason))}. Try to open the address in a browser on this machine."
        ) from error


def _request(address: str) -> urllib.request.Request:
    parts = urllib.parse.urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    request = urllib.request.Request(urllib.parse.urlunsplit(parts._replace(netloc=host)))
    if parts.username:
        secret = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
        request.add_unredirected_header("Authorization", "Basic " + base64.b64encode(secret.encode()).decode())
    return request


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Tells the password again where a camera sends us to another of its own pages, and nowhere else."""

    def redirect_request(self, req: urllib.request.Request, *answer: Any) -> urllib.request.Request | None:
        request = super().redirect_request(req, *answer)
        secret = req.get_header("Authorization")
        if request and secret and (request.type, request.host) == (req.type, req.host):
            request.add_unredirected_header("Authorization", secret)
        return request
