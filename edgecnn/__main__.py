"""`edgecnn` and `python -m edgecnn`: a Ctrl-C ends both quietly, also while they are imported or clean up."""

import atexit
import contextlib
import gc
import os
import signal
import sys

INTERRUPTED = 130
# Imports make many objects that stay: Python's default of 700 looks through them over and over (2 % of `classify`).
COLLECT_AFTER = 50_000


def main() -> None:
    """Entry point of a process of its own; see `edgecnn.cli.main`."""
    gc.set_threshold(COLLECT_AFTER)
    try:
        try:
            from edgecnn.cli import main as command_line

            command_line()
        finally:
            # Now Python cleans up, which takes a moment with TensorFlow loaded. It gives signals back their default
            # action: a late Ctrl-C would kill the process and hide its exit status.
            from edgecnn.runtime.portable.signals import LATE

            for number in LATE:
                signal.signal(number, signal.SIG_IGN)
    except KeyboardInterrupt:
        _leave()
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            _leave()
        raise


def _leave() -> None:
    """Exit as interrupted, not by the interpreter's own way out.

    CPython kills itself with SIGINT in the end if a Ctrl-C ever fell into an `exec` of text (data classes are made by
    one), also when it was caught.
    """
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
