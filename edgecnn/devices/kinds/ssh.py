"""A board over ssh."""

from __future__ import annotations

from edgecnn.devices import Listener
from edgecnn.devices.address import Address
from edgecnn.devices.known import Entry
from edgecnn.devices.ssh_client import Client
from edgecnn.devices.ssh_device import SshDevice


def open(entry: Entry, note: Listener) -> SshDevice:
    """A board by `[user@]host[:port]`; connects when it is first used."""
    return SshDevice(entry.name, Client(Address.parse(entry.target), entry.ssh_config), note)
