"""HTTP: the last answer as JSON, server-sent events, and Prometheus metrics, from a port of its own.

Server-sent events are those of https://html.spec.whatwg.org/multipage/server-sent-events.html.
"""

from __future__ import annotations

import json
import threading
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from edgecnn.camera.credentials import read_secret
from edgecnn.camera.prometheus import CONTENT_TYPE, Sample, metric
from edgecnn.camera.sink import Event, SinkOptions, Surroundings
from edgecnn.core.errors import EdgecnnError
from edgecnn.core.options import option
from edgecnn.web.web_server import Request, WebServer

SUMMARY = "HTTP server: `/last` (JSON), `/events` (server-sent events), `/metrics` (Prometheus)"
EXAMPLE = "http:8090,host=0.0.0.0,token=~/token.txt"
ARGUMENT = "port"
_POLICY = "default-src 'none'; frame-ancestors 'none'"
_KEPT = 64  # events that a listener may be behind
_MOST_DIGITS = 18
_HEARTBEAT_S = 1.0  # a listener hears something at least so often
_COUNTS = ("captured", "dropped", "inferred", "corrupt")


@dataclass(frozen=True)
class Options(SinkOptions):
    """Where to listen."""

    port: int = option("Port to listen on.", 8090, low=1, high=65535)
    host: str = option("Address to listen on; 0.0.0.0 for the network, where a token is needed.", "127.0.0.1")
    token: Path | None = option(
        "File whose first line is the token.", default_help="beyond this machine, one that is made at each start"
    )


def every_answer(options: Options) -> bool:
    """The last one is asked for at any time."""
    return True


class Board:
    """What is known now, and the latest events, for any thread."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.last: dict[str, Any] = {}
        self.events: deque[tuple[int, bytes]] = deque(maxlen=_KEPT)
        self.closed = False
        self._seen: Counter[str] = Counter()
        self._sum_s, self._number = 0.0, 0

    def tell(self, event: Event) -> None:
        """Take notice of an event."""
        with self.changed:
            self.last = dict(event.record)
            self._sum_s += float(event.record["latency_ms"]) / 1e3
            self._number += 1
            if event.change is not None and event.change.seen:
                self._seen[event.change.label] += 1
            kind = "answer" if event.change is None else str(event.record["event"])
            text = f"id: {self._number}\nevent: {kind}\ndata: {json.dumps(self.last)}\n\n"
            self.events.append((self._number, text.encode()))
            self.changed.notify_all()

    def number(self, known: str) -> int:
        """Of the last event that a listener knows, by what it says, or else of the last one that there was."""
        is_number = known.isascii() and known.isdecimal() and len(known) <= _MOST_DIGITS
        with self.changed:
            return min(int(known), self._number) if is_number else self._number

    def after(self, number: int) -> tuple[int, bytes]:
        """The events after a number, waiting a moment for one: the number of the newest, and their text."""
        with self.changed:
            self.changed.wait_for(lambda: self.closed or (self.events and self.events[-1][0] > number), _HEARTBEAT_S)
            found = [(each, text) for each, text in self.events if each > number]
        return (found[-1][0], b"".join(text for _, text in found)) if found else (number, b":\n\n")

    def close(self) -> None:
        """Release those that listen."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()

    def metrics(self) -> str:
        """As Prometheus reads them."""
        with self.changed:
            last, seen, sum_s, count = self.last, dict(self._seen), self._sum_s, self._number
        # The surest answer comes first: of a class that was found twice it is the one that stays.
        found = [each for each in reversed(last.get("classes", [])) if each["probability"] is not None]
        classes = {str(each["label"]): float(each["probability"]) for each in found}
        frames = [
            metric(f"edgecnn_frames_{name}_total", "counter", f"Frames {name}.", [("", {}, last.get(name, 0))])
            for name in _COUNTS
        ]
        times: list[Sample] = [("_sum", {}, sum_s), ("_count", {}, count)]
        latency = metric("edgecnn_latency_seconds", "summary", "From the glass to the answer.", times)
        shown = [("", {"class": label}, value) for label, value in classes.items()]
        probability = metric("edgecnn_probability", "gauge", "Of the classes of the last answer.", shown)
        often = [("", {"class": label}, value) for label, value in seen.items()]
        events = metric("edgecnn_seen_total", "counter", "How often a class was seen, by the rule.", often)
        return "".join([*frames, latency, probability, events, *_of_objects(last.get("objects", {}))])


def _of_objects(counts: Mapping[str, Any]) -> list[str]:
    """Metrics of what a detector's demo counts, see `edgecnn.camera.regions.Scene.to_json`."""
    if not counts:
        return []
    now: list[Sample] = [("", {"class": label}, value) for label, value in counts["now"].items()]
    ever: list[Sample] = [("", {"class": label}, value) for label, value in counts["seen"].items()]
    passed: list[Sample] = [
        ("", {"line": name, "direction": way, "class": label}, value)
        for name, ways in counts.get("lines", {}).items()
        for way, each in ways.items()
        for label, value in each.items()
    ]
    inside: list[Sample] = [
        ("", {"zone": name, "class": label}, value)
        for name, each in counts.get("zones", {}).items()
        for label, value in each.items()
    ]
    return [
        metric("edgecnn_objects", "gauge", "Objects in sight.", now),
        metric("edgecnn_objects_total", "counter", "Objects that were ever in sight.", ever),
        metric("edgecnn_line_passed_total", "counter", "Objects that passed a line.", passed),
        metric("edgecnn_zone_objects", "gauge", "Objects in a zone.", inside),
    ]


class _Server(WebServer):
    def __init__(self, board: Board, options: Options, token: str) -> None:
        self._board = board
        super().__init__(options.host, options.port, _POLICY, token, ("host=", "port="))

    def answer(self, request: Request, path: str, fields: dict[str, str]) -> None:
        if path in ("/", "/last"):
            with self._board.changed:
                last = self._board.last
            request.send(json.dumps(last).encode(), "application/json")
        elif path == "/metrics":
            request.send(self._board.metrics().encode(), CONTENT_TYPE)
        elif path == "/events":
            self._stream(request)
        else:
            request.send(
                b"Not here. There are /last, /events and /metrics.", "text/plain; charset=utf-8", HTTPStatus.NOT_FOUND
            )

    def _stream(self, request: Request) -> None:
        """Events from now on, or after the last one that a listener knows, until it goes or is too slow for us."""
        number = self._board.number(request.headers.get("Last-Event-ID", ""))
        request.begin("text/event-stream")  # who sees this misses nothing any more
        while not self._board.closed:
            number, text = self._board.after(number)
            request.wfile.write(text)
            request.is_alive()


class Http:
    """An open server."""

    def __init__(self, options: Options, token: str) -> None:
        self._board = Board()
        self._server = _Server(self._board, options, token)
        self.addresses = self._server.addresses()
        self.name = f"{options.host}:{self._server.port}"

    def send(self, event: Event) -> None:
        """Show it to those who ask."""
        self._board.tell(event)

    def close(self) -> None:
        """Stop listening."""
        self._board.close()
        self._server.close()


def open_sink(options: Options, surroundings: Surroundings) -> Http:
    """Listen, and say where."""
    token = read_secret(options.token, surroundings.note) if options.token else ""
    try:
        sink = Http(options, token)
    except EdgecnnError as error:
        raise type(error)(f"--sink http: {error}") from error
    address = sink.addresses[0].replace(token, "TOKEN") if token else sink.addresses[0]
    surroundings.note(f"Sink http: {address.replace('/?', '/last?')}")
    return sink
