"""Lines of JSON on standard output: what a service's journal and a container's log keep."""

from __future__ import annotations

import json
from dataclasses import dataclass

from edgecnn.camera.sink import Event, SinkError, SinkOptions, Surroundings

SUMMARY = "a line of JSON per event on standard output, e.g. for the journal of a service"
EXAMPLE = "stdout:when=person>=0.8 for 3"
ARGUMENT = ""
_KEYS = ("event", "class", "probability", "at", "latency_ms")


@dataclass(frozen=True)
class Options(SinkOptions):
    """Nothing of its own."""


class Lines:
    """Standard output."""

    name = ""

    def send(self, event: Event) -> None:
        """Write what changed."""
        if event.change is None:
            return
        try:
            print(json.dumps({key: event.record[key] for key in _KEYS if key in event.record}), flush=True)
        except OSError as error:
            raise SinkError(error.strerror or "nobody reads it") from error

    def close(self) -> None:
        """It stays open."""


def open_sink(options: Options, surroundings: Surroundings) -> Lines:
    """Nothing to open."""
    return Lines()
