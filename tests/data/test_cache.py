"""The cache after a Ctrl-C, a damaged file, a full disk's worth of entries, and without permission."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from edgecnn.core import cache as cache_module
from edgecnn.core.cache import cached
from edgecnn.core.errors import DataError


def read(folder: Path) -> str:
    return (folder / "value").read_text()


def entry(name: str, value: str = "new", size_bytes: int = 0) -> str:
    def fill(folder: Path) -> None:
        (folder / "value").write_text(value)

    return cached(name, size_bytes, read, fill)


@pytest.fixture()
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGECNN_CACHE", str(tmp_path))
    return tmp_path


def test_made_once(cache: Path) -> None:
    assert [entry("pictures-a", value) for value in ("first", "second")] == ["first", "first"]
    assert [path.name for path in cache.iterdir()] == ["pictures-a"]


def test_room_for_what_is_there_or_can_be_made(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Older entries give way; what is larger than the whole cache or the disk has no room."""
    entry("pictures-a", "x" * 600)
    monkeypatch.setattr(cache_module, "_CACHE_BYTES", 1000)
    assert cache_module.has_room("pictures-b", 900) and not cache_module.has_room("pictures-b", 1001)
    monkeypatch.setattr(cache_module, "_SPARE_BYTES", 1 << 60)
    assert not cache_module.has_room("pictures-b", 900) and cache_module.has_room("pictures-a", 1 << 60)


def test_a_damaged_entry_is_made_again(cache: Path) -> None:
    (cache / "pictures-a").mkdir()
    (cache / "pictures-a" / "something else").touch()
    assert [entry("pictures-a", value) for value in ("first", "second")] == ["first", "first"]
    assert [path.name for path in (cache / "pictures-a").iterdir()] == ["value"]


def test_ctrl_c_while_an_entry_is_removed_leaves_no_part_of_it(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry("features-old")
    monkeypatch.setattr(cache_module, "_CACHE_BYTES", 0)

    def interrupted(path: Path, **options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", interrupted)
        with pytest.raises(KeyboardInterrupt):
            entry("features-new")
    assert [path.name for path in cache.iterdir() if not path.name.startswith(".")] == []
    assert entry("features-old", "made again") == "made again"


def test_the_oldest_leaves_first_and_work_of_other_processes_stays(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for age_s, name in enumerate(("pictures-b", "features-a", ".pictures-c-being-made", ".trash-d-abandoned")):
        entry(name)
        os.utime(cache / name, (time.time() - age_s - 10,) * 2)
    os.utime(cache / ".trash-d-abandoned", (0, 0))
    monkeypatch.setattr(cache_module, "_CACHE_BYTES", 6)
    entry("pictures-e", size_bytes=3)
    assert sorted(path.name for path in cache.iterdir()) == [".pictures-c-being-made", "pictures-b", "pictures-e"]


def test_what_is_not_ours_stays(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (".git", "holiday-pictures"):
        (cache / name).mkdir()
        (cache / name / "file").write_text("theirs")
        os.utime(cache / name, (0, 0))
    monkeypatch.setattr(cache_module, "_CACHE_BYTES", 0)
    entry("pictures-a")
    assert sorted(path.name for path in cache.iterdir()) == [".git", "holiday-pictures", "pictures-a"]


def test_an_entry_that_another_process_made_meanwhile_is_taken(cache: Path) -> None:
    def fill(folder: Path) -> None:
        (folder / "value").write_text("mine")
        entry("pictures-a", "theirs")

    assert cached("pictures-a", 0, read, fill) == "theirs"
    assert [path.name for path in cache.iterdir()] == ["pictures-a"]


def test_an_entry_that_vanishes_while_it_is_looked_at(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry("pictures-a")
    listed = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda folder: iter([*listed(folder), folder / "vanished"]))
    assert entry("pictures-b") == "new"


def test_a_cache_that_can_t_be_written_serves_what_it_has(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry("pictures-a")

    def refused(*arguments: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "utime", refused)
    monkeypatch.setattr("tempfile.mkdtemp", refused)
    assert entry("pictures-a") == "new"
    with pytest.raises(DataError, match=r"Permission denied. Set EDGECNN_CACHE"):
        entry("pictures-b")
