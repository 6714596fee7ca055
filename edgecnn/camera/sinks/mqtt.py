"""MQTT: state and events are retained at a broker, and Home Assistant shows them by itself."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecnn.camera.credentials import read_login
from edgecnn.camera.home_assistant import OFFLINE, ONLINE, Entity
from edgecnn.camera.rule import ANY, Rule
from edgecnn.camera.sink import Event, SinkError, SinkOptions, Surroundings, identifier
from edgecnn.core.errors import EdgecnnError, MissingExtraError, UsageError
from edgecnn.core.options import option
from edgecnn.core.text import printable
from edgecnn.runtime.home import expanded

SUMMARY = "MQTT broker: retained state, availability, Home Assistant discovery"
EXAMPLE = "mqtt:broker.local,credentials=~/mqtt.txt,when=person>=0.8 for 3"
ARGUMENT = "host"
LIBRARIES = ("paho",)
_HOST = re.compile(r"\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+")
_LONGEST_TOPIC = 200
_ANSWER_S = 10.0  # for the broker to confirm a message
_GOODBYE_S = 1.0
_KEEP_ALIVE_S = 30  # the broker calls us gone after one and a half of it
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1, 60


@dataclass(frozen=True)
class Options(SinkOptions):
    """Which broker, and what is written there."""

    host: str = option("The broker's name or address.", "localhost", metavar="HOST")
    port: int | None = option("Its port.", low=1, high=65535, default_help="1883, with TLS 8883")
    credentials: Path | None = option("File whose first line is USER:PASSWORD.")
    tls: bool = option("Encrypt, and check the broker's certificate (yes or no).", False)
    ca: Path | None = option("File of the certificate authority, for a broker with one of its own; implies tls.")
    device: str = option("Name of the device in topics and in Home Assistant.", "", default_help="this machine's name")
    topic: str = option("What topics begin with.", "", default_help="edgecnn/DEVICE/CLASS")
    discovery: str = option("Prefix of Home Assistant's discovery; none for no discovery.", "homeassistant")

    @property
    def encrypts(self) -> bool:
        """Whether the connection is by TLS."""
        return self.tls or self.ca is not None

    @property
    def port_or_default(self) -> int:
        """The broker's port."""
        return self.port or (8883 if self.encrypts else 1883)


def check(options: Options) -> None:
    """Host and topics are what MQTT allows."""
    if not _HOST.fullmatch(options.host):
        shown = "a text with @" if "@" in options.host else repr(options.host)
        raise UsageError(
            f"host is {shown}; expected a name or address, for example broker.local. Port and password are "
            "settings of their own: port=N,credentials=FILE."
        )
    for key, topic in (("topic", options.topic), ("discovery", options.discovery)):
        if not _is_topic(topic) and topic:
            raise UsageError(
                f"{key} is {topic!r}; expected a topic without +, #, control characters or $ at its start."
            )


def places(options: Options, rule: Rule) -> tuple[str, ...]:
    """Topics: what is retained there is one sink's."""
    entity = _entity(options, rule.label, "")
    topics = [entity.topic, *([entity.discovery_topic(options.discovery)] if options.discovery != "none" else [])]
    return tuple(f"the topic {topic} of {options.host}:{options.port_or_default}" for topic in topics)


def _entity(options: Options, label: str, model: str) -> Entity:
    device = options.device or socket.gethostname()
    part = "answer" if label == ANY else identifier(label)
    return Entity(device, label, options.topic or f"edgecnn/{identifier(device)}/{part}", model)


def _is_topic(text: str) -> bool:
    fits = len(text.encode("utf-8", "replace")) <= _LONGEST_TOPIC and text.isprintable()
    return fits and not set("+#") & set(text) and not text.startswith(("$", "/")) and not text.endswith("/")


class Mqtt:
    """A connection that is made again by itself; whenever it is made, all that is retained is written anew.

    Args:
        client: of paho, not connected yet.
        options: the settings.
        entity: what is written.
        note: told when the broker can't be reached, and when it is again.
    """

    def __init__(self, client: Any, options: Options, entity: Entity, note: Callable[[str], None]) -> None:
        self._client, self._options, self._entity, self._note = client, options, entity, note
        port = options.port_or_default
        self.name = f"{options.host}:{port}"
        self._lock = threading.Lock()
        self._state, self._attributes = entity.state(None), "{}"
        self._up = threading.Event()
        self._problem = ""  # what a person was told of
        client.on_connect, client.on_connect_fail = self._connected, self._unreachable
        client.on_disconnect = self._disconnected
        client.will_set(entity.availability_topic, OFFLINE, qos=1, retain=True)
        client.reconnect_delay_set(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        client.connect_async(options.host.strip("[]"), port, keepalive=_KEEP_ALIVE_S)
        client.loop_start()

    def send(self, event: Event) -> None:
        """Write the event and the state, and wait until the broker has both."""
        with self._lock:
            if event.change is not None:
                self._state = self._entity.state(event.change)
            self._attributes = json.dumps(event.record)
        if not self._up.wait(_ANSWER_S):
            raise SinkError(self._problem or "the broker does not answer")
        with self._lock:
            messages = [self._publish(*each) for each in self._news()]
        try:
            for message in messages:
                message.wait_for_publish(_ANSWER_S)
            confirmed = all(message.is_published() for message in messages)
        except (ValueError, RuntimeError) as error:
            raise SinkError("the connection to the broker was lost") from error
        if not confirmed:
            raise SinkError("the broker does not confirm what is written")

    def close(self) -> None:
        """Say that we are gone, and go."""
        if self._up.is_set():
            with contextlib.suppress(ValueError, RuntimeError):
                self._publish(self._entity.availability_topic, OFFLINE).wait_for_publish(_GOODBYE_S)
        self._client.disconnect()
        self._client.loop_stop()

    def _news(self) -> list[tuple[str, str]]:
        """Topics and messages of the last event; the state comes last, since others react to it."""
        return [(self._entity.attributes_topic, self._attributes), (self._entity.state_topic, self._state)]

    def _publish(self, topic: str, text: str) -> Any:
        return self._client.publish(topic, text.encode("utf-8", "replace"), qos=1, retain=True)

    def _connected(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._trouble(f"the broker refused the connection ({reason}). Check the file of credentials=")
            return
        entity, prefix = self._entity, self._options.discovery
        with self._lock:
            if prefix != "none":
                self._publish(entity.discovery_topic(prefix), entity.discovery())
            for topic, text in [(entity.availability_topic, ONLINE), *self._news()]:
                self._publish(topic, text)
        self._up.set()
        if self._problem:
            self._note(f"The sink mqtt {self.name} is connected.")
            self._problem = ""

    def _unreachable(self, client: Any, userdata: Any) -> None:
        error = sys.exc_info()[1]  # paho calls this while it handles the error
        self._trouble(f"the broker can't be reached ({error})" if error else "the broker can't be reached")

    def _disconnected(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        was_up = self._up.is_set()
        self._up.clear()
        if was_up and reason.is_failure:
            self._trouble(f"the connection to the broker was lost ({reason})")

    def _trouble(self, problem: str) -> None:
        if not self._problem:
            self._note(f"The sink mqtt {self.name}: {printable(problem)}. It is tried again, with growing pauses.")
        self._problem = problem


def open_sink(options: Options, surroundings: Surroundings) -> Mqtt:
    """Begin to connect."""
    try:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion
    except ImportError as error:
        raise MissingExtraError(f'--sink mqtt needs paho-mqtt 2: pip install "edgecnn[mqtt]" ({error})') from error
    entity = _entity(options, surroundings.rule.label, surroundings.model)
    client = Client(CallbackAPIVersion.VERSION2)
    if options.credentials:
        client.username_pw_set(*read_login(options.credentials, surroundings.note))
    if options.encrypts:
        client.tls_set_context(_context(options.ca))
    return Mqtt(client, options, entity, surroundings.note)


def _context(ca: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=None if ca is None else str(expanded(str(ca))))
    except OSError as error:  # ssl.SSLError is one
        raise EdgecnnError(f"Can't read certificates from ca={ca}: {error.strerror or error}.") from error
