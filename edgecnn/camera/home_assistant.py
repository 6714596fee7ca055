"""Home Assistant's MQTT discovery: a retained message by which a sensor appears there by itself.

The format is https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery. No label stands in a topic or a template.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from edgecnn.camera.rule import ANY, Change
from edgecnn.camera.sink import identifier
from edgecnn.core.text import printable
from edgecnn.core.version import __version__

ONLINE, OFFLINE = "online", "offline"
NOTHING = "none"  # the state without a class; Home Assistant reads "None" as unknown
_LONGEST_STATE = 255  # characters of a state in Home Assistant


@dataclass(frozen=True)
class Entity:
    """A sensor: one that is on or off for a rule that names a class, otherwise one whose state is the class.

    Attributes:
        device: name of the device that it belongs to.
        label: the rule's class; `*` for any.
        topic: what its topics begin with.
        model: name of the model.
    """

    device: str
    label: str
    topic: str
    model: str

    @property
    def component(self) -> str:
        """Which integration shows it."""
        return "sensor" if self.label == ANY else "binary_sensor"

    @property
    def state_topic(self) -> str:
        """Where the state is, retained."""
        return f"{self.topic}/state"

    @property
    def attributes_topic(self) -> str:
        """Where the last event is as JSON, retained."""
        return f"{self.topic}/event"

    @property
    def availability_topic(self) -> str:
        """Where `online` or `offline` is, retained; the broker writes the second when we vanish."""
        return f"{self.topic}/availability"

    def discovery_topic(self, prefix: str) -> str:
        """Where Home Assistant looks."""
        return f"{prefix}/{self.component}/{identifier(self.device)}/{_object(self.label)}/config"

    def discovery(self) -> str:
        """The message there."""
        node = f"edgecnn-{identifier(self.device)}"
        found: dict[str, Any] = {
            "name": "Answer" if self.label == ANY else printable(self.label),
            "unique_id": f"{node}-{_object(self.label)}",
            "state_topic": self.state_topic,
            "json_attributes_topic": self.attributes_topic,
            "availability_topic": self.availability_topic,
            "icon": "mdi:cctv",
            "device": {
                "identifiers": [node],
                "name": printable(self.device),
                "manufacturer": "edgecnn",
                "model": printable(self.model),
                "sw_version": __version__,
            },
            "origin": {"name": "edgecnn", "sw_version": __version__},
        }
        if self.component == "binary_sensor":
            found["payload_on"], found["payload_off"] = "ON", "OFF"
        return json.dumps(found)

    def state(self, change: Change | None) -> str:
        """The state after a change; None for the one at the start."""
        seen = change is not None and change.seen
        if self.component == "binary_sensor":
            return "ON" if seen else "OFF"
        return printable(change.label)[:_LONGEST_STATE] if change is not None and seen else NOTHING


def _object(label: str) -> str:
    return "answer" if label == ANY else f"class-{identifier(label)}"
