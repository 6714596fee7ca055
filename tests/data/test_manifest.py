"""Manifests as spreadsheets, pandas and labeling tools write them: recognized, or refused with the column's name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgecnn.core.errors import DataError
from edgecnn.data import open_data


def manifest(folder: Path, text: str | bytes, name: str = "list.csv") -> str:
    for image in ("a.jpg", "b.jpg", "c d.jpg"):
        (folder / "x").mkdir(exist_ok=True)
        (folder / "x" / image).touch()
        (folder / image).touch()
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return str(folder / name)


@pytest.mark.parametrize(
    "text",
    [
        "path,label\na.jpg,ant\nb.jpg,bee\n",
        "path, label\na.jpg, ant\nb.jpg, bee\n",
        "Path,Label\r\na.jpg,ant\r\nb.jpg,bee\r\n",
        "filename,class\na.jpg,ant\nb.jpg,bee",
        "image,category\na.jpg,ant\nb.jpg,bee",
        "file,Class Name\na.jpg,ant\nb.jpg,bee",
        "label,image_path\nant,a.jpg\nbee,b.jpg",
        "path;label\na.jpg;ant\nb.jpg;bee",
        "path\tlabel\na.jpg\tant\nb.jpg\tbee",
        "filename|target\na.jpg|ant\nb.jpg|bee",
        '"filename","label"\n"a.jpg","ant"\n"b.jpg","bee"',
        ",filename,label\n0,a.jpg,ant\n1,b.jpg,bee",
        "id,image,label,width,height\n7,a.jpg,ant,1,2\n8,b.jpg,bee,3,4",
        "\ufefffilename,label\na.jpg,ant\nb.jpg,bee",
        "\ufefffilename\tlabel\na.jpg\tant\nb.jpg\tbee".encode("utf-16-le"),
        "\n\nfilename,label\n\na.jpg,ant\n\nb.jpg,bee\n",
        "class,path,label\n0,a.jpg,ant\n1,b.jpg,bee",
        "path,label,split\na.jpg,ant,train\nb.jpg,bee,train",
    ],
)
def test_headers_and_separators(tmp_path: Path, text: str | bytes) -> None:
    data = open_data(manifest(tmp_path, text))
    assert [(example.name, example.label) for example in data.examples] == [("a.jpg", "ant"), ("b.jpg", "bee")]
    assert data.classes == ("ant", "bee")


def test_images_without_labels_and_paths_from_windows(tmp_path: Path) -> None:
    assert open_data(manifest(tmp_path, "file\na.jpg\nc d.jpg")).classes == ()
    data = open_data(manifest(tmp_path, "path,label\nx\\a.jpg,ant\nx\\c d.jpg,bee"))
    assert len(data) == 2 and data.classes == ("ant", "bee")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("image,animal\na.jpg,ant", "columns image, animal.*Rename that column to label.*remove animal"),
        ("filename,ant,bee\na.jpg,1,0", "which column holds the labels is unclear"),
        ("a.jpg,ant\nb.jpg,bee", "columns a.jpg, ant; expected the header"),
        ("where,label\na.jpg,ant", "columns where, label; expected the header path,label"),
        ("filename,image,label\na.jpg,b.jpg,ant", "filename and image may each be the column path"),
        ("path,class,category\na.jpg,1,ant", "class and category may each be the column label"),
        (
            "path,label,split\na.jpg,ant,train\nb.jpg,bee,test",
            "column split assigns the images to the splits test, train",
        ),
        ("path,label\na.jpg,ant\nb.jpg,bee,2", "line 3 has 3 values for 2 columns"),
        ("path,label\n,ant", "line 2: the path is empty"),
        ("path,label\nz.jpg,ant", "1 of 1 files don't exist.*z.jpg"),
        ("path,label\n", "lists no images"),
        ("", r"columns \(none\)"),
        (b"path,label\na.jpg,\xe4", "UTF-8"),
        ("path,label\na.jpg,ant\nb.jpg,", "1 of 2 images have no label"),
        ("path,label\n.,ant", "not regular files"),
        ("path,label\na\0.jpg,ant", "a"),
    ],
)
def test_what_is_not_clear_is_named(tmp_path: Path, text: str | bytes, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        open_data(manifest(tmp_path, text))


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "list.csv")
    with pytest.raises(DataError, match=r"list\.csv: it is a FIFO"):
        open_data(str(tmp_path / "list.csv"))
    os.mkfifo(tmp_path / "a.jpg")
    (tmp_path / "other.csv").write_text("path,label\na.jpg,ant")
    with pytest.raises(DataError, match="not regular files"):
        open_data(str(tmp_path / "other.csv"))
    with pytest.raises(DataError, match="no data set"):
        open_data("/dev/zero")
