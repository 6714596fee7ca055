"""Archives of folders: read like the folder; hostile ones write nowhere else, and no more than is in proportion."""

from __future__ import annotations

import gzip
import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgecnn.core.cache import cache_folder
from edgecnn.core.errors import DataError
from edgecnn.data import open_data
from edgecnn.data.split import open_splits

PNG = cv2.imencode(".png", np.full((4, 4, 3), 7, np.uint8))[1].tobytes()


def png(number: int) -> bytes:
    picture = np.random.default_rng(number).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return cv2.imencode(".png", picture)[1].tobytes()


def members(prefix: str = "") -> dict[str, bytes]:
    return {f"{prefix}{name}/{n}.png": png(n + 100 * row) for row, name in enumerate(("ant", "bee")) for n in range(6)}


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def write_tar(path: Path, files: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize("name", ["d.zip", "D.ZIP", "d.tar", "d.tar.gz", "d.tgz", "d.tar.bz2", "d.tar.xz"])
def test_an_archive_is_read_like_its_folder(tmp_path: Path, name: str) -> None:
    files = members("my data/")
    for file, content in files.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes(content)
    mode = {"gz": "w:gz", "tgz": "w:gz", "bz2": "w:bz2", "xz": "w:xz"}.get(name.rpartition(".")[2], "w")
    archive = tmp_path / name
    write_zip(archive, files) if name.lower().endswith("zip") else write_tar(archive, files, mode)
    data, folder = open_data(str(archive)), open_data(str(tmp_path / "my data"))
    assert data.name == str(archive) and data.classes == ("ant", "bee") and data.digest() == folder.digest()
    assert (data.examples[3].read() == folder.examples[3].read()).all()


def test_splits_and_litter_in_an_archive(tmp_path: Path) -> None:
    files = {**members("x/Train/"), **{k: png(900 + i) for i, k in enumerate(members("x/Test/"))}}
    files |= {"__MACOSX/x/Train/ant/._0.png": b"x", "x/.DS_Store": b"x", "x/Train/ant/IMG.CR2": b"x"}
    splits = open_splits(str(write_zip(tmp_path / "d.zip", files)), share=0.4)
    assert splits.test is not None and len(splits.test) == 12 and len(splits.train) + len(splits.validation) == 12
    assert "1 RAW" in splits.train.notes[-1]


def test_it_is_unpacked_once_and_again_when_it_changes(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "d.zip", members())
    first = open_data(str(path)).examples[0]
    assert open_data(str(path)).examples[0] == first
    write_zip(path, members("other/"))
    os.utime(path, (1, 1))
    assert open_data(str(path)).examples[0] != first


def test_names_of_other_encodings(tmp_path: Path) -> None:
    path = tmp_path / "d.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("caf\u00e9/a.png", PNG)
        archive.writestr("bee/b.png", PNG)
    data = path.read_bytes()  # without the flag that says UTF-8
    path.write_bytes(data.replace(b"\x00\x08\x00\x00", b"\x00\x00\x00\x00"))
    assert open_data(str(path)).classes == ("bee", "caf\u00e9")
    with tarfile.open(tmp_path / "d.tar", "w", format=tarfile.GNU_FORMAT) as tar:
        for name in (os.fsdecode(b"\xff\xfe/a.png"), "bee/line\nbreak.png"):
            info = tarfile.TarInfo(name)
            info.size = len(PNG)
            tar.addfile(info, io.BytesIO(PNG))
    found = open_data(str(tmp_path / "d.tar"))
    assert found.classes == ("\\xff\\xfe", "bee")
    assert [example.name for example in found.examples] == ["\\xff\\xfe/a.png", "bee/line_break.png"]


@pytest.mark.parametrize("name", ["../evil.png", "a/../../evil.png", "/tmp/evil.png", "C:\\evil.png", "..\\evil.png"])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_nothing_leaves_the_cache(tmp_path: Path, name: str, kind: str) -> None:
    files = {**members(), name: PNG}
    path = write_zip(tmp_path / "d.zip", files) if kind == "zip" else write_tar(tmp_path / "d.tar", files)
    with pytest.raises(DataError, match="leads outside of it"):
        open_data(str(path))
    assert not list(tmp_path.rglob("evil*")) and not list(cache_folder().rglob("*evil*"))


def test_links_and_devices_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "d.tar"
    write_tar(path, members())
    with tarfile.open(path, "a") as archive:
        for name, kind in (("ant/link", tarfile.SYMTYPE), ("bee/hard.png", tarfile.LNKTYPE), ("x", tarfile.CHRTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc"
            archive.addfile(info)
        info = tarfile.TarInfo("ant/link/passwd.png")
        info.size = len(PNG)
        archive.addfile(info, io.BytesIO(PNG))
    assert len(open_data(str(path))) == 13
    with zipfile.ZipFile(write_zip(tmp_path / "d.zip", members()), "a") as zipped:
        link = zipfile.ZipInfo("ant/link.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        zipped.writestr(link, "/etc/passwd")
    assert len(open_data(str(tmp_path / "d.zip"))) == 12


def test_bombs_are_refused_in_proportion(tmp_path: Path) -> None:
    zeros = bytes(300 << 20)
    with pytest.raises(DataError, match="suspicious for its size"):
        open_data(str(write_zip(tmp_path / "d.zip", {"ant/a.png": zeros})))
    with pytest.raises(DataError, match="suspicious for its size"):
        open_data(str(write_tar(tmp_path / "d.tar.gz", {"ant/a.png": zeros}, "w:gz")))
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, 1 << 30
    with gzip.open(tmp_path / "pax.tar.gz", "wb") as stream:
        stream.write(header.tobuf())
        stream.write(bytes(40 << 20))
    with pytest.raises(DataError, match=r"claims 1,073,741,824 bytes"):
        open_data(str(tmp_path / "pax.tar.gz"))
    assert not list(cache_folder().glob(".archive-*"))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no more", b"text" * 300])
@pytest.mark.parametrize("name", ["d.zip", "d.tar", "d.tar.gz"])
def test_what_is_damaged_is_named(tmp_path: Path, content: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=r"d\.(zip|tar)"):
        open_data(str(tmp_path / name))


def test_damage_inside_encryption_and_what_is_no_file(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "d.zip", members())
    data = bytearray(path.read_bytes())
    place = data.index(b"ant/0.png") + 12
    data[place : place + 8] = bytes(8)
    path.write_bytes(data)
    with pytest.raises(DataError, match="can't be unpacked"):
        open_data(str(path))
    whole = write_zip(tmp_path / "e.zip", members()).read_bytes()
    central = whole.index(b"PK\x01\x02")
    (tmp_path / "e.zip").write_bytes(whole[: central + 8] + b"\x01" + whole[central + 9 :])
    with pytest.raises(DataError, match="is encrypted"):
        open_data(str(tmp_path / "e.zip"))
    os.mkfifo(tmp_path / "f.zip")
    with pytest.raises(DataError, match="not a regular file"):
        open_data(str(tmp_path / "f.zip"))
