"""`edgecnn` and `python -m edgecnn`: a Ctrl-C ends both quietly, also while they are still being imported."""

import sys


def main() -> None:
    """Entry point; see `edgecnn.cli.main`."""
    try:
        from edgecnn.cli import main as command_line
    except KeyboardInterrupt:
        sys.exit(130)
    command_line()


if __name__ == "__main__":
    main()
