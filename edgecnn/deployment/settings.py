"""What `edgecnn deploy` takes."""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.core.options import Key, SettingError, Settings, option
from edgecnn.deployment.board.places import NAME


@dataclass(frozen=True)
class Boards(Settings):
    """Which boards."""

    device: tuple[str, ...] = option(
        "Board: a name from `edgecnn devices list`, [ssh://][user@]host[:port], or local for this machine; may be "
        "repeated.",
        (), metavar="DEVICE", repeated=True,
    )  # fmt: skip

    @property
    def devices(self) -> tuple[str, ...]:
        """The boards.

        Raises:
            SettingError: none is given.
        """
        if not self.device:
            raise SettingError(
                Key("device"), " is missing; expected a board, for example pi4 or pi@pi4.local, or local for this one."
            )
        return tuple(dict.fromkeys(self.device))


@dataclass(frozen=True)
class Target(Boards):
    """Which deployment, on which boards."""

    name: str = option("Name of the deployment; its unit is edgecnn-NAME.service.", "camera", metavar="NAME")
    user: bool = option("Deploy as a service of your user on the board, which is the default.", False)
    system: bool = option(
        "Deploy as a service of the system, which runs as a user of its own; needs `sudo -n` on the board.", False
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not NAME.fullmatch(self.name):
            raise SettingError(
                Key("name"),
                f" is {self.name!r}; expected up to 32 lower-case letters, digits, - and _, for example door.",
            )
        if self.user and self.system:
            raise SettingError(Key("user"), " and ", Key("system"), " are both given. Remove one of them.")


@dataclass(frozen=True)
class LogSettings(Settings):
    """What is shown of a journal."""

    lines: int = option("Number of lines.", 50, low=1, high=100_000, metavar="N")
    follow: bool = option("Stay, and show new lines as they come.", False)
