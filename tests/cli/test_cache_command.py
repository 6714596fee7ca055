"""`edgecnn cache`: what is kept on this machine."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgecnn.cli import cli
from edgecnn.core import cache
from edgecnn.core.text import age


@pytest.fixture()
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two entries of the cache, one of them three days old, beside what is somebody else's."""
    monkeypatch.setenv("EDGECNN_CACHE", str(tmp_path))
    for name, size in (("pictures-a", 1_500_000), ("features-b", 10)):
        (tmp_path / name / "inner").mkdir(parents=True)
        (tmp_path / name / "inner" / "data").write_bytes(bytes(size))
    days_ago = time.time() - 3 * 86_400 - 60
    os.utime(tmp_path / "pictures-a", (days_ago, days_ago))
    (tmp_path / "letters").mkdir()
    return tmp_path


def _run(*words: str) -> str:
    done = CliRunner().invoke(cli, ["cache", *words])
    assert done.exit_code == 0, done.output
    return done.output


def test_kinds_sizes_and_ages_are_shown(folder: Path) -> None:
    text = _run()
    assert text.startswith(f"{folder}\n") and "letters" not in text
    rows = {line.split()[0]: line.split() for line in text.splitlines() if line.startswith(" ")}
    assert rows["pictures"][1:7] == ["1", "1.5", "3", "days", "3", "days"]
    assert rows["features"][1:5] == ["1", "0.0", "0", "min"]
    assert "Total: 1.5 MB. Remove with --clear." in text


def test_json_names_every_entry(folder: Path) -> None:
    values = json.loads(_run("--json", "-"))
    assert [(entry["name"], entry["size_bytes"]) for entry in values["entries"]] == [
        ("pictures-a", 1_500_000), ("features-b", 10)
    ]  # fmt: skip
    assert values["size_bytes"] == 1_500_010 and values["cleared"] is False


def test_one_kind_is_cleared_and_nothing_else(folder: Path) -> None:
    assert "Removed: 1.5 MB." in _run("--clear", "--kind", "pictures")
    assert sorted(path.name for path in folder.iterdir()) == ["features-b", "letters"]
    assert "features" in _run("--clear")
    assert [path.name for path in folder.iterdir()] == ["letters"]
    assert "the cache is empty" in _run()


def test_what_is_cleared_is_made_again(folder: Path) -> None:
    def fill(path: Path) -> None:
        (path / "data").write_text("made again")

    def read(path: Path) -> str:
        return (path / "data").read_text()

    cache.clear(cache.kept())
    assert cache.cached("pictures-a", 0, read, fill) == "made again"


def test_a_machine_without_a_cache_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECNN_CACHE", str(tmp_path / "absent"))
    assert "the cache is empty" in _run()


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 min"), (7199, "119 min"), (7200, "2 hours"), (172_799, "47 hours"), (1e6, "11 days")]
)
def test_ages(seconds: float, words: str) -> None:
    assert age(seconds) == words
