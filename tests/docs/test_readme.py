"""README.md against the command line and the registries."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from commands import parse_command

from edgecnn.cli.quantize import command as quantize
from edgecnn.core.registry import COMPRESSION, DELEGATES, SCHEMES, TRAINING_STRATEGIES

README = (Path(__file__).parents[2] / "README.md").read_text()
COMMANDS = re.findall(r"^(?:    |\$ |    \$ )(edgecnn .*)$", README, re.MULTILINE)


@pytest.mark.parametrize("line", sorted(set(COMMANDS)))
def test_every_command_can_be_typed(line: str) -> None:
    parse_command(line)


def test_there_are_commands() -> None:
    assert len(COMMANDS) > 40


@pytest.mark.parametrize("name", SCHEMES.names())
def test_every_scheme_is_in_the_help_and_in_the_table(name: str) -> None:
    assert quantize.help is not None
    assert f"  {name:<15}  {SCHEMES.load(name).SUMMARY}\n" in quantize.help
    assert f"\n| `{name}` |" in README


@pytest.mark.parametrize("registry", [TRAINING_STRATEGIES, COMPRESSION, DELEGATES], ids=lambda each: each.kind)
def test_every_plug_in_has_a_row(registry) -> None:
    for name in registry.names():
        row = "train --qat" if name == "qat" else name
        assert re.search(rf"^\| `{row}[`\[]", README, re.MULTILINE) or f"| `{row}` (default) |" in README, name
