"""Where a page's server listens: a free port, or a sentence about who has the one that was asked for."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TypeVar

from edgecnn.core.errors import CameraError, UsageError
from edgecnn.runtime.portable import sockets
from edgecnn.web.addresses import holder

FIRST_PORT = 8000
OPTIONS = ("--host ", "--port ")
"""How the settings of host and port are written in messages."""
_TRIES = 20
_LAST_PORT = 65535
Server = TypeVar("Server")


def listen(
    make: Callable[[tuple[str, int], socket.AddressFamily], Server],
    host: str,
    port: int | None,
    spelled: tuple[str, str] = OPTIONS,
) -> Server:
    """What `make` gives for an address of this machine.

    Args:
        make: takes address and port, and the family of the address; raises OSError where it can't be listened on.
        host: a name or an address.
        port: None takes the first free one from 8000.
        spelled: see `OPTIONS`.

    Raises:
        CameraError: the port is taken.
        UsageError: there is no such host or port.
    """
    to_host, to_port = spelled
    try:
        family, *_, address = socket.getaddrinfo(host, port or 0, type=socket.SOCK_STREAM)[0]
    except (socket.gaierror, OverflowError, UnicodeError) as error:
        raise UsageError(
            f"The address {to_host}{host} {to_port}{port} is not valid: {error}. Expected an address of this machine, "
            "such as 0.0.0.0."
        ) from error
    ports = [port] if port is not None else [*range(FIRST_PORT, FIRST_PORT + _TRIES), 0]
    for candidate in ports:
        try:
            return make((str(address[0]), candidate), family)
        except OSError as error:
            if error.errno not in sockets.TAKEN:
                raise UsageError(
                    f"Can't listen on {host} port {candidate}: {error.strerror}. Choose another "
                    f"{to_host.strip(' =')} or {to_port.strip(' =')}."
                ) from error
    assert port is not None
    raise _taken(port, str(address[0]), family, to_port)


def _taken(port: int, address: str, family: socket.AddressFamily, to_port: str) -> CameraError:
    """Who has a port, and which other is free."""
    others = range(port + 1, min(port + 100, _LAST_PORT + 1))
    free = next((other for other in others if _is_free(address, other, family)), None)
    remedy = (
        f"Port {free} is free: {to_port}{free}"
        if free
        else f"Remove {to_port.strip(' =')}, or choose a quite different port."
    )
    return CameraError(f"Port {port} is already used by {holder(port)}. {remedy}")


def _is_free(host: str, port: int, family: socket.AddressFamily) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        sockets.claim(probe)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
