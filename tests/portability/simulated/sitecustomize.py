"""Lets edgecnn, and nothing else, see another system: modules, functions and flags that it lacks are absent.

In effect in each Python process that has this folder on PYTHONPATH and EDGECNN_SIMULATED=win32 or darwin. Libraries go
on seeing the real system, since they are built for it.
"""

from __future__ import annotations

import builtins
import errno
import importlib
import os
import pathlib
import select
import signal
import socket
import subprocess
import sys
import types
from typing import Any

SYSTEM = os.environ.get("EDGECNN_SIMULATED", "")
READ_ONLY, NUL_OR_WORSE = os.O_RDONLY, set('<>:"|?*')
_POSIX = (
    "fork killpg setpgid setsid getuid geteuid getgid sysconf uname getloadavg waitpid WIFSIGNALED WTERMSIG WIFEXITED "
    "WEXITSTATUS mkfifo O_NONBLOCK O_NOFOLLOW O_CLOEXEC O_DIRECTORY openpty chown lchown nice statvfs fchmod fchown "
    "pread getpgid sync register_at_fork"
)
_LINUX = "sched_getaffinity sched_setaffinity memfd_create"
ABSENT: dict[str, dict[str, str]] = {
    "win32": {
        "os": f"{_POSIX} {_LINUX}",
        "signal": "SIGALRM SIGHUP SIGKILL SIGUSR1 SIGUSR2 SIGPIPE SIGXCPU SIGCHLD setitimer ITIMER_REAL alarm "
        "pthread_sigmask sigwait",
        "socket": "AF_UNIX socketpair",
        "ctypes": "",
        "sys": "",
        "platform": "",
        "subprocess": "",
        "select": "poll epoll",
    },
    "darwin": {"os": _LINUX, "sys": "", "platform": "", "ctypes": "", "select": "epoll"},
}
MISSING = {
    "win32": ("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog", "posix", "readline", "curses"),
    "darwin": ("msvcrt", "winreg", "_winapi"),
}


class Proxy(types.ModuleType):
    """A module without some of its names, and with others."""

    def __init__(self, real: types.ModuleType, absent: str, **other: Any) -> None:
        super().__init__(real.__name__)
        self.__dict__.update(other, _real=real, _absent=frozenset(absent.split()))

    def __getattr__(self, name: str) -> Any:
        if name in self._absent:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r} on {SYSTEM}")
        return getattr(self._real, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._real, name, value)


def windows_kill(process: int, number: int) -> None:
    """0 is CTRL_C_EVENT there."""
    raise AssertionError(f"os.kill({process}, {number}) ends a process on Windows")


def windows_open(path: Any, flags: int, mode: int = 0o777, **more: Any) -> int:
    """Without O_BINARY, Windows turns carriage returns into nothing and ends at Ctrl-Z."""
    if not flags & (O_BINARY | os.O_WRONLY) and str(path) != os.devnull:
        raise AssertionError(f"{path} is opened as text")
    return os.open(path, flags & ~O_BINARY, mode, **more)


def windows_fsync(handle: int) -> None:
    """Only what may be written is flushed."""
    with open(f"/proc/self/fdinfo/{handle}", encoding="ascii") as lines:
        flags = int(next(line.split()[1] for line in lines if line.startswith("flags:")), 8)
    if flags & os.O_ACCMODE == READ_ONLY:
        raise OSError(errno.EBADF, "Bad file descriptor")
    os.fsync(handle)


def windows_select(readable: Any, *others: Any) -> Any:
    """Sockets only."""
    for each in readable:
        if not isinstance(each, socket.socket):
            raise OSError(10038, "An operation was attempted on something that is not a socket")
    return select.select(readable, *others)


class Msvcrt(types.ModuleType):
    """Locks of Windows: of a byte, for this process alone."""

    LK_NBLCK = 2

    @staticmethod
    def locking(handle: int, mode: int, count: int) -> None:
        """Lock a byte without waiting."""
        import fcntl

        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise PermissionError(errno.EACCES, "Permission denied") from error


class Kernel32:
    """The functions that edgecnn uses of Windows' kernel32.dll."""

    class Function:
        """One that can be given a type."""

        def __init__(self, function: Any) -> None:
            self.function = function
            self.restype = None

        def __call__(self, *arguments: Any) -> Any:
            return self.function(*arguments)

    def __init__(self, name: str) -> None:
        assert name == "kernel32"
        self.GetCurrentProcess = self.Function(lambda: -1)
        self.OpenProcess = self.Function(lambda access, inherit, process: process if _lives(process) else None)
        self.WaitForSingleObject = self.Function(lambda handle, wait: 258)
        self.CloseHandle = self.Function(lambda handle: 1)
        self.K32GetProcessMemoryInfo = self.Function(self._memory)

    @staticmethod
    def _memory(process: Any, counters: Any, size: int) -> int:
        counters._obj.peak_working_set, counters._obj.working_set = 200_000_000, 100_000_000
        return 1


def _lives(process: int) -> bool:
    return pathlib.Path(f"/proc/{process}").exists()


O_BINARY = 0x40000000
OTHERS: dict[str, dict[str, dict[str, Any]]] = {
    "win32": {
        "os": {"name": "nt", "kill": windows_kill, "open": windows_open, "fsync": windows_fsync, "O_BINARY": O_BINARY},
        "signal": {"SIGBREAK": signal.SIGUSR2, "CTRL_BREAK_EVENT": 1},
        "socket": {"SO_EXCLUSIVEADDRUSE": socket.SO_REUSEADDR},
        "ctypes": {"WinDLL": Kernel32},
        "sys": {"platform": "win32"},
        "platform": {"system": lambda: "Windows", "libc_ver": lambda: ("", "")},
        "subprocess": {"CREATE_NEW_PROCESS_GROUP": 0},
        "select": {"select": windows_select},
    },
    "darwin": {
        "os": {},
        "sys": {"platform": "darwin"},
        "platform": {"system": lambda: "Darwin", "libc_ver": lambda: ("", "")},
        "ctypes": {},
        "select": {},
    },
}


def ours(depth: int = 2) -> bool:
    """Whether the caller's caller is edgecnn."""
    return str(sys._getframe(depth).f_globals.get("__name__", "")).partition(".")[0] == "edgecnn"


def install() -> None:
    """Put the other system in front of edgecnn's imports and file operations."""
    proxies: dict[str, types.ModuleType] = {
        name: Proxy(importlib.import_module(name), absent, **OTHERS[SYSTEM][name])
        for name, absent in ABSENT[SYSTEM].items()
    }
    if SYSTEM == "win32":
        proxies["msvcrt"] = Msvcrt("msvcrt")
    importing = builtins.__import__

    def other_import(
        name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0
    ) -> types.ModuleType:
        importer = str((globals or {}).get("__name__", "")) if level == 0 else ""
        package = str((globals or {}).get("__package__") or importer)
        if "edgecnn" in (importer.partition(".")[0], package.partition(".")[0]):
            if name in MISSING[SYSTEM]:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
            if name in proxies:
                if name != "msvcrt":
                    importing(name, globals, locals, fromlist, level)
                return proxies[name]
        return importing(name, globals, locals, fromlist, level)

    builtins.__import__ = other_import
    # Linux's own files are nobody's elsewhere.
    hide_folders(("/proc", "/sys", "/dev/video", "/etc/os-release", "/dev/bus"))
    if SYSTEM == "win32":
        refuse_names()
        keep_open_files()


def hide_folders(folders: tuple[str, ...]) -> None:
    """Let edgecnn find none of these files."""

    def hidden(path: Any) -> bool:
        return str(path).startswith(folders)

    for name in ("stat", "lstat", "open", "read_text", "read_bytes", "readlink"):
        real = getattr(pathlib.Path, name)

        def other(self: Any, *arguments: Any, _real: Any = real, **more: Any) -> Any:
            if hidden(self) and ours():
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self))
            return _real(self, *arguments, **more)

        setattr(pathlib.Path, name, other)
    real_exists, real_glob = pathlib.Path.exists, pathlib.Path.glob
    pathlib.Path.exists = lambda self: not (hidden(self) and ours()) and real_exists(self)  # type: ignore[assignment,method-assign]
    pathlib.Path.glob = (  # type: ignore[method-assign]
        lambda self, pattern: iter(()) if hidden(self) and ours() else real_glob(self, pattern)
    )


def refuse_names() -> None:
    """No file of edgecnn's may have a name that Windows can't have."""

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], str) and NUL_OR_WORSE & set(arguments[0]):
            raise OSError(errno.EINVAL, f"Windows has no file named {arguments[0]!r}")

    sys.addaudithook(audit)


def keep_open_files() -> None:
    """What is open can't be removed or replaced."""

    def refuse_open(*paths: Any) -> None:
        for path in paths:
            for link in list(pathlib.Path("/proc/self/fd").iterdir()):
                try:
                    if str(link.readlink()) == os.path.realpath(path):
                        raise PermissionError(errno.EACCES, "The file is used by another process", str(path))
                except FileNotFoundError:
                    continue

    for name in ("unlink", "replace", "rename"):
        real = getattr(pathlib.Path, name)

        def other(self: Any, *arguments: Any, _real: Any = real, **more: Any) -> Any:
            if ours():
                refuse_open(self, *arguments)
            return _real(self, *arguments, **more)

        setattr(pathlib.Path, name, other)


if SYSTEM:
    assert subprocess  # imported before, as what it needs is there
    install()
