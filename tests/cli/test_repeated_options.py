"""Options that take several values, given once with commas or several times."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from edgecnn.cli import build, cli, inspect, profile, visualize
from edgecnn.core.option import SettingError


@pytest.mark.parametrize(
    ("command", "words", "key", "expected"),
    [
        (visualize.command, ["--only", "gradcam", "--only", "filters"], "only", ("gradcam", "filters")),
        (
            visualize.command,
            ["--only", "gradcam,filters", "--only", "levels"],
            "only",
            ("gradcam", "filters", "levels"),
        ),
        (visualize.command, [], "only", ()),
        (profile.command, ["--threads", "1,2", "--threads", "4"], "threads", (1, 2, 4)),
        (inspect.command, ["--input-size", "96", "--input-size", "128"], "input_size", (96, 128)),
        (visualize.command, ["--class", "cat, tabby", "--class", "dog"], "class", ("cat, tabby", "dog")),
    ],
)
def test_no_value_is_lost(command, words: list[str], key: str, expected: tuple, tmp_path: Path) -> None:
    for name in ("m.keras", "m.tflite", "a.png"):
        (tmp_path / name).touch()
    arguments = {visualize.command: ["m.keras", "a.png", "-o", "x.html"], profile.command: ["m.tflite"]}
    given = [str(tmp_path / word) if "." in word else word for word in arguments.get(command, ["m.keras"])]
    params = command.make_context(command.name or "", [*given, *words]).params
    [found] = [value for name, value in params.items() if name.endswith(f"__{key}")]
    assert found == expected


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data", "cats", "--data", "dogs"], "--data is given 2 times: 'cats', then 'dogs'. Give it once."),
        (["--data", "a", "--batch-size", "4", "--batch-size", "9"], "--batch-size is given 2 times: '4', then '9'."),
    ],
)
def test_the_first_of_two_is_not_passed_over(words: list[str], message: str, tmp_path: Path) -> None:
    (tmp_path / "m.keras").touch()
    done = CliRunner().invoke(cli, ["train", str(tmp_path / "m.keras"), "-o", str(tmp_path / "x"), *words])
    assert isinstance(done.exception, SettingError)
    assert done.exception.spelled(lambda key: f"--{key.replace('_', '-')}").startswith(message)


def test_the_same_twice_is_once() -> None:
    params = build.command.make_context("build", ["mobilenet_v2", "-o", "x", "--classes", "3", "--classes", "3"]).params
    assert [value for name, value in params.items() if name.endswith("__classes")] == [3]
