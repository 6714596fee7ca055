"""`edgecnn completion`: a shell completes commands, options and their values."""

from __future__ import annotations

import os
from pathlib import Path

import click

from edgecnn.cli._options import Command
from edgecnn.cli._output import say, say_script

GROUP = "The program itself"
POSITION = 520
_HINTS = {
    "bash": "Completion works in new shells, if the package bash-completion is installed.",
    "zsh": ("If {folder} is not in your fpath, put this line into ~/.zshrc before compinit: fpath=({folder} $fpath)"),
    "fish": "Completion works in new shells.",
}


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(list(_HINTS)))
@click.option("--install", is_flag=True, help="Install the completion script where SHELL looks for it.")
def command(shell: str, install: bool) -> None:
    """Print what SHELL (bash, zsh or fish) reads to complete commands, options, models, schemes, boards and files.

    \b
    Examples:
      edgecnn completion bash --install
      eval "$(edgecnn completion bash)"      for this shell only
      edgecnn completion fish --install
    """
    script = _script(shell)
    if not install:
        say_script(script.rstrip("\n"))
        return
    from edgecnn.core.files import write_bytes

    path = _place(shell)
    write_bytes(path, script.encode())
    say(f"Wrote {path}. {_HINTS[shell].format(folder=path.parent)}")


def _script(shell: str) -> str:
    """By click; it asks `edgecnn` itself at each Tab."""
    from click.shell_completion import ShellComplete, get_completion_class

    from edgecnn.cli import cli

    kind = get_completion_class(shell)
    assert kind is not None
    asking = kind(cli, {}, "edgecnn", "_EDGECNN_COMPLETE")
    return ShellComplete.source(asking)  # bash's own method starts a bash to look at its version


def _place(shell: str) -> Path:
    """Where each shell documents that completions of a user belong."""
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share")
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return {
        "bash": data / "bash-completion/completions/edgecnn",
        "zsh": data / "zsh/site-functions/_edgecnn",
        "fish": config / "fish/completions/edgecnn.fish",
    }[shell]
