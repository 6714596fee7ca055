"""`edgecnn` and `python -m edgecnn`: a Ctrl-C ends both quietly, also while they are imported or clean up."""

import signal
import sys


def main() -> None:
    """Entry point of a process of its own; see `edgecnn.cli.main`."""
    try:
        try:
            from edgecnn.cli import main as command_line

            command_line()
        finally:
            # Now Python cleans up, which takes a moment with TensorFlow loaded. It gives signals back their default
            # action: a late Ctrl-C would kill the process and hide its exit status.
            for number in (signal.SIGINT, signal.SIGALRM):
                signal.signal(number, signal.SIG_IGN)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
