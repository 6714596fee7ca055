"""HTTP for a page: the standard library's server, with a limit to its connections, and a token beyond this machine."""

from __future__ import annotations

import hmac
import secrets
import socket
import threading
import urllib.parse
from abc import ABC, abstractmethod
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from edgecnn.runtime.portable import sockets
from edgecnn.web.addresses import is_loopback, own_address
from edgecnn.web.crowd import Crowd
from edgecnn.web.listening import OPTIONS, listen
from edgecnn.web.uploads import Uploads

_SOCKET_TIMEOUT_S = 20.0
_REQUEST_S = 10.0  # for a whole request, also the pause before it
_ANSWER_S = 20.0  # for a whole answer
_PART_BYTES = 1 << 20
_FROM_HERE_ONLY = ("application/json", "application/octet-stream")  # a browser asks us before another site posts these
MOST_BODY = 1 << 16


class WebServer(ABC):
    """Serves requests in threads of its own; a subclass answers them.

    Args:
        host: address to listen on; other than loopback a token is needed.
        port: None takes the first free one from 8000.
        policy: the Content-Security-Policy of every answer.
        token: the one that is needed; by default one of its own.
        spelled: see `OPTIONS`.

    Raises:
        CameraError: the port is taken.
        UsageError: there is no such host or port.

    Attributes:
        COMMAND: that serves it, for messages.
        MOST_BODY: bytes that may be posted at once.
        HEADERS: of every answer, beside those that all pages get.
    """

    COMMAND: ClassVar[str] = "edgecnn demo"
    MOST_BODY: ClassVar[int] = MOST_BODY
    HEADERS: ClassVar[Mapping[str, str]] = {}

    def __init__(
        self,
        host: str,
        port: int | None,
        policy: str,
        token: str = "",
        spelled: tuple[str, str] = OPTIONS,
    ) -> None:
        self.policy, self.spelled = policy, spelled
        self.uploads = Uploads()
        self._host = host
        self._server = listen(_Server, host, port, spelled)
        # By the address that was bound: a name may say anything.
        needs_token = not is_loopback(str(self._server.server_address[0]))
        self.token = token or (secrets.token_urlsafe(12) if needs_token else "")
        self._server.owner = self
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.2,), name="page", daemon=True)
        self._thread.start()

    @abstractmethod
    def answer(self, request: Request, path: str, fields: dict[str, str]) -> None:
        """Answer a GET by `request.send`.

        Args:
            request: the request.
            path: without the query.
            fields: of the query.
        """

    def accept(self, request: Request, path: str, body: bytes) -> None:
        """Answer a POST by `request.send`; by default there is nothing to post to.

        Args:
            request: the request, which a page of this server sent.
            path: without the query.
            body: at most `most_body` bytes.
        """
        request.send(b"Not here.", "text/plain; charset=utf-8", HTTPStatus.NOT_FOUND)

    def most_body(self, path: str) -> int:
        """The size, in bytes, of the largest body that may be posted to a path."""
        return self.MOST_BODY

    def admits(self, request: Request, path: str, given: str) -> bool:
        """Whether a request may be answered.

        Args:
            request: the request.
            path: without the query.
            given: the token that it gives; empty for none.
        """
        return not self.token or hmac.compare_digest(given.encode(), self.token.encode())

    def addresses(self) -> list[str]:
        """Where to look, the likeliest first."""
        hosts = [self._host]
        if self._host in ("0.0.0.0", "::", ""):
            hosts = [own_address(), socket.gethostname() + ".local"]
        query = f"/?token={self.token}" if self.token else "/"
        return [f"http://{f'[{host}]' if ':' in host else host}:{self.port}{query}" for host in hosts]

    def close(self) -> None:
        """Stop listening and hang up."""
        self._server.shutdown()
        self._server.server_close()
        self._server.crowd.hang_up()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    owner: WebServer

    def __init__(self, address: tuple[str, int], family: socket.AddressFamily) -> None:
        self.address_family = family
        self.crowd = Crowd()
        super().__init__(address, Request)

    def server_bind(self) -> None:
        # http.server would ask the name service for our own name here, which can take seconds.
        sockets.claim(self.socket)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self.crowd.enter(request):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:  # no thread could be started
            self.crowd.leave(request)
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.crowd.leave(request)

    def service_actions(self) -> None:
        """Called several times a second."""
        self.crowd.hang_up(_REQUEST_S, _ANSWER_S)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A viewer that vanishes is no error."""


class Request(BaseHTTPRequestHandler):
    """A request, and the way to answer it."""

    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = _SOCKET_TIMEOUT_S
    disable_nagle_algorithm = True

    def handle_one_request(self) -> None:
        """As `http.server` does it, with the time of the crowd."""
        self.server.crowd.asks(self.connection)
        super().handle_one_request()

    def do_GET(self) -> None:
        """Refuse what this server is not for; its owner answers the rest."""
        self.server.crowd.hears(self.connection)
        path, fields = self.asked()
        if not self._is_refused(path, fields):
            self.server.owner.answer(self, path, fields)

    def do_POST(self) -> None:
        """Refuse also what no page of this server sent: others can post too, but neither from here nor these types."""
        length, owner = self.headers.get("Content-Length", ""), self.server.owner
        path, fields = self.asked()
        if not length.isdecimal() or len(length) > 12 or int(length) > owner.most_body(path):
            self.close_connection = True
            self.send(b"Too long.", "text/plain; charset=utf-8", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        elif int(length) > MOST_BODY:
            self._take_upload(path, fields, int(length))
        else:
            body = self.rfile.read(int(length))
            self.server.crowd.hears(self.connection)
            if not self._is_refused(path, fields, changes=True):
                owner.accept(self, path, body)

    def _take_upload(self, path: str, fields: dict[str, str], length: int) -> None:
        """A large body, only from whoever may post it."""
        if self._is_refused(path, fields, changes=True):
            self.close_connection = True
            return
        with self.server.owner.uploads.taken(self.rfile, length, self.is_alive) as body:
            if body is not None:
                self.server.owner.accept(self, path, body)
                return
        self.close_connection = True
        self.send(b"It took too long.", "text/plain; charset=utf-8", HTTPStatus.REQUEST_TIMEOUT)

    def is_alive(self) -> None:
        """The answer goes on: its time begins anew."""
        self.server.crowd.hears(self.connection)

    def asked(self) -> tuple[str, dict[str, str]]:
        """The path, and the fields of the query."""
        path, _, query = self.path.partition("?")
        return path, dict(urllib.parse.parse_qsl(query))

    def _is_refused(self, path: str, fields: dict[str, str], changes: bool = False) -> bool:
        refusal = self._refusal(path, fields)
        is_ours = self.headers.get("Origin") and self.headers.get("Content-Type") in _FROM_HERE_ONLY
        if changes and not refusal and not is_ours:
            refusal = "Only the page itself can change something."
        if refusal:
            self.send(refusal.encode(), "text/plain; charset=utf-8", HTTPStatus.FORBIDDEN)
        return bool(refusal)

    def _refusal(self, path: str, fields: dict[str, str]) -> str:
        """Why this request is not served; empty when it is.

        On loopback the Host header must be a loopback name, or any page in the browser could reach us under a name of
        its own that resolves to 127.0.0.1 (DNS rebinding). On other addresses the token does that and more.
        """
        host = self.headers.get("Host", "")
        name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
        given = fields.get("token") or self.headers.get("Authorization", "").removeprefix("Bearer ")
        owner = self.server.owner
        if not owner.admits(self, path, given):
            return "The address is incomplete. Open the whole address that edgecnn printed; it ends with a token."
        if not owner.token and not is_loopback(name):
            return (
                f"This page was requested as {name!r}, but it is served to this machine only. To serve it to the "
                f"network, see {owner.spelled[0].strip(' =')} in {owner.COMMAND} --help."
            )
        origin = self.headers.get("Origin")
        if origin is not None and urllib.parse.urlsplit(origin).netloc != host:
            return "This page can't be read by another website."
        return ""

    def send(
        self, body: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None
    ) -> None:
        """Answer with a body of a media type, and headers of this answer alone; a long one may take its time."""
        self.begin(kind, status, len(body), headers)
        for start in range(0, len(body), _PART_BYTES):
            self.is_alive()
            self.wfile.write(body[start : start + _PART_BYTES])

    def begin(
        self,
        kind: str,
        status: HTTPStatus = HTTPStatus.OK,
        length: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Send the headers; without a length the body ends with the connection."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if length is None:
            self.send_header("Connection", "close")  # http.server closes it then
        else:
            self.send_header("Content-Length", str(length))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", self.server.owner.policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        for name, value in {**self.server.owner.HEADERS, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()

    def version_string(self) -> str:
        """No versions of Python: they are nobody's business."""
        return "edgecnn"

    def log_message(self, format: str, *args: Any) -> None:
        """Standard error belongs to the command."""


def free_port(host: str, port: int | None) -> int:
    """A port that can be listened on: `port`, or the first free one from 8000.

    Raises:
        CameraError: `port` is taken.
    """
    with listen(_Server, host, port) as probe:
        return int(probe.server_address[1])
