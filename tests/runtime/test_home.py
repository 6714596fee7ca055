"""Users without a home folder, as services and containers have them."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecnn.runtime import home
from edgecnn.runtime.delegates.kind import DelegateSpec
from edgecnn.runtime.delegates.kinds import library
from edgecnn.runtime.errors import DelegateError
from edgecnn.runtime.process import inventory


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(path: str) -> str:
        return path  # what os.path does for a user that no list knows

    monkeypatch.setattr("os.path.expanduser", unknown)


def test_a_path_keeps_what_nobody_can_replace(homeless: None) -> None:
    assert home.expanded("~/venv") == Path("~/venv") and home.folder() == Path("/")
    with pytest.raises(DelegateError, match=r"There is no delegate library .*/~/libx\.so\."):
        library.library_file(DelegateSpec("library", "~/libx.so", {}))


def test_the_inventory_needs_no_home(homeless: None) -> None:
    assert inventory.take()["free_disk_bytes"] > 0


def test_with_a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert home.expanded("~/venv") == tmp_path / "venv" and home.folder() == tmp_path
