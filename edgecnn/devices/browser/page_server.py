"""Serves the page to one browser, gives it one task after the other, and takes its answers.

The page asks `GET /next?after=N` for the first task after number N, and is told `null` now and then while there is
none. Who opens the address first gets a cookie and stays; the address is good for nobody else.
"""

from __future__ import annotations

import hmac
import importlib.resources
import json
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from typing import Any, ClassVar

from edgecnn.core.errors import DeviceError, RecordError
from edgecnn.core.progress import Progress
from edgecnn.core.text import printable
from edgecnn.runtime.model.json_text import parse_json
from edgecnn.web import litertjs
from edgecnn.web.web_server import Request, WebServer

_PATIENCE_S = 8.0  # a page hears something at least so often
_LONGEST_STAGE = 200
_DIGITS = 10
_LONGEST_COUNT = 1e9
_COOKIE = "edgecnn"
_TYPES = {"html": "text/html", "js": "text/javascript", "css": "text/css", "wasm": "application/wasm"}
_OWN = ("index.html", "page.js", "frame.html", "frame.js", "style.css")
_USED = "This address was opened before, and is good for one browser only. Run edgecnn again for a new one."


class PageServer(WebServer):
    """A server for one browser.

    Args:
        host: address to listen on.
        port: None takes the first free one from 8000.
        spelled: how host and port are written in messages.

    Attributes:
        litertjs: the version of LiteRT.js.

    Raises:
        CameraError: the port is taken.
        UsageError: there is no such host or port.
        MissingExtraError: LiteRT.js can't be fetched.
    """

    MOST_BODY: ClassVar[int] = 64 << 20
    HEADERS: ClassVar[Mapping[str, str]] = {
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",
    }

    def __init__(self, host: str, port: int | None, spelled: tuple[str, str]) -> None:
        runtime, self.litertjs = litertjs.files(threads=True)
        folder = importlib.resources.files("edgecnn.devices.browser").joinpath("page")
        own = {name: folder.joinpath(name).read_bytes() for name in _OWN}
        own["frame.html"] = own["frame.html"].replace(b"{{IMPORTS}}", litertjs.IMPORT_MAP.encode())
        self._files = {**own, **runtime}
        self._content: dict[str, bytes] = {}
        self._changed = threading.Condition()
        self._guest = ""  # the secret of the browser that has come
        self._task: dict[str, Any] = {"number": 0}
        self._answer: Any = None
        self._progress: Progress | None = None
        self._is_lost = False
        self.heard_at = time.monotonic()
        policy = litertjs.content_policy("frame-src 'self'", "frame-ancestors 'self'")
        super().__init__(host, port, policy.replace("worker-src 'self'", "worker-src 'self' blob:"),
                         secrets.token_urlsafe(16), spelled)  # fmt: skip

    def give(self, path: str, content: bytes) -> None:
        """Let the page fetch something."""
        self._content[path] = content

    def withdraw(self, path: str) -> None:
        """The opposite."""
        self._content.pop(path, None)

    def set_task(
        self, job: str, values: Mapping[str, Any], progress: Progress | None, contents: Sequence[bytes]
    ) -> None:
        """Give the page its next task; the first of `contents` is its input, the others are of a second model."""
        with self._changed:
            number = self._task["number"] + 1
            for index, content in enumerate(contents):
                self.give(f"/content/{number}-{index}" if len(contents) > 1 else f"/content/{number}", content)
            self._task = {"number": number, "job": job, **values}
            self._answer, self._progress = None, progress
            self._changed.notify_all()

    def wait(self, seconds: float) -> Any:
        """The answer to the task as the page sent it, or None if there is none yet after so long.

        Raises:
            DeviceError: the page was opened anew, and has forgotten what it did.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._answer is not None or self._is_lost, seconds)
            if self._is_lost:
                raise DeviceError(
                    "The page was loaded again while it worked. Run the command again, and leave it alone."
                )
            if self._answer is not None:
                prefix = f"/content/{self._task['number']}"
                for path in [path for path in self._content if path.startswith(prefix)]:
                    self.withdraw(path)
            return self._answer

    @property
    def has_guest(self) -> bool:
        """Whether a browser has come."""
        return bool(self._guest)

    def admits(self, request: Request, path: str, given: str) -> bool:
        """Who has the cookie; and who comes with the token, to the page's address only."""
        return self._is_guest(request) or (path == "/" and super().admits(request, path, given))

    def _is_guest(self, request: Request) -> bool:
        try:
            found = SimpleCookie(request.headers.get("Cookie", "")).get(_COOKIE)
        except CookieError:
            return False
        return bool(self._guest and found and hmac.compare_digest(found.value.encode(), self._guest.encode()))

    def answer(self, request: Request, path: str, fields: dict[str, str]) -> None:
        """The page, and what it asks for."""
        name = path[1:]
        self.heard_at = time.monotonic() if self._is_guest(request) else self.heard_at
        if path == "/":
            self._welcome(request)
        elif path == "/next":
            number = fields.get("after", "")
            after = int(number) if number.isdecimal() and len(number) < _DIGITS else 0
            request.send(json.dumps(self._next(after)).encode(), "application/json")
        elif name in self._files:
            request.send(self._files[name], _TYPES[name.rpartition(".")[2]])
        elif path in self._content:
            request.send(self._content[path], "application/octet-stream")
        else:
            request.send(b"Not here.", "text/plain; charset=utf-8", HTTPStatus.NOT_FOUND)

    def _welcome(self, request: Request) -> None:
        with self._changed:
            known = self._is_guest(request)
            too_late = bool(self._guest) and not known
            self._is_lost = self._is_lost or (known and bool(self._task["number"]))
            self._guest = self._guest or secrets.token_urlsafe(16)
            self._changed.notify_all()
        if too_late:
            request.send(_USED.encode(), "text/plain; charset=utf-8", HTTPStatus.FORBIDDEN)
            return
        cookie = {"Set-Cookie": f"{_COOKIE}={self._guest}; Path=/; HttpOnly; SameSite=Strict"}
        request.send(self._files["index.html"], _TYPES["html"], headers=cookie)

    def _next(self, after: int) -> dict[str, Any] | None:
        with self._changed:
            return self._task if self._changed.wait_for(lambda: self._task["number"] > after, _PATIENCE_S) else None

    def accept(self, request: Request, path: str, body: bytes) -> None:
        """Answers, and how far a task is."""
        self.heard_at = time.monotonic()
        kind, _, number = path[1:].partition("/")
        try:
            value = parse_json(body)
        except RecordError:
            value = {}
        with self._changed:
            if number == str(self._task["number"]) and isinstance(value, dict):
                if kind == "answer":
                    self._answer = value
                    self._changed.notify_all()
                elif kind == "progress" and self._progress:
                    _advance(self._progress, value)
        request.send(b"", "text/plain; charset=utf-8")


def _advance(progress: Progress, told: dict[str, Any]) -> None:
    """A page may say anything: what makes no sense is no progress."""
    stage, done, total = told.get("stage"), told.get("done"), told.get("total")
    if not isinstance(stage, str) or not isinstance(done, (int, float)) or not isinstance(total, (int, float)):
        return
    if 0 <= done <= total < _LONGEST_COUNT:
        progress(printable(stage)[:_LONGEST_STAGE], int(done), int(total))
