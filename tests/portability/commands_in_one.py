"""Runs several commands in this process, as far as it takes; prints the exit status of each. For simulated systems."""

from __future__ import annotations

import json
import sys

from edgecnn import cli

if __name__ == "__main__":
    for arguments in json.loads(sys.argv[1]):
        sys.argv = ["edgecnn", *arguments]
        try:
            cli.main()
        except SystemExit as ended:
            print(f"[{' '.join(arguments[:1])}: {ended.code or 0}]", flush=True)
