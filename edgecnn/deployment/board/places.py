"""Where a deployment lies on a board."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from edgecnn.runtime import home

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}", re.ASCII)
PREFIX = "edgecnn-"


@dataclass(frozen=True)
class Places:
    """Folders of a deployment.

    Attributes:
        name: of the deployment.
        system: whether it is a service of the system, not of a user.
        base: the folder of all deployments.
        units: the folder of unit files.
        cache: the one folder that the service may write to.
        target: the unit that starts the service at boot.
    """

    name: str
    system: bool
    base: Path
    units: Path
    cache: Path
    target: str

    @property
    def root(self) -> Path:
        """The folder of this deployment."""
        return self.base / self.name

    @property
    def unit(self) -> str:
        """Name of the unit."""
        return f"{PREFIX}{self.name}.service"

    @property
    def unit_link(self) -> Path:
        """The unit's file, a link through `current`: unit and version change by one rename."""
        return self.units / self.unit

    @property
    def boot_link(self) -> Path:
        """What `systemctl enable` would make."""
        return self.units / f"{self.target}.wants" / self.unit


def places(name: str, system: bool) -> Places:
    """Of a deployment of the system, or of the user who runs this.

    Raises:
        ValueError: the name is none.
    """
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a deployment")
    if system:
        units, cache = Path("/etc/systemd/system"), Path("/var/cache")
        return Places(name, True, Path("/var/lib/edgecnn"), units, cache / f"{PREFIX}{name}", "multi-user.target")
    own = home.folder()
    base, units = own / ".local/share/edgecnn/deployments", own / ".config/systemd/user"
    return Places(name, False, base, units, own / ".cache" / f"{PREFIX}{name}", "default.target")
