"""A stand-in Raspberry Pi made of Debian packages: aarch64 Python under QEMU's user mode behind a real sshd.

It is a test double. What is real: the ssh server, the aarch64 Python, NumPy and LiteRT, their answers bit by bit. What
is not: the processor's files say what a Pi's say, and every time is QEMU's. `tools/fake-pi` starts one for a person.

The packages are downloaded once into a cache (`EDGECNN_FAKE_PI_CACHE`, else ~/.cache/edgecnn-fake-pi), under a lock, so
that parallel tests share it. Nothing is installed on the machine, and nothing needs to be root.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

VERSION = "2"  # of the cache's layout: a change makes a new one
PYTHON = "3.11"
DEBS = ("python3.11-venv", "libstdc++6", "libgcc-s1", "zlib1g")
OPENCV = "opencv-python-headless==4.11.0.86"
WHEELS = ("ai-edge-litert==2.3.0", "numpy==2.4.6")
PLATFORMS = ("manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64")


@dataclass(frozen=True)
class Board:
    """What a board says of itself."""

    model: str
    part: str
    max_khz: int
    features: str = "fp asimd evtstrm crc32 cpuid"
    soc: str = "soc"


BOARDS = {
    "cortex-a53": Board("Raspberry Pi 3 Model B Plus Rev 1.3", "0xd03", 1_400_000),
    "cortex-a72": Board("Raspberry Pi 4 Model B Rev 1.4", "0xd08", 1_800_000),
    "cortex-a76": Board("Raspberry Pi 5 Model B Rev 1.0", "0xd0b", 2_400_000,
                        "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc asimddp",
                        "soc@107c000000"),
}  # fmt: skip


class CantMakeError(Exception):
    """The machine lacks what a stand-in is made of; the message names it."""


def cache_folder() -> Path:
    """Where the downloaded packages are kept."""
    base = os.environ.get("EDGECNN_FAKE_PI_CACHE") or Path.home() / ".cache" / "edgecnn-fake-pi"
    return Path(base) / VERSION


def prepare() -> Path:
    """Download and unpack what is not in the cache yet; returns the folder with `usr`, `lib` and `wheels`.

    Raises:
        CantMakeError: a program or a package can't be had.
    """
    missing = [name for name in ("qemu-aarch64-static", "apt-get", "dpkg", "ssh") if not shutil.which(name)]
    if missing or not _sshd():
        raise CantMakeError(f"needs {', '.join(missing) or 'sshd'}: apt-get install qemu-user-static openssh-server")
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name, make in (("sysroot", _make_sysroot), ("wheels", _download_wheels)):
            if not (folder / name).exists():
                temporary = folder / f"{name}.tmp"
                shutil.rmtree(temporary, ignore_errors=True)
                temporary.mkdir()
                make(temporary)
                temporary.rename(folder / name)
        _compile(folder)
    return folder


def _compile(folder: Path) -> None:
    """Import once what every job imports, so that its bytecode lies in the cache and no board compiles it again."""
    done = folder / "compiled"
    if done.exists():
        return
    board = FakePi("cortex-a72", folder, sysroot="sysroot")
    board.write_system_files()
    environment = {**os.environ, "PYTHONPATH": str(folder / "wheels/site"), "PYTHONDONTWRITEBYTECODE": ""}
    code = "import numpy, ai_edge_litert.interpreter, argparse, statistics, tempfile, venv, zipfile, runpy, resource"
    python = folder / f"sysroot/usr/bin/python{PYTHON}.elf"
    _run(*board.emulator(), python, "-c", code, env=environment)
    done.touch()


def _sshd() -> str | None:
    return shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/sbin")


def _run(*command: str | Path, env: dict[str, str] | None = None) -> None:
    done = subprocess.run([str(word) for word in command], env=env, capture_output=True, text=True)
    if done.returncode:
        raise CantMakeError(f"{shlex.join(map(str, command))}: {(done.stderr or done.stdout).strip()[-500:]}")


def _make_sysroot(target: Path) -> None:
    """Unpack arm64 packages into `target`, with an apt configuration of our own: the machine's stays as it is."""
    apt = target / "apt"
    for name in ("state/lists/partial", "cache/archives/partial"):
        (apt / name).mkdir(parents=True)
    (apt / "state/status").touch()
    config = apt / "apt.conf"
    config.write_text(
        'APT::Architecture "arm64"; APT::Architectures {"arm64";};\n'
        f'Dir::State "{apt}/state"; Dir::State::status "{apt}/state/status"; Dir::Cache "{apt}/cache";\n'
        'APT::Sandbox::User "";\n'
    )
    _run("apt-get", "-c", config, "update")
    _run("apt-get", "-c", config, "-y", "--no-install-recommends", "--download-only", "install", *DEBS)
    for package in sorted((apt / "cache/archives").glob("*.deb")):
        _run("dpkg", "-x", package, target)
    shutil.rmtree(apt)
    (target / "lib/ld-linux-aarch64.so.1").stat()
    # The launcher takes the interpreter's place, so that virtual environments and child processes go through QEMU too.
    binary = target / f"usr/bin/python{PYTHON}"
    binary.rename(binary.with_name(f"{binary.name}.elf"))


def _download_wheels(target: Path) -> None:
    platforms = [word for name in PLATFORMS for word in ("--platform", name)]
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:", "--no-deps")
    _run(*pip, *platforms, "--python-version", PYTHON, "-d", target / "files", *WHEELS)
    for wheel in (target / "files").glob("*.whl"):
        zipfile.ZipFile(wheel).extractall(target / "site")


def opencv() -> Path:
    """A folder with OpenCV for aarch64, kept beside the stand-in's packages."""
    folder = cache_folder() / "opencv"
    with open(cache_folder() / "opencv.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "cv2").exists():
            platforms = [word for name in PLATFORMS for word in ("--platform", name)]
            pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--only-binary=:all:", *platforms]
            subprocess.run([*pip, "--python-version", PYTHON, "--target", str(folder), OPENCV], check=True)
    return folder


@dataclass
class FakePi:
    """A running stand-in.

    Attributes:
        cpu: QEMU's name of the processor.
        folder: everything of this board: home, keys, configuration, logs.
        port: of its ssh server on 127.0.0.1.
        ssh_config: for `ssh -F`: user, key, known host, port of the host alias `name`.
        packages: whether NumPy and LiteRT are there from the start.
    """

    cpu: str
    folder: Path
    name: str = "fake-pi"
    packages: bool = True
    port: int = 0
    pid: int = 0
    environment: dict[str, str] = field(default_factory=dict)
    sysroot: str = "root"

    @property
    def root(self) -> Path:
        """What the programs of the board see as `/` first."""
        return self.folder / self.sysroot

    @property
    def home(self) -> Path:
        """The home folder of the board's user."""
        return self.folder / "home"

    @property
    def ssh_config(self) -> Path:
        """Client configuration."""
        return self.folder / "ssh_config"

    @property
    def target(self) -> str:
        """For `--device`, with `ssh_config` in force."""
        return f"ssh://{self.user}@127.0.0.1:{self.port}"

    @property
    def user(self) -> str:
        """The one user that can log in: whoever runs this."""
        return pwd.getpwuid(os.getuid()).pw_name

    def build(self) -> None:
        """Lay out the board's files."""
        source = prepare()
        # Hard links: a board of its own costs no space. The cache may lie on another disk.
        copied = subprocess.run(["cp", "-al", source / "sysroot", self.root], capture_output=True)
        if copied.returncode:
            shutil.rmtree(self.root, ignore_errors=True)
            shutil.copytree(source / "sysroot", self.root, symlinks=True)
        for name in ("home", "bin", "tmp"):
            (self.folder / name).mkdir(exist_ok=True)
        self.write_system_files()
        self._write_programs(source / "wheels" / "site" if self.packages else None)
        self._write_keys()

    def write_system_files(self) -> None:
        """What the kernel of a Pi tells about it."""
        board = BOARDS[self.cpu]
        core = f"BogoMIPS\t: 108.00\nFeatures\t: {board.features}\nCPU implementer\t: 0x41\nCPU architecture: 8\n"
        core += f"CPU variant\t: 0x0\nCPU part\t: {board.part}\nCPU revision\t: 3\n\n"
        self.write(
            "/proc/cpuinfo", "".join(f"processor\t: {n}\n{core}" for n in range(4)) + f"Model\t\t: {board.model}\n"
        )
        self.write("/proc/device-tree/model", f"{board.model} (emulated stand-in)\0")
        self.write("/sys/devices/system/cpu/possible", "0-3\n")
        self.write("/sys/devices/system/cpu/present", "0-3\n")
        self.write("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "ondemand\n")
        self.write("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", f"{board.max_khz}\n")
        self.write("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq", f"{board.max_khz}\n")
        self.write("/sys/class/thermal/thermal_zone0/temp", "48312\n")
        shutil.rmtree(self.root / "sys/devices/platform", ignore_errors=True)  # the cache's is a Pi 4's
        self.write(f"/sys/devices/platform/{board.soc}/{board.soc}:firmware/get_throttled", "0\n")
        self.write("/etc/os-release", 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n')
        (self.root / "sys/bus/usb/devices").mkdir(parents=True, exist_ok=True)
        (self.root / "sys/bus/pci/devices").mkdir(parents=True, exist_ok=True)

    def emulator(self) -> list[str]:
        """The command that runs a program of the board."""
        return [shutil.which("qemu-aarch64-static") or "qemu-aarch64-static", "-cpu", self.cpu, "-L", str(self.root)]

    def write(self, path: str, text: str) -> None:
        """Write a file that the board's programs see at `path`."""
        place = self.root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)  # it may be a hard link into the cache
        place.write_text(text)

    def _write_programs(self, site: Path | None) -> None:
        python = self.root / f"usr/bin/python{PYTHON}"
        path = f'export PYTHONPATH="{site}${{PYTHONPATH:+:$PYTHONPATH}}"\n' if site else ""
        launcher = f'{path}exec {shlex.join(self.emulator())} -0 "$0" "{python}.elf" "$@"\n'
        _script(python, launcher)
        (self.folder / "bin/python3").symlink_to(python)
        _script(self.folder / "bin/uname", 'case "$1" in -m) echo aarch64;; *) echo Linux;; esac\n')

    def _write_keys(self) -> None:
        for name in ("host_key", "user_key"):
            _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.folder / name)
        shutil.copy(self.folder / "user_key.pub", self.folder / "authorized_keys")

    def start(self) -> None:
        """Start the ssh server on a free port."""
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd started by root wants it
        if not self.port:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.port = probe.getsockname()[1]
        environment = {
            "PATH": f"{self.folder}/bin:/usr/bin:/bin",
            "HOME": str(self.home),
            "TMPDIR": str(self.folder / "tmp"),
            **self.environment,
        }
        variables = " ".join(f'"{key}={value}"' for key, value in environment.items())
        config = self.folder / "sshd_config"
        config.write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {self.folder}/host_key\n"
            f"PidFile {self.folder}/sshd.pid\n"
            f"AuthorizedKeysFile {self.folder}/authorized_keys\nUsePAM no\nStrictModes no\nPasswordAuthentication no\n"
            f"KbdInteractiveAuthentication no\nSubsystem sftp internal-sftp\nMaxStartups 100\nSetEnv {variables}\n"
        )
        _run(_sshd() or "sshd", "-f", config, "-E", self.folder / "sshd.log")
        self._wait_until_it_listens()
        self._write_client_config()

    def _wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, ValueError):
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                self.pid = int((self.folder / "sshd.pid").read_text())
                return
            time.sleep(0.05)
        raise CantMakeError(f"sshd doesn't listen: {(self.folder / 'sshd.log').read_text()[-300:]}")

    def _write_client_config(self) -> None:
        key = (self.folder / "host_key.pub").read_text().split()[:2]
        (self.folder / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {' '.join(key)}\n")
        self.ssh_config.write_text(
            f"Host {self.name}\n  HostName 127.0.0.1\n  Port {self.port}\n"
            f"Host *\n  User {self.user}\n  IdentityFile {self.folder}/user_key\n  IdentitiesOnly yes\n"
            f"  UserKnownHostsFile {self.folder}/known_hosts\n  GlobalKnownHostsFile /dev/null\n"
        )

    def connections(self) -> list[int]:
        """Processes of the server that each serve one connection."""
        return _children(self.pid)

    def programs(self) -> list[int]:
        """Emulated programs of this board that run now."""
        mark = str(self.root).encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if words[0].endswith(b"qemu-aarch64-static") and mark in words:
                    found.append(int(entry.name))
        return found

    def cut(self) -> None:
        """Cut every connection, as a pulled plug does; the server goes on, and what ran is not told."""
        for pid in self.connections():
            servers = [child for child in _children(pid) if _program(child) == "sshd"]
            for server in [*servers, pid]:
                _kill(server)

    def is_running(self) -> bool:
        """Whether its server is there."""
        return bool(self.pid) and _program(self.pid) == "sshd" and not _is_zombie(self.pid)

    def restart(self, **environment: str) -> None:
        """Start the server again with other variables for its sessions."""
        self.stop()
        self.environment.update(environment)
        self.start()

    def stop(self) -> None:
        """Stop the server and what still runs on the board."""
        self.cut()
        for pid in [self.pid, *self.programs()]:
            if pid:  # 0 would be our own process group
                _kill(pid)
        while self.is_running():
            time.sleep(0.01)
        self.pid = 0


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _program(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def _is_zombie(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return True


def _script(path: Path, text: str) -> None:
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)


@contextlib.contextmanager
def running(folder: Path, cpu: str = "cortex-a72", **options: object) -> Iterator[FakePi]:
    """A stand-in that lives as long as the block; `folder` is made and belongs to it."""
    folder.mkdir(parents=True, exist_ok=True)
    board = FakePi(cpu, folder, **options)  # type: ignore[arg-type]
    board.build()
    board.start()
    try:
        yield board
    finally:
        board.stop()


@contextlib.contextmanager
def on_this_machine(folder: Path) -> Iterator[FakePi]:
    """A real ssh server whose Python is this machine's: no emulation, for what is about the connection."""
    from requirements import unavailable

    if _sshd() is None:
        unavailable("there is no sshd (Debian: apt install openssh-server)")
    board = FakePi("cortex-a72", folder, name="here")
    for name in ("home", "bin", "tmp"):
        (board.folder / name).mkdir()
    _script(board.folder / "bin/python3", f'exec "{sys.executable}" -I "$@"\n')
    board._write_keys()
    board.start()
    try:
        yield board
    finally:
        board.stop()
