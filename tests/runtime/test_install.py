"""A board's virtual environment is made whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecnn.runtime.errors import EdgecnnError
from edgecnn.runtime.process import install


@pytest.fixture(autouse=True)
def environments(monkeypatch):
    """Environments are a folder with a file here: what is tested is how one takes another's place."""

    def create(folder: Path, **options: bool) -> None:
        folder.mkdir()
        (folder / "made").write_text("new")

    monkeypatch.setattr(install.venv, "create", create)


def content(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_a_new_one_takes_the_old_ones_place(tmp_path):
    for _ in range(2):
        install.install(str(tmp_path / "venv"), [], [])
        assert content(tmp_path) == {"venv/made": "new"}


def test_the_old_one_comes_back(tmp_path, monkeypatch):
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv/made").write_text("old")
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if self.name == "venv.new":
            raise OSError("the disk went away")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(EdgecnnError, match=r"the disk went away\. .*An earlier environment there is unchanged"):
        install.install(str(tmp_path / "venv"), [], [])
    assert content(tmp_path) == {"venv/made": "old"}
