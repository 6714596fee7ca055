"""Webhooks: every event is posted to an address as JSON."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from edgecnn.camera.connection import Handler, Patience
from edgecnn.camera.credentials import read_login, read_secret
from edgecnn.camera.sink import Event, RefusedError, SinkError, SinkOptions, Surroundings
from edgecnn.core.errors import UsageError
from edgecnn.core.options import option
from edgecnn.core.version import __version__

SUMMARY = "HTTP POST of each event as JSON"
EXAMPLE = "webhook:https://example.org/hooks/door,timeout=5"
ARGUMENT = "url"
_TRY_AGAIN = (408, 425, 429)  # and 5xx: the other side's trouble, not the event's


@dataclass(frozen=True)
class Options(SinkOptions):
    """Where to post."""

    url: str = option("Address to post to, http:// or https://.", "", metavar="URL")
    timeout: float = option("Seconds that a request may take in all.", 10.0, above=0, high=600, unit="seconds")
    credentials: Path | None = option("File whose first line is USER:PASSWORD, for HTTP basic authentication.")
    token: Path | None = option("File whose first line is a token, sent as `Authorization: Bearer`.")


def check(options: Options) -> None:
    """The address is one of HTTP and holds no password."""
    try:
        parts = urllib.parse.urlsplit(options.url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        parts, valid = urllib.parse.SplitResult("", "", "", "", ""), False
    if parts.username is not None or "@" in parts.netloc:
        raise UsageError("url holds a user name. Put USER:PASSWORD into a file: credentials=FILE.")
    if not valid or not options.url.isascii() or not options.url.isprintable() or " " in options.url:
        shown = repr(options.url) if "@" not in options.url else "another text"
        raise UsageError(
            f"url is {shown}; expected an address such as https://example.org/hooks/door, percent-encoded."
        )
    if options.credentials and options.token:
        raise UsageError("credentials and token are both given. Remove one of them.")


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirected POST would become a GET, and take its password to a stranger."""

    def redirect_request(self, *_: Any) -> None:
        return None


class Webhook:
    """Posts events, each on a connection of its own."""

    def __init__(self, options: Options, authorization: str) -> None:
        parts = urllib.parse.urlsplit(options.url)
        self.name = f"{parts.scheme}://{parts.netloc}"  # the path of a webhook is often its secret
        self._options = options
        self._headers = {"Content-Type": "application/json", "User-Agent": f"edgecnn/{__version__}"}
        if authorization:
            self._headers["Authorization"] = authorization

    def send(self, event: Event) -> None:
        """Post it."""
        request = urllib.request.Request(
            self._options.url, json.dumps(event.record).encode(), self._headers, method="POST"
        )
        patience = Patience(self._options.timeout)
        try:
            opener = urllib.request.build_opener(Handler(patience), _NoRedirects())
            with opener.open(request, timeout=self._options.timeout) as response:
                response.read(1 << 16)
        except urllib.error.HTTPError as error:
            error.close()
            kind = SinkError if error.code >= 500 or error.code in _TRY_AGAIN else RefusedError
            raise kind(f"it answered with status {error.code}") from error
        except (OSError, ValueError, HTTPException) as error:
            raise SinkError(self._reason(error, patience.is_over)) from error
        finally:
            patience.end()

    def close(self) -> None:
        """Nothing is open."""

    def _reason(self, error: Exception, is_late: bool) -> str:
        if is_late or isinstance(getattr(error, "reason", error), TimeoutError):
            return f"no answer within {self._options.timeout:g} seconds"
        return str(getattr(error, "reason", "") or error or type(error).__name__)


def open_sink(options: Options, surroundings: Surroundings) -> Webhook:
    """Read the credentials; nothing is sent yet."""
    authorization = ""
    if options.credentials:
        login = ":".join(read_login(options.credentials, surroundings.note))
        authorization = f"Basic {base64.b64encode(login.encode()).decode()}"
    if options.token:
        authorization = f"Bearer {read_secret(options.token, surroundings.note)}"
    return Webhook(options, authorization)
