"""The text of a systemd unit: least privilege, a watchdog, and the turns of a version on trial."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgecnn.core.text import printable
from edgecnn.deployment.board.places import Places

CREDENTIALS = "credentials"
"""Folder of a version for the files with passwords and tokens that sinks read."""
WATCHDOG_S = 60
START_S = 180
STOP_S = 20
_AGAIN_S = 5
_PLAIN = re.compile(r"[A-Za-z0-9@/._:,=+-]+", re.ASCII)

# What every service of ours gives up. https://www.freedesktop.org/software/systemd/man/systemd.exec.html
_SANDBOX = """\
NoNewPrivileges=yes
ProtectSystem=strict
PrivateTmp=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectHostname=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
UMask=0077
"""
# A user's manager can make these name spaces only with a user name space around them.
_OF_A_USER = """\
PrivateUsers=yes
ProtectHome=read-only
"""
_OF_THE_SYSTEM = """\
DynamicUser=yes
ProtectHome=yes
ProtectClock=yes
ProtectProc=invisible
CapabilityBoundingSet=
AmbientCapabilities=
RemoveIPC=yes
DevicePolicy=closed
"""


@dataclass(frozen=True)
class Service:
    """What a unit starts.

    Attributes:
        python: the interpreter's path.
        title: for people.
        packages: folder of Python packages, where they are not the interpreter's own.
        groups: of the devices that are used; only a system's service names them, a user's has those of the user.
        devices: classes of devices or paths, as `DeviceAllow=` takes them.
        credentials: names of files below `CREDENTIALS`.
    """

    python: str
    title: str
    packages: str = ""
    groups: Sequence[str] = ("video",)
    devices: Sequence[str] = ()
    credentials: Sequence[str] = ()


def text(places: Places, service: Service) -> str:
    """The unit file of a version of a deployment."""
    current, scope = places.root / "current", "" if places.system else " --user"
    own = _OF_THE_SYSTEM + _for_devices(service, current) if places.system else _OF_A_USER
    network = "Wants=network-online.target\nAfter=network-online.target\n" if places.system else ""
    packages = f"Environment={_quoted(f'PYTHONPATH={service.packages}')}\n" if service.packages else ""
    return f"""\
# Written by edgecnn deploy; an update replaces it.
[Unit]
Description=edgecnn {_escaped(places.name)}: {_escaped(service.title)}
{network}StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
WorkingDirectory={_path(current)}
ExecStartPre=+/bin/sh ./turn begin
ExecStart={_quoted(service.python.replace("$", "$$"))} -B ./app.pyz serve
ExecStartPost=+/bin/sh ./turn keep
ExecStopPost=+/bin/sh ./turn end{scope}
Restart=always
RestartSec={_AGAIN_S}
TimeoutStartSec={START_S}
TimeoutStopSec={STOP_S}
WatchdogSec={WATCHDOG_S}
Environment=PYTHONUNBUFFERED=1 PYTHONFAULTHANDLER=1 OPENBLAS_NUM_THREADS=1
{packages}CacheDirectory={places.cache.name}
CacheDirectoryMode=0700
ReadOnlyPaths={_quoted(str(places.root))}
{_SANDBOX}{own}
[Install]
WantedBy={places.target}
"""


def _for_devices(service: Service, current: Path) -> str:
    lines = [f"SupplementaryGroups={' '.join(service.groups)}"] if service.groups else []
    lines += [f"DeviceAllow={device} rw" for device in service.devices]
    lines += [f"LoadCredential={_quoted(f'{name}:{current / CREDENTIALS / name}')}" for name in service.credentials]
    return "".join(f"{line}\n" for line in lines)


def _escaped(words: str) -> str:
    """Text in which systemd replaces nothing, on one line; a backslash at its end would join the next one."""
    return printable(words).replace("\\", "/").replace("%", "%%")


def _path(path: Path) -> str:
    """A path where systemd takes spaces as they are."""
    return _escaped(str(path))


def _quoted(word: str) -> str:
    """One word of a command line, a list or an assignment."""
    if _PLAIN.fullmatch(word):
        return word
    escaped = printable(word).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'
