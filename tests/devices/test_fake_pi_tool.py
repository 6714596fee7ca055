"""`tools/fake-pi`: a person's stand-in board, from start to stop."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from commands import run_cli

TOOL = Path(__file__).parents[2] / "tools/fake-pi"


def tool(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run([TOOL, *words], capture_output=True, text=True, timeout=120)


def test_start_check_stop(pi, tmp_path):
    """`pi` only makes sure that a board can be made here."""
    folder = ("--folder", str(tmp_path / "board"))
    assert "not running" in tool("status", *folder).stdout
    started = tool("start", "pi5", *folder)
    assert started.returncode == 0, started.stderr
    try:
        assert "cortex-a76 on 127.0.0.1" in tool("status", *folder).stdout
        found = json.loads(run_cli("devices", "check", "fake-pi", "--json", "-").stdout)
        assert found["inventory"]["system"]["board"] == "Raspberry Pi 5 Model B Rev 1.0 (emulated stand-in)"
    finally:
        stopped = tool("stop", *folder)
    assert stopped.returncode == 0 and "Stopped" in stopped.stdout
    assert not (tmp_path / "board").exists()
    assert "fake-pi" not in run_cli("devices", "list").stdout
