"""Options that take several values, given once with commas or several times."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecnn.cli import inspect, profile, visualize


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
