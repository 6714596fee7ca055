"""Running the command line as a user would."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import click

from edgecnn.cli import cli


def run_cli(*arguments: str | Path, cwd: Path | None = None, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own, as a user would."""
    command = [sys.executable, "-m", "edgecnn", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=timeout, check=False)


def check_clean_failure(done: subprocess.CompletedProcess[str], status: int = 1) -> str:
    """The command failed with one clear message and no traceback; returns the message."""
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr + done.stdout, done.stderr
    assert done.stderr.strip(), "no message"
    return done.stderr


def parse_command(line: str) -> None:
    """Parse a line of the documentation as the command line would, without doing it; a comment may follow."""
    program, *arguments = shlex.split(line, comments=True)
    assert program == "edgecnn"
    command: click.Command = cli
    name = program
    while isinstance(command, click.Group):
        context = click.Context(command, help_option_names=["-h", "--help"])
        arguments = command.expanded(context, arguments)  # type: ignore[attr-defined]  # all groups are edgecnn's own
        name, *arguments = arguments
        found = command.get_command(context, name)
        assert found is not None, line
        command = found
    command.make_context(name, arguments)  # raises UsageError
