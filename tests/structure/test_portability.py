"""What only some systems have is used in one place, `runtime/portable`, and where a process is forked."""

from __future__ import annotations

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "edgecnn"
HOME = "runtime/portable/"
MODULES = {
    *("fcntl", "resource", "termios", "tty", "pty", "pwd", "grp", "syslog", "posix", "curses", "readline", "select"),
    *("msvcrt", "winreg", "_winapi"),
}
ATTRIBUTES = {
    "os": "fork forkpty killpg setpgid setsid getuid geteuid getgid sysconf uname getloadavg waitpid mkfifo openpty "
    "sched_getaffinity memfd_create statvfs O_NONBLOCK O_NOFOLLOW O_CLOEXEC O_DIRECTORY WIFSIGNALED WTERMSIG kill",
    "signal": "SIGALRM SIGHUP SIGKILL SIGUSR1 SIGUSR2 SIGPIPE SIGXCPU SIGCHLD setitimer alarm pthread_sigmask",
    "socket": "AF_UNIX SO_REUSEADDR",
    "subprocess": "CREATE_NEW_PROCESS_GROUP",
}
FORKING = {"runtime/process/forked.py", "runtime/process/supervise.py"}
"""Reached only where the system forks."""
WORDS = {"preexec_fn", "pass_fds", "start_new_session"}
"""Arguments that Windows refuses or ignores."""


def uses(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.partition(".")[0] in MODULES]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            module = str(node.module)
            found += [module] if module.partition(".")[0] in MODULES else []
            found += [f"{module}.{a.name}" for a in node.names if a.name in ATTRIBUTES.get(module, "").split()]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.attr in ATTRIBUTES.get(node.value.id, "").split():
                found.append(f"{node.value.id}.{node.attr}")
        elif isinstance(node, ast.keyword) and node.arg in WORDS:
            found.append(str(node.arg))
    return found


def test_what_only_some_systems_have_stands_in_one_place() -> None:
    wrong = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        found = uses(path) if not name.startswith(HOME) and name not in FORKING else []
        if found:
            wrong[name] = found
    assert not wrong


def test_where_processes_fork_nothing_is_imported_that_others_lack() -> None:
    for name in FORKING:
        assert not [use for use in uses(PACKAGE / name) if "." not in use]
