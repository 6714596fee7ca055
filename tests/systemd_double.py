"""A test double of systemd: `systemctl`, `loginctl`, `journalctl` and `sudo` for a folder that is a board's home.

What is real: units are read from where systemd reads them, and only at `daemon-reload`; a service runs as its unit
says: working folder, environment, `ExecStartPre`, `ExecStart`, `ExecStartPost` after `READY=1`, `ExecStopPost` with
the result, `Restart`, the timeout of a start, the watchdog, cache folder and credentials; a restart goes on when
whoever asked for it is killed. What is not: sandboxing, users and groups, cgroups, dependencies; the pause before a
restart is shorter, and PYTHONPATH is passed on, because the stand-in Pi's packages need it.

`install` puts the programs into a folder of PATH. Everything that it keeps lies in HOME/.systemd-double.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

NAMES = ("systemctl", "loginctl", "journalctl", "sudo")
_PAUSE_S = 0.1
_MOMENT_S = 0.02


def install(folder: Path) -> None:
    """Write the programs."""
    for name in NAMES:
        path = folder / name
        words = shlex.join([sys.executable, "-I", "-S", str(Path(__file__).resolve()), name])
        path.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        path.chmod(0o755)


def _home() -> Path:
    return Path(os.environ["HOME"])


def _kept() -> Path:
    folder = _home() / ".systemd-double"
    (folder / "loaded").mkdir(parents=True, exist_ok=True)
    return folder


def calls(home: Path) -> list[str]:
    """Command lines of all programs so far."""
    path = home / ".systemd-double/calls"
    return path.read_text().splitlines() if path.exists() else []


def state(home: Path, unit: str) -> dict[str, object]:
    """Of a unit, as `systemctl show` has it."""
    with contextlib.suppress(OSError, ValueError):
        found: dict[str, object] = json.loads((home / f".systemd-double/{unit}.json").read_text())
        return found
    return {"ActiveState": "inactive"}


def log(home: Path, unit: str) -> str:
    """What a service and the double itself said."""
    path = home / f".systemd-double/{unit}.log"
    return path.read_text(errors="replace") if path.exists() else ""


def stop_all(home: Path) -> None:
    """End every service of a home, for the end of a test."""
    for path in (home / ".systemd-double").glob("*.json"):
        found = json.loads(path.read_text())
        for name in ("supervisor", "MainPID"):
            with contextlib.suppress(ProcessLookupError, KeyError):
                if found[name]:
                    os.kill(int(found[name]), signal.SIGKILL)


class Unit:
    """What is in memory of a unit."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.path = _kept() / "loaded" / name
        self._values: dict[str, list[str]] = {}
        for line in self.path.read_text().splitlines():
            key, equals, value = line.partition("=")
            if equals and not line.startswith("#"):
                self._values.setdefault(key, []).append(value.replace("%%", "%"))

    def one(self, key: str, default: str = "") -> str:
        return self._values.get(key, [default])[-1]

    def words(self, key: str) -> list[list[str]]:
        return [[word.replace("$$", "$") for word in shlex.split(value)] for value in self._values.get(key, [])]


class Supervisor:
    """Runs a unit until it is stopped; the part of systemd's manager that tests need."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.process: subprocess.Popen[bytes] | None = None
        self.stopping = False
        self.restarts = 0
        self.known: dict[str, object] = {}

    def run(self) -> None:
        signal.signal(signal.SIGTERM, self._asked_to_stop)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        before = state(_home(), self.name).get("supervisor")
        if before:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(str(before)), signal.SIGTERM)
                while _lives(int(str(before))):
                    time.sleep(_MOMENT_S)
        while not self.stopping:
            unit = Unit(self.name)
            result = self._live(unit)
            self._note(f"life {self.restarts + 1} ended: {result}")
            again = {"on-failure": result != "success", "always": True}.get(unit.one("Restart"), False)
            if self.stopping or not again:
                self._say(ActiveState="inactive" if result == "success" or self.stopping else "failed", Result=result)
                return
            self.restarts += 1
            self._say(ActiveState="activating", SubState="auto-restart", Result=result, NRestarts=self.restarts)
            time.sleep(_PAUSE_S)
        self._say(ActiveState="inactive")

    def _live(self, unit: Unit) -> str:
        """One life of the service; returns its result."""
        environment = self._environment(unit)
        self._say(ActiveState="activating", SubState="start", Result="", supervisor=os.getpid())
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            # Abstract: the path of a socket may have 107 characters, and folders of tests have more.
            channel.bind(f"\0systemd-double-{os.getpid()}")
            channel.settimeout(_MOMENT_S)
            environment["NOTIFY_SOCKET"] = f"@systemd-double-{os.getpid()}"
            try:
                self._each(unit, "ExecStartPre", environment)
                with (_kept() / f"{self.name}.log").open("ab") as log:
                    self.process = subprocess.Popen(
                        unit.words("ExecStart")[0], cwd=unit.one("WorkingDirectory"), env=environment, stdout=log,
                        stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
                    )  # fmt: skip
                result = self._watch(unit, channel, environment)
            except (OSError, subprocess.CalledProcessError):
                result = "exit-code"
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            self._each(unit, "ExecStopPost", {**environment, "SERVICE_RESULT": result})
        self._say(MainPID=0)
        return result

    def _watch(self, unit: Unit, channel: socket.socket, environment: dict[str, str]) -> str:
        assert self.process
        self._say(MainPID=self.process.pid)
        ready, heard = False, time.monotonic()
        limits = float(unit.one("TimeoutStartSec", "90")), float(unit.one("WatchdogSec", "0") or 0) or float("inf")
        while self.process.poll() is None:
            with contextlib.suppress(TimeoutError):
                for line in channel.recv(65536).decode(errors="replace").splitlines():
                    key, _, value = line.partition("=")
                    if key == "STATUS":
                        self._say(StatusText=value)
                    if key in ("READY", "WATCHDOG"):
                        heard = time.monotonic()
                    if key == "READY" and not ready:
                        ready = True
                        self._each(unit, "ExecStartPost", environment)
                        self._say(ActiveState="active", SubState="running", ActiveEnterTimestamp=time.ctime())
            if time.monotonic() - heard > limits[ready]:
                self._kill(signal.SIGABRT)
                return "watchdog" if ready else "timeout"
        status = self.process.wait()
        if self.stopping and status == -signal.SIGTERM:
            return "success"
        return "success" if status == 0 else "exit-code" if status > 0 else "signal"

    def _each(self, unit: Unit, key: str, environment: dict[str, str]) -> None:
        for words in unit.words(key):
            prefix = words[0][: len(words[0]) - len(words[0].lstrip("+-"))]
            command = [words[0].lstrip("+-"), *words[1:]]
            with (_kept() / f"{self.name}.log").open("ab") as log:
                done = subprocess.run(
                    command, cwd=unit.one("WorkingDirectory"), env=environment, stdout=log, stderr=log, check=False
                )
            if done.returncode and "-" not in prefix:
                raise subprocess.CalledProcessError(done.returncode, command)

    def _environment(self, unit: Unit) -> dict[str, str]:
        found = {name: os.environ[name] for name in ("HOME", "PATH", "PYTHONPATH") if name in os.environ}
        for words in unit.words("Environment"):
            found |= dict(word.split("=", 1) for word in words)
        if unit.one("CacheDirectory"):
            cache = _home() / ".cache" / unit.one("CacheDirectory")
            cache.mkdir(parents=True, exist_ok=True)
            found["CACHE_DIRECTORY"] = str(cache)
        credentials = [word.split(":", 1) for words in unit.words("LoadCredential") for word in words]
        if credentials:
            folder = _kept() / "credentials"
            folder.mkdir(exist_ok=True, mode=0o700)
            for name, path in credentials:
                shutil.copy(path, folder / name)
            found["CREDENTIALS_DIRECTORY"] = str(folder)
        if unit.one("WatchdogSec"):
            found["WATCHDOG_USEC"] = str(int(float(unit.one("WatchdogSec")) * 1e6))
        return found

    def _asked_to_stop(self, number: int, frame: object) -> None:
        self.stopping = True
        if self.process and self.process.poll() is None:
            self.process.terminate()
            signal.signal(signal.SIGALRM, lambda *received: self._kill(signal.SIGKILL))
            signal.alarm(int(Unit(self.name).one("TimeoutStopSec", "20")) if Unit(self.name).path.exists() else 20)

    def _kill(self, number: int) -> None:
        if self.process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
            self.process.wait()

    def _note(self, text: str) -> None:
        with (_kept() / f"{self.name}.log").open("a") as log:
            log.write(f"{time.strftime('%H:%M:%S')} the double of systemd: {text}\n")

    def _say(self, **values: object) -> None:
        self.known |= {"supervisor": os.getpid(), "NRestarts": self.restarts, **values}
        path = _kept() / f"{self.name}.json"
        new = path.with_name(f"{path.name}.{os.getpid()}")
        new.write_text(json.dumps(self.known))
        new.replace(path)


def _lives(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def _load() -> None:
    """`daemon-reload`."""
    units = _home() / ".config/systemd/user"
    for path in (_kept() / "loaded").iterdir():
        if not (units / path.name).exists():
            path.unlink()
    for path in units.glob("*.service"):
        if path.exists():  # no dangling link
            (_kept() / "loaded" / path.name).write_text(path.read_text())


def _systemctl(words: list[str]) -> int:
    verb, rest = words[0], words[1:]
    name = next((word for word in rest if word.endswith(".service")), "")
    if verb == "--version":
        print("systemd 252 (a test double)")
    elif verb == "daemon-reload":
        _load()
    elif verb == "restart":
        return _restart(name)
    elif verb == "stop":
        pid = state(_home(), name).get("supervisor")
        if pid and _lives(int(str(pid))):
            os.kill(int(str(pid)), signal.SIGTERM)
            while _lives(int(str(pid))):
                time.sleep(_MOMENT_S)
    elif verb == "show":
        found = state(_home(), name)
        for key in rest[rest.index("--property") + 1].split(","):
            print(f"{key}={found.get(key, '')}")
    elif verb == "clean":
        shutil.rmtree(_home() / ".cache" / Unit(name).one("CacheDirectory"), ignore_errors=True)
    elif verb == "reset-failed":
        (_kept() / f"{name}.json").unlink(missing_ok=True)
    else:
        print(f"Unknown command verb {verb}.", file=sys.stderr)
        return 1
    return 0


def _restart(name: str) -> int:
    """In a process of its own, as systemd's jobs are; the caller only waits."""
    if not (_kept() / "loaded" / name).exists():
        print(f"Failed to restart {name}: Unit {name} not found.", file=sys.stderr)
        return 5
    words = [sys.executable, "-I", "-S", str(Path(__file__).resolve()), "supervise", name]
    with (_kept() / f"{name}.log").open("ab") as log:
        child = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log, start_new_session=True
        )
    while True:
        time.sleep(_MOMENT_S)
        ended, found = child.poll() is not None, state(_home(), name)
        if found.get("supervisor") != child.pid and not ended:
            continue
        if found.get("ActiveState") == "active":
            return 0
        if found.get("ActiveState") in ("failed", "inactive") or found.get("SubState") == "auto-restart":
            print(f"Job for {name} failed.", file=sys.stderr)
            return 1
        if ended:
            print(f"The double of systemd ended by itself ({child.returncode}).", file=sys.stderr)
            return 1


def _loginctl(words: list[str]) -> int:
    mark = _kept() / "lingers"
    if words[0] == "enable-linger":
        mark.touch()
    elif words[0] == "disable-linger":
        mark.unlink(missing_ok=True)
    else:
        print(f"Linger={'yes' if mark.exists() else 'no'}")
    return 0


def _journalctl(words: list[str]) -> int:
    name = next(word for word in words if word.endswith(".service"))
    path = _kept() / f"{name}.log"
    text = path.read_text(errors="replace").splitlines() if path.exists() else []
    print("\n".join(text[-50:]))
    return 0


def main() -> int:
    name, words = sys.argv[1], sys.argv[2:]
    if name == "supervise":
        Supervisor(words[0]).run()
        return 0
    with (_kept() / "calls").open("a") as log:
        log.write(shlex.join([name, *words]) + "\n")
    if name == "sudo":
        words = [word for word in words if word not in ("-n", "--")]
        os.execvp(words[0], words)
    words = [word for word in words if word not in ("--user", "--no-ask-password")]
    return {"systemctl": _systemctl, "loginctl": _loginctl, "journalctl": _journalctl}[name](words)


if __name__ == "__main__":
    sys.exit(main())
