"""The board's service manager: systemctl and loginctl, for the system's services or a user's."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from edgecnn.core.errors import DeviceError
from edgecnn.core.text import printable
from edgecnn.runtime.portable import processes, services

_QUICK_S, _START_S = 60.0, 300.0
_SHOWN = ("ActiveState", "SubState", "StatusText", "NRestarts", "MainPID", "ActiveEnterTimestamp", "Result")
_NOT_BOOTED = ("System has not been booted with systemd", "Failed to connect to bus", "No medium found")


class Manager:
    """The manager of the system, or of the user who runs this.

    Args:
        system: which of the two.
    """

    def __init__(self, system: bool) -> None:
        self.system = system
        self.scope = "" if system else "--user"

    def call(self, *words: str, timeout_s: float = _QUICK_S) -> str:
        """Run systemctl.

        Raises:
            DeviceError: there is no systemd, it can't be reached, or refuses.
        """
        done = self._run(["systemctl", *([self.scope] if self.scope else []), "--no-ask-password", *words], timeout_s)
        if done.returncode:
            raise DeviceError(f"systemctl {' '.join(words)} failed: {self._explained(done.stderr)}")
        return done.stdout

    def restart(self, unit: str) -> bool:
        """Start a service, again if it runs; returns whether it says that it is ready."""
        words = ["systemctl", *([self.scope] if self.scope else []), "--no-ask-password", "restart", unit]
        return self._run(words, _START_S).returncode == 0

    def show(self, unit: str) -> dict[str, str]:
        """What systemd knows of a unit, by its own names of properties."""
        text = self.call("show", "--property", ",".join(_SHOWN), unit)
        pairs = (line.partition("=") for line in text.splitlines())
        return {name: printable(value) for name, _, value in pairs if name in _SHOWN}

    def log(self, unit: str, lines: int) -> list[str]:
        """The last lines of the unit's journal; none where it can't be read."""
        which = ["-u", unit] if self.system else ["--user-unit", unit]
        done = self._run(["journalctl", *which, "-n", str(lines), "-o", "cat", "--no-pager", "-q"], _QUICK_S)
        return [] if done.returncode else done.stdout.splitlines()[-lines:]

    def let_linger(self) -> bool:
        """Let the user's services run without a login, from boot on; returns whether that was new.

        Raises:
            DeviceError: it is not allowed.
        """
        user = self._user()
        if self._lingers(user):
            return False
        done = self._run(["loginctl", "enable-linger", user], _QUICK_S)
        if done.returncode:
            done = self._run(["sudo", "-n", "loginctl", "enable-linger", user], _QUICK_S)
        if done.returncode:
            raise DeviceError(
                f"loginctl enable-linger {user} failed: {self._explained(done.stderr)}. Without it the service would "
                f"end with the login. Run on the board: sudo loginctl enable-linger {user}"
            )
        return True

    def forget_linger(self) -> None:
        """Undo `let_linger`."""
        self._run(["loginctl", "disable-linger", self._user()], _QUICK_S)

    def _lingers(self, user: str) -> bool:
        done = self._run(["loginctl", "show-user", user, "--property", "Linger"], _QUICK_S)
        return done.stdout.strip() == "Linger=yes"

    def _user(self) -> str:
        return services.user_name(processes.user())

    def _run(self, words: list[str], timeout_s: float) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                words, capture_output=True, text=True, errors="replace", timeout=timeout_s, env=_environment(),
                stdin=subprocess.DEVNULL, check=False,
            )  # fmt: skip
        except FileNotFoundError as error:
            raise DeviceError(
                f"There is no {words[0]} on the board; expected a system with systemd. Elsewhere use a container: "
                "edgecnn deploy MODEL --container FOLDER"
            ) from error
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(words, 124, "", f"no answer within {timeout_s:.0f} s")

    def _explained(self, stderr: str) -> str:
        last = printable((stderr.strip().splitlines() or ["no reason given"])[-1]).rstrip(".")
        if not self.system and any(sign in stderr for sign in _NOT_BOOTED):
            return f"{last}. The user's service manager doesn't run; try --system, or log in to the board once"
        return last


def _environment() -> dict[str, str]:
    """Over ssh the variable may be missing by which the user's manager is found; texts are English."""
    found = {**os.environ, "LC_ALL": "C", "SYSTEMD_PAGER": "cat"}
    folder = f"/run/user/{processes.user()}"
    if not found.get("XDG_RUNTIME_DIR") and Path(folder).is_dir():
        found["XDG_RUNTIME_DIR"] = folder
    return found
