"""The help of all commands: grouped, whole, and derived from settings that are declared in one place."""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from commands import check_clean_failure, run_cli

import edgecnn.cli
from edgecnn.cli import cli
from edgecnn.core.options import PROGRAMS, options
from edgecnn.training.settings import FitSettings

PACKAGE = Path(edgecnn.__file__).parent
COMMAND = '''"""`edgecnn greet`: an example."""

import click

GROUP = "Look inside"
POSITION = 999


@click.command()
def command() -> None:
    """Greet whoever calls. There is more to say."""
    click.echo("Hello.")
'''


def _commands(group: click.Group = cli, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from _commands(command, (*path, name))


def _help(*arguments: str) -> str:
    done = CliRunner().invoke(cli, [*arguments, "--help"], terminal_width=80)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize("path", [(), *(path for path, _ in _commands())], ids=" ".join)
def test_help_fits_80_columns_and_cuts_no_sentence(path: tuple[str, ...]) -> None:
    text = _help(*path)
    assert [line for line in text.splitlines() if len(line) > 80] == []
    assert not re.search(r"[a-z]\.\.\.(\s|$)", text.partition("\n\n")[2])  # click ends what it cuts with three dots


def test_commands_stand_in_groups_with_their_whole_first_sentence() -> None:
    text = " ".join(_help().split())
    headings = ["Make a model:", "Quantize and check:", "Boards and cameras:", "Look inside:", "From a recipe:"]
    assert [text.index(heading) for heading in headings] == sorted(text.index(heading) for heading in headings)
    assert "Commands:" not in text, "a command's file doesn't say GROUP and POSITION"
    for path, command in _commands():
        if len(path) == 1:
            first = " ".join((command.help or "").split("\n\n")[0].split()).rstrip(".")
            assert f"{path[0]} {first}"[:200] in text, path[0]


def test_a_command_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "greet.py").write_text(COMMAND)
    monkeypatch.setattr(edgecnn.cli, "__path__", [*edgecnn.cli.__path__, str(tmp_path)])
    assert re.search(r"Look inside:\n(  .*\n)*  greet +Greet whoever calls\n", _help())
    assert CliRunner().invoke(cli, ["greet"]).output == "Hello.\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["quantise"], "Did you mean quantize?"),
        (["devices", "chek"], "Did you mean check?"),
        (["train", "m.keras", "--batchsize", "3"], "--batch-size"),
        (["train", "m.keras", "-o", "x.keras", "--data", "d", "--strategy", "fintune"], "Did you mean finetune?"),
        (["quantize", "m.keras", "-o", "m.tflite", "--scheme", "int8_mix"], "Did you mean int8_mixed"),
        (["prune", "m.keras", "-o", "x.keras", "--data", "d", "--method", "chanels"], "Did you mean channels?"),
        (
            ["prune", "m.keras", "-o", "x.keras", "--data", "d", "--method", "swap", "--keep", "1"],
            "--keep is 1; expected",
        ),
        (["profile", "m.tflite", "--budget", "nan"], "--budget is nan; expected a number above 0 seconds."),
        (["demo", "m.tflite", "--smooth", "inf"], "--smooth is inf; expected a number from 0 to 60 seconds."),
        (["verify", "m.tflite", "--against", "m.keras", "--data", "d", "--max-drop", "nan"], "--max-drop is nan"),
        (["doctor", "m.tflite", "--against", "m.keras", "--data", "d", "--samples", "0"], "--samples is 0; expected"),
        (["build", "vgg16", "-o", "m.keras", "--width", "inf"], "--width is inf; expected a number from 0.1 to 4"),
        (["visualize", "m.keras", "a.png", "-o", "x", "--only", "gradcom"], "Did you mean gradcam?"),
        (["inspect", "vgg16", "--input-size", "4"], "--input-size is 4; expected whole numbers from 8 to 4,096 pixels"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes_are_told_with_a_remedy(arguments: list[str], sentence: str) -> None:
    assert sentence in check_clean_failure(run_cli(*arguments), status=2)


def test_every_number_on_the_command_line_is_finite_and_ranged() -> None:
    """Options with numbers come from settings, whose numbers are checked by one type."""
    plain = [
        (" ".join(path), param.name)
        for path, command in _commands()
        for param in command.params
        if isinstance(param.type, (click.types.IntParamType, click.types.FloatParamType))
    ]
    assert plain == []


def test_a_training_setting_is_declared_in_one_place() -> None:
    """As a field with an option(...), or an option of the command line, wherever models are trained or that is asked
    for; a warm-up of measurements, or the seed of a sample, of shards or of a search, is another thing."""
    folders = ("training", "compression", "data", "recipe", "cli")
    files = {path for name in folders for path in (PACKAGE / name).rglob("*.py")}
    files -= {PACKAGE / "data" / "shard_settings.py", PACKAGE / "recipe" / "search_settings.py"}
    trees = {path: ast.parse(path.read_text()) for path in files}
    nodes = [(path, node) for path, tree in trees.items() for node in ast.walk(tree)]
    values = [(path, node.value) for path, node in nodes if isinstance(node, ast.Constant)]
    declared = [
        (path, ast.unparse(node.target))
        for path, node in nodes
        if isinstance(node, ast.AnnAssign) and node.value and ast.unparse(node.value).startswith("option(")
    ]
    for field in dataclasses.fields(FitSettings):
        assert [path for path, name in declared if name == field.name] == [PACKAGE / "training" / "settings.py"]
        assert [path for path, value in values if value == f"--{field.name.replace('_', '-')}"] == []


def test_settings_of_training_are_offered_everywhere() -> None:
    flags = {f"--{each.key.replace('_', '-')}" for each in options(FitSettings)}
    assert len(flags) == 18
    for name in ("train", "prune"):
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        assert flags <= {flag for param in command.params for flag in param.opts}
    hidden = [each.key for each in options(FitSettings, offered_only=False) if each.offered == PROGRAMS]
    assert hidden == ["keep_best", "save_every_steps"]


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("demo", "m.tflite", "--camera", "0"), "'--source'"),
        (("build", "mobilenet_v2", "--imgsz=320"), "'--input-size'"),
        (("train", "m.keras", "--lr0", "0.1"), "'--learning-rate'"),
        (("profile", "m.tflite", "--num_threads", "2"), "'--threads'"),
    ],
)
def test_an_option_of_another_program_is_answered_with_ours(words: tuple[str, ...], meant: str) -> None:
    done = CliRunner().invoke(cli, words)
    assert (
        done.exit_code == 2 and f"No such option '{words[2].partition('=')[0]}'. Did you mean {meant}?" in done.output
    )


def test_an_option_of_other_programs_means_one_of_ours() -> None:
    suggested = 0
    for path, command in _commands():
        settings = [param for param in command.params if hasattr(param, "declared")]
        own = {name.lstrip("-") for param in command.params for name in param.opts}
        words = [word for param in settings for word in param.declared.also if word not in own]
        assert len(words) == len(set(words)), path
        suggested += len(words)
    assert suggested > 20
