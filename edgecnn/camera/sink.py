"""Sinks: where the answers of a camera go. One file per kind in `edgecnn/camera/sinks/`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from edgecnn.camera.rule import Change, Rule
from edgecnn.core.errors import EdgecnnError
from edgecnn.core.options import Settings, option

if TYPE_CHECKING:
    from edgecnn.camera.recognize import Answer


class SinkError(EdgecnnError):
    """An event could not be sent; another try may help."""


class RefusedError(SinkError):
    """An event was refused, and would be again."""


@dataclass(frozen=True)
class SinkOptions(Settings):
    """Settings of every sink; a kind adds its own."""

    when: str = option(
        "Rule: which answers are an event; put it between double quotes if it has a comma.", "", metavar="RULE",
        default_help="the one of --when; otherwise a class is seen after 3 equal answers",
    )  # fmt: skip
    queue: int = option("Number of events that may wait; older ones are dropped.", 32, low=1, high=10_000)
    retries: int = option("Number of further tries for an event that could not be sent.", 5, low=0, high=1000)


@dataclass(frozen=True)
class Event:
    """What a sink is told.

    Attributes:
        record: JSON values: the line of `--headless`; where something changed, also what.
        change: what changed by the sink's rule; None for one answer of many.
        answer: with the image, for kinds that ask for `PICTURES`.
    """

    record: Mapping[str, Any]
    change: Change | None = None
    answer: Answer | None = None


@dataclass(frozen=True)
class Surroundings:
    """What a sink may want to know when it is opened.

    Attributes:
        model: its name.
        labels: its classes; empty where they have only numbers.
        rule: which answers are an event.
        note: told what a person wants to know.
    """

    model: str
    labels: tuple[str, ...] = ()
    rule: Rule = field(default_factory=Rule)
    note: Callable[[str], None] = lambda message: None


class Sink(Protocol):
    """An open sink, used by one thread only.

    Attributes:
        name: for people; without secrets.
    """

    name: str

    def send(self, event: Event) -> None:
        """Send an event; may take seconds, but ends.

        Raises:
            RefusedError: there is no use in trying again.
            SinkError: it could not be sent; the message is one sentence that names no password.
        """

    def close(self) -> None:
        """No more events come."""


class SinkFile(Protocol):
    """What a file of `edgecnn/camera/sinks/` has to hold.

    Attributes:
        SUMMARY: what it does, in a line.
        EXAMPLE: a `--sink`.
        ARGUMENT: the setting that is written first, without its key; empty if there is none.
        Options: its settings, a subclass of `SinkOptions`.
    """

    SUMMARY: str
    EXAMPLE: str
    ARGUMENT: str
    Options: Any

    def open_sink(self, options: Any, surroundings: Surroundings) -> Sink:
        """Open it, without waiting for the network.

        Raises:
            EdgecnnError: a library or a file is missing; the message says what to do.
        """


class SinkKind(SinkFile, Protocol):
    """The same with what a file may leave out.

    Attributes:
        PICTURES: whether events are to have their answer with its image.
        LIBRARIES: modules of pure Python that it imports; a deployment takes them along.
        GROUPS: of users who may open its devices, and DEVICES, what systemd calls these.
    """

    PICTURES: bool = False
    LIBRARIES: tuple[str, ...] = ()
    GROUPS: tuple[str, ...] = ()
    DEVICES: tuple[str, ...] = ()

    @staticmethod
    def check(options: Any) -> None:
        """Refuse settings that don't fit together, without opening anything.

        Raises:
            UsageError: received, expected, remedy.
        """

    @staticmethod
    def places(options: Any, rule: Rule) -> tuple[str, ...]:
        """Where it writes, if another sink that writes there would overwrite it; for people."""
        return ()

    @staticmethod
    def every_answer(options: Any) -> bool:
        """Whether it is told all answers, not only those by which something changed."""
        return False


_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST = 40


def identifier(text: str) -> str:
    """A name of letters, digits, `_` and `-` that no other text has, for topics and file names."""
    plain = _UNSAFE.sub("_", text)[:_LONGEST]
    return plain if plain == text else f"{plain}-{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:8]}"
