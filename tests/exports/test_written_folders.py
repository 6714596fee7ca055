"""The folder of an export: whole or absent, never over what isn't ours; the command and the Python function."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import run_cli

import edgecnn
from edgecnn.core import folders
from edgecnn.core.errors import EdgecnnError, UsageError
from edgecnn.core.files import sha256
from edgecnn.core.registry import EXPORTS


def marked(**files: str) -> dict[str, bytes]:
    contents = {name: text.encode() for name, text in files.items()}
    mark = {"files": {name: sha256(content) for name, content in contents.items()}}
    return {**contents, folders.MARK: json.dumps(mark).encode()}


def test_a_folder_of_ours_is_replaced_whole(tmp_path: Path) -> None:
    place = tmp_path / "out"
    folders.write(place, marked(a="1", b="2"))
    folders.write(place, marked(a="3"))
    assert sorted(each.name for each in place.iterdir()) == ["a", folders.MARK]
    assert (place / "a").read_text() == "3" and [each.name for each in tmp_path.iterdir()] == ["out"]


def test_what_is_not_ours_stays(tmp_path: Path) -> None:
    place = tmp_path / "out"
    for prepare in (
        lambda: place.write_text("x"),
        lambda: place.symlink_to(tmp_path),
        lambda: (place.mkdir(), (place / "mine").write_text("x")),
        lambda: (place.mkdir(), (place / folders.MARK).write_text("[]"), (place / "mine").write_text("x")),
        lambda: (folders.write(place, marked(a="1")), (place / "mine").write_text("x")),
        lambda: (folders.write(place, marked(a="1")), (place / "a").write_text("changed")),
    ):
        prepare()
        with pytest.raises(UsageError, match="Choose another"):
            folders.write(place, marked(a="2"))
        assert place.is_symlink() or place.is_file() or (place / "mine").exists() or (place / "a").exists()
        if place.is_dir() and not place.is_symlink():
            for each in place.iterdir():
                each.unlink()
            place.rmdir()
        else:
            place.unlink()


def test_a_failure_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "out"
    folders.write(place, marked(a="1"))
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if self.name == "new":
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(EdgecnnError, match="No space left"):
        folders.write(place, marked(a="2"))
    assert (place / "a").read_text() == "1" and [each.name for each in tmp_path.iterdir()] == ["out"]


def test_command_and_function_write_the_same(tiny_int8: Path, tmp_path: Path) -> None:
    done = run_cli("export", tiny_int8, "--for", "python", "-o", tmp_path / "a", "--json", "-")
    record = json.loads(done.stdout)
    assert record["files"]["model.tflite"] == sha256(tiny_int8.read_bytes()) == record["model_sha256"]
    again = edgecnn.export(tiny_int8, "python", tmp_path / "b")
    assert again.files == record["files"]
    for name, digest in again.files.items():
        assert sha256((tmp_path / "b" / name).read_bytes()) == digest


def test_help_names_every_target() -> None:
    text = run_cli("export", "--help").stdout
    assert all(EXPORTS.literal(name, "SUMMARY")[:30] in " ".join(text.split()) for name in EXPORTS.names())


def test_unknown_target(tiny_int8: Path, tmp_path: Path) -> None:
    done = run_cli("export", tiny_int8, "--for", "pyton", "-o", tmp_path / "a")
    assert done.returncode == 2 and "python" in done.stderr and not (tmp_path / "a").exists()
