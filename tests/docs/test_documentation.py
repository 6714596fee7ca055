"""README.md and docs/ against the command line, the registries and each other."""

from __future__ import annotations

import re
import shlex

import pytest
from click.testing import CliRunner
from commands import parse_command
from documents import DOCUMENTS, ROOT, TEXT, anchors, commands, console_lines, prose

from edgecnn.cli import cli
from edgecnn.cli.quantize import command as quantize
from edgecnn.core.registry import COMPRESSION, DELEGATES, SCHEMES, TRAINING_STRATEGIES

COMMANDS = sorted({line for text in TEXT.values() for line in commands(text)})
EDGECNN = [line for line in COMMANDS if line.startswith("edgecnn ") and line != "edgecnn --version"]
CHEAP = [line for line in COMMANDS if re.match(r"edgecnn (--version|models|devices (add|list|remove))", line)]
GROUPS = {"devices"}


@pytest.mark.parametrize("line", EDGECNN)
def test_every_command_can_be_typed(line: str) -> None:
    parse_command(line)


def test_there_are_commands() -> None:
    assert len(EDGECNN) > 80
    assert len(CHEAP) > 4


@pytest.mark.parametrize("line", CHEAP)
def test_cheap_commands_run(line: str, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    arguments = shlex.split(line, comments=True)[1:]
    if arguments[:2] == ["devices", "remove"]:
        CliRunner().invoke(cli, ["devices", "add", arguments[2], "somewhere"])
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, done.output
    assert done.output


@pytest.mark.parametrize(
    "name", sorted({" ".join(line.split()[1 : 3 if line.split()[1] in GROUPS else 2]) for line in EDGECNN})
)
def test_help_of_every_command_in_the_documentation(name: str) -> None:
    done = CliRunner().invoke(cli, [*name.split(), "--help"])
    assert done.exit_code == 0
    assert "Usage: " in done.output


@pytest.mark.parametrize("name", TEXT)
def test_files_that_commands_name_exist(name: str) -> None:
    for line in commands(TEXT[name]):
        for word in shlex.split(line, comments=True):
            if word.startswith(("recipes/", "tools/")):
                assert (ROOT / word).is_file(), line


@pytest.mark.parametrize("name", TEXT)
def test_commands_fit_80_columns(name: str) -> None:
    assert [line for line in console_lines(TEXT[name]) if len(line) > 80] == []


def test_readme_fits_its_bound() -> None:
    assert len(TEXT["README.md"].splitlines()) <= 200


@pytest.mark.parametrize("name", TEXT)
def test_links_and_images_lead_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(TEXT[name])):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        found = (DOCUMENTS[name].parent / path).resolve() if path else DOCUMENTS[name]
        assert found.exists(), target
        if anchor:
            assert anchor in anchors(found.read_text(encoding="utf-8")), target


def test_every_page_is_linked_from_another() -> None:
    linked = {
        (DOCUMENTS[name].parent / target.partition("#")[0]).resolve()
        for name, text in TEXT.items()
        for target in re.findall(r"\]\(([^)\s]+)\)", text)
        if not target.startswith(("https://", "#"))
    }
    assert [name for name, path in DOCUMENTS.items() if path.resolve() not in linked] == ["README.md"]


@pytest.mark.parametrize("name", SCHEMES.names())
def test_every_scheme_is_in_the_help_and_in_the_table(name: str) -> None:
    assert quantize.help is not None
    assert f"  {name:<15}  {SCHEMES.load(name).SUMMARY}\n" in quantize.help
    assert f"\n| `{name}` |" in TEXT["docs/explanation/how_int8_is_made.md"]


@pytest.mark.parametrize(
    ("registry", "page"),
    [
        (TRAINING_STRATEGIES, "docs/how_to/own_classes.md"),
        (COMPRESSION, "docs/how_to/smaller.md"),
        (DELEGATES, "docs/how_to/raspberry_pi.md"),
    ],
    ids=lambda each: getattr(each, "kind", ""),
)
def test_every_plug_in_has_a_row(registry, page: str) -> None:
    for name in registry.names():
        row = "train --qat" if name == "qat" else name
        assert re.search(rf"^\| `{row}[`\[:]", TEXT[page], re.MULTILINE) or f"| `{row}` (default) |" in TEXT[page], name


def test_every_room_is_described() -> None:
    """A newcomer finds each folder of the package in the explanation of the design."""
    text = (ROOT / "docs" / "explanation" / "design.md").read_text()
    rooms = {path.parent.name for path in (ROOT / "edgecnn").glob("*/__init__.py")}
    assert len(rooms) > 30
    assert not [room for room in sorted(rooms) if f"`{room}/`" not in text]
