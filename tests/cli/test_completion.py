"""Completion in real shells, and that what it completes is what the commands take."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner
from requirements import unavailable

from edgecnn.cli import cli
from edgecnn.core.registry import SCHEMES, TRAINING_STRATEGIES
from edgecnn.devices import known
from edgecnn.models.catalog import names

BASH = """
PATH={bin}:$PATH
source {script}
COMP_WORDS=({words}); COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
_edgecnn_completion edgecnn
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
FISH = "set PATH {bin} $PATH; source {script}; complete -C '{words}'"
ZSH = """
PATH={bin}:$PATH; fpath=({folder} $fpath)
autoload -Uz compinit; compinit -u -D
print -r -- $_comps[edgecnn]
"""


def completed(*words: str) -> list[str]:
    """What is completed after these words; the last one is being typed."""
    found = ShellComplete(cli, {}, "edgecnn", "_EDGECNN_COMPLETE").get_completions(list(words[:-1]), words[-1])
    return [item.value if item.type == "plain" else f"<{item.type}>" for item in found]


DEVICES = ["local", "adb", "browser", "phone", "pi4"]


def test_commands_options_and_values_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    known.add(known.Entry("pi4", "pi@pi4.local"))
    assert completed("qu") == ["quantize"]
    assert completed("devices", "ch") == ["check"]
    assert "--strategy" in completed("train", "--str")
    assert completed("train", "--strategy", "") == TRAINING_STRATEGIES.names()
    assert completed("quantize", "--scheme", "int8_m") == [name for name in SCHEMES.names() if name[:6] == "int8_m"]
    assert completed("build", "mobilenet_v3") == [name for name in names() if name.startswith("mobilenet_v3")]
    assert "efficientnet_lite0" in completed("inspect", "efficientnet_l")
    assert completed("profile", "--device", "") == DEVICES == completed("devices", "check", "")
    assert completed("verify", "--device", "pi") == ["pi4"]
    assert completed("profile", "--delegate", "edge") == ["edgetpu", "<file>"]
    assert completed("train", "--data", "ph") == ["photos", "<file>"]
    assert completed("build", "--weights", "im") == ["imagenet", "<file>"]
    assert completed("profile", "m") == completed("report", "m.tflite", "-o", "m") == ["<file>"]
    assert completed("train", "--epochs", "") == []
    assert completed("train", "--epochs", "3", "--epoch") == [] != completed("train", "--epoch")
    assert completed("visualize", "m", "--only", "levels", "--on") == ["--only"]


def test_every_value_of_every_option_can_be_completed_without_an_error() -> None:
    for name in cli.list_commands(click.Context(cli)):
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        for param in command.params if not isinstance(command, click.Group) else ():
            if isinstance(param, click.Option) and not param.is_flag:
                assert isinstance(completed(name, param.opts[0], ""), list), (name, param.opts)


@pytest.fixture()
def program(tmp_path: Path) -> Path:
    """A folder with the program as it is installed."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "edgecnn"
    script.write_text(f"#!{sys.executable}\nfrom edgecnn.__main__ import main\nmain()\n")
    script.chmod(0o755)
    return folder


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_an_installed_script_is_one_that_the_shell_reads(
    shell: str, tmp_path: Path, program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    done = CliRunner().invoke(cli, ["completion", shell, "--install"])
    assert done.exit_code == 0, done.output
    script = next(path for path in tmp_path.rglob("*edgecnn*") if path.is_file() and path.parent != program)
    assert str(script) in done.output
    assert script.read_text() == CliRunner().invoke(cli, ["completion", shell]).output
    if shutil.which(shell) is None:
        unavailable(f"{shell} is not installed")
    fields = {"bin": program, "script": script, "folder": script.parent, "words": "edgecnn quantize --scheme int8_p"}
    text = {"bash": BASH, "fish": FISH, "zsh": ZSH}[shell].format(**fields)
    flags = {"bash": ["--norc"], "fish": ["--no-config"], "zsh": ["-f"]}[shell]
    answer = subprocess.run([shell, *flags, "-c", text], capture_output=True, text=True, check=False, cwd=tmp_path)
    expected = "_edgecnn" if shell == "zsh" else "int8_per_tensor"
    assert answer.stdout.split()[:1] == [expected], answer.stderr
