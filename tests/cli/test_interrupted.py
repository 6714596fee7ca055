"""Ctrl-C names the command that goes on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

STOPPED = """
import sys
import edgecnn.cli
from edgecnn.cli import {name}
def stop(*arguments, **options):
    raise KeyboardInterrupt
edgecnn.cli.{name}.command.callback = stop
edgecnn.cli.main()
"""


@pytest.mark.parametrize(
    ("words", "resume"),
    [
        (["train", "m.keras", "--data", "my pictures", "-o", "n.keras", "--restart"],
         "edgecnn train m.keras --data 'my pictures' -o n.keras"),
        (["prune", "m.keras", "--method", "swap", "--data", "d", "-o", "n.keras"],
         "edgecnn prune m.keras --method swap --data d -o n.keras"),
        (["run", "r.toml"], "edgecnn run r.toml"),
        (["models"], ""),
    ],
)  # fmt: skip
def test_what_goes_on_after_an_interrupt(tmp_path: Path, words: list[str], resume: str) -> None:
    code = STOPPED.format(name=words[0])
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 130, done.stderr
    expected = f"Resume with: {resume}\n" if resume else ""
    assert done.stderr.lstrip("\n") == f"Interrupted; incomplete files were removed.\n{expected}"
