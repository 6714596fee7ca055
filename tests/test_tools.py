"""The tools of a fresh checkout, with a stand-in for Python that makes virtual environments as Debian's does."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

TOOLS = Path(__file__).parent.parent / "tools"

# Without the package python3-venv (here: the file `installed`), `venv` fails and leaves a python without pip.
PYTHON = """#!/bin/sh
case "$*" in
  *--version) [ "$1" = --version ] || [ -e "$(dirname "$0")/pip" ] ;;
  "-m venv"*)
    rm -rf .venv && mkdir -p .venv/bin && cp "$0" .venv/bin/python
    [ -e installed ] && touch .venv/bin/pip ;;
  "-m ensurepip"*) exit 1 ;;
  "-m pip install"*) [ -e "$(dirname "$0")/pip" ] ;;
  *tools/_figures.py*) echo "$PWD" "$@" ;;
esac
"""


def test_set_up_recovers_after_python3_venv_was_installed(tmp_path: Path) -> None:
    root, programs, elsewhere = tmp_path / "checkout", tmp_path / "bin", tmp_path / "elsewhere"
    for folder in (root / "tools", programs, elsewhere):
        folder.mkdir(parents=True)
    for name in ("_setup.sh", "figures", "constraints.txt"):
        shutil.copy(TOOLS / name, root / "tools" / name)
    (root / "pyproject.toml").touch()
    (programs / "python3.11").write_text(PYTHON)
    (programs / "python3.11").chmod(0o755)
    environment = {**os.environ, "PATH": f"{programs}:/usr/bin:/bin"}

    def figures() -> subprocess.CompletedProcess[str]:
        command = [root / "tools/figures", "vgg16"]
        return subprocess.run(command, cwd=elsewhere, env=environment, capture_output=True, text=True, check=False)

    first = figures()
    assert first.returncode and "apt install python3-venv" in first.stderr
    assert (root / ".venv/bin/python").exists()
    (root / "installed").touch()
    second = figures()
    assert second.returncode == 0, second.stderr
    assert second.stdout.split() == [str(elsewhere), str(root / "tools/_figures.py"), "vgg16"]
