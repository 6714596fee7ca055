"""The web page's server: the standard library's, so that it runs on a board where nothing else is installed.

A viewer asks `GET /frame?after=N` for the first image after number N and asks again when it has drawn it. So a slow
viewer gets fewer images instead of later ones, holds nobody up, and needs no protocol besides HTTP.
"""

from __future__ import annotations

import importlib.resources
import json
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import numpy as np

from edgecnn.camera.broadcast import Broadcast, Packet
from edgecnn.camera.corrections import Corrections
from edgecnn.camera.headless import located
from edgecnn.camera.recognize import Answer
from edgecnn.camera.regions import Counter, Region
from edgecnn.core.errors import EdgecnnError, UsageError
from edgecnn.runtime.run.decode import decode
from edgecnn.web.content_policy import content_policy
from edgecnn.web.web_server import MOST_BODY, Request, WebServer

_PATIENCE_S = 1.0  # a viewer hears something at least so often, also when no image comes
_LATELY_S = 3.0
_MOST_IMAGE = 4 << 20


class PageServer(WebServer):
    """Serves the page and its images in threads of its own.

    Args:
        broadcast: gives the images.
        about: what doesn't change, for `GET /about`: JSON values.
        status: what is to be said when no image comes: JSON values.
        host: address to listen on; other than loopback a token is needed.
        port: None takes the first free one from 8000.
        counter: whose lines and zones the page may change; None where nothing is counted.
        corrections: where images go whose answer is wrong; None for nowhere.

    Raises:
        CameraError: the port is taken.
        UsageError: there is no such host or port.
    """

    def __init__(
        self,
        broadcast: Broadcast[Answer],
        about: Callable[[], dict[str, Any]],
        status: Callable[[], dict[str, Any]],
        host: str = "127.0.0.1",
        port: int | None = None,
        counter: Counter | None = None,
        corrections: Corrections | None = None,
    ) -> None:
        self.broadcast, self.about, self.status = broadcast, about, status
        self._counter, self._corrections = counter, corrections
        self._viewers: dict[Any, float] = {}
        self._page = importlib.resources.files("edgecnn.camera").joinpath("page.html").read_bytes()
        super().__init__(host, port, content_policy(self._page))

    def answer(self, request: Request, path: str, fields: dict[str, str]) -> None:
        """The page, and what it asks for."""
        if path == "/":
            request.send(self._page, "text/html; charset=utf-8")
        elif path == "/about":
            request.send(_json(self.about()), "application/json")
        elif path == "/frame":
            number = fields.get("after", "")
            after = int(number) if number.isdecimal() and len(number) < 20 else 0
            request.send(self.frame(request.client_address, after), "application/octet-stream")
        else:
            request.send(b"Not here.", "text/plain; charset=utf-8", HTTPStatus.NOT_FOUND)

    def accept(self, request: Request, path: str, body: bytes) -> None:
        """What was drawn on the page, and what its user says that an image is."""
        try:
            if path == "/regions" and self._counter is not None:
                result: Any = _drawn(self._counter, body)
            elif path == "/wrong" and self._corrections is not None:
                result = {"said": self._corrected(self._corrections, request.asked()[1], body)}
            else:
                super().accept(request, path, body)
                return
        except (ValueError, RecursionError, EdgecnnError) as error:
            request.send(str(error).encode("utf-8", "replace"), "text/plain; charset=utf-8", HTTPStatus.BAD_REQUEST)
            return
        request.send(_json(result), "application/json")

    def most_body(self, path: str) -> int:
        """The image that the page shows may be posted."""
        return _MOST_IMAGE if path == "/wrong" and self._corrections is not None else MOST_BODY

    def _corrected(self, corrections: Corrections, fields: dict[str, str], body: bytes) -> str:
        """Keep the frame that the page shows: itself while it is remembered, afterwards the JPEG that was shown."""
        number = fields.get("number", "")
        answer = self.broadcast.shown(int(number)) if number.isdecimal() and len(number) < 20 else None
        if answer is None:
            picture = decode(body, "the page's image")
        elif answer.frame.order == "rgb":
            picture = np.ascontiguousarray(answer.frame.picture[:, :, ::-1])
        else:
            picture = answer.frame.picture
        return corrections.keep(fields.get("class", ""), picture, fields.get("said", "")[:200])

    def frame(self, viewer: Any, after: int) -> bytes:
        """The answer to a viewer that has image `after`, see `Packet.packed`; without a JPEG when none is newer."""
        self._viewers[viewer] = time.monotonic()
        packet = self.broadcast.wait(after, _PATIENCE_S)
        said = {**self.status(), "viewers": self.count_viewers(), **(packet.said if packet else {})}
        return Packet.packed(said, packet)

    def count_viewers(self) -> int:
        """Those that asked lately."""
        lately = time.monotonic() - _LATELY_S
        for viewer, asked_at in list(self._viewers.items()):
            if asked_at < lately:
                self._viewers.pop(viewer, None)
        return len(self._viewers)


def describe(answer: Answer) -> dict[str, Any]:
    """What the page is told of an answer, JSON values."""
    height, width = answer.frame.picture.shape[:2]
    return {
        "number": answer.frame.number,
        "width": width,
        "height": height,
        "label": answer.text,
        "sure": answer.sure,
        "classes": answer.classes,
        **located(answer),
        **({"regions": [region.to_json() for region in answer.scene.regions]} if answer.scene else {}),
    }


def _drawn(counter: Counter, body: bytes) -> list[dict[str, Any]]:
    """Lines and zones from JSON, see `Region.to_json`: a list is what is counted from now on, one without a name comes
    to those that others have drawn.
    """
    values = json.loads(body)
    if isinstance(values, dict):
        counter.add(Region.from_json({**values, "name": "new"}))
    elif isinstance(values, list):
        counter.replace([Region.from_json(value) for value in values])
    else:
        raise UsageError("expected a line or zone, or a list of them.")
    return [region.to_json() for region in counter.regions]


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
