"""Label files as people have them: read right, or refused with the reason."""

from __future__ import annotations

import codecs
import json
import os
from pathlib import Path

import pytest

from edgecnn.core.errors import ModelFileError
from edgecnn.runtime.model import model_file
from edgecnn.runtime.model.label_file import check_count, read_labels

ABC = ("ant", "bee", "cat")


@pytest.mark.parametrize(
    "content",
    [
        b"ant\nbee\ncat\n",
        b"ant\r\nbee\r\ncat\r\n",
        codecs.BOM_UTF8 + b"ant\nbee\ncat",
        "\ufeffant\nbee\ncat".encode("utf-16-le"),
        b"  ant \n\n bee\ncat\n\n",
        b"0 ant\n1 bee\n2 cat",
        b"2 cat\n0 ant\n1 bee",
        b"1 ant\n2 bee\n3 cat",
        b"0: ant\n1: bee\n2: cat",
        b"0,ant\n1,bee\n2,cat",
        b"2;cat\n1;bee\n0;ant",
        b"0\tant\n1\tbee\n2\tcat",
        b"ant,0\ncat,2\nbee,1",
        b"index,label\n0,ant\n1,bee\n2,cat",
        b"class;id\nant;0\nbee;1\ncat;2",
        b"n01440764 ant\nn01443537 bee\nn01484850 cat",
        b"0,n01440764,ant\n1,n01443537,bee\n2,n01484850,cat",
        json.dumps({"cat": 2, "ant": 0, "bee": 1}).encode(),
        json.dumps({"cat": "2", "ant": "0", "bee": "1"}).encode(),
        json.dumps({"2": "cat", "0": "ant", "1": "bee"}).encode(),
        json.dumps({"0": ["n01440764", "ant"], "1": ["n01443537", "bee"], "2": ["n01484850", "cat"]}).encode(),
        json.dumps(["ant", "bee", "cat"]).encode(),
        json.dumps({"id2label": {"0": "ant", "1": "bee", "2": "cat"}}, indent=2).encode(),
    ],
)
def test_every_way_to_write_them(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "labels").write_bytes(content)
    assert read_labels(tmp_path / "labels", 3) == ABC


@pytest.mark.parametrize(
    "names",
    [
        ("3d printer", "2 stroke engine", "cat"),
        ("1 euro", "2 euro"),
        ("7up", "4x4", "101 dalmatians", "bee"),
        ("0", "1", "10", "2"),
        ("type 1", "type 2"),
        ("cat, tabby", "dog, hound"),
        ("crane", "bee", "crane"),
    ],
)
def test_names_with_numbers_in_them_stay_whole(tmp_path: Path, names: tuple[str, ...]) -> None:
    (tmp_path / "labels.txt").write_text("\n".join(names))
    assert read_labels(tmp_path / "labels.txt") == names


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"0 ant\n1 bee\n3 cat", "2 is missing"),
        (b"0 ant\n1 bee\n1 cat", "1 occurs twice"),
        (b"2 stroke\n4 takt", "3 is missing"),
        (b'{"ant": 0, "bee": 2}', "1 is missing"),
        (b'{"0": "ant", "2": "bee"}', "1 is missing"),
        (b'{0: "ant"}', "JSON"),
        (b'{"ant": "bee"}', "an unsupported form"),
        (b"[1, 2]", "an unsupported form"),
        (b"item {\n name: 'ant'\n}", "one class name per line"),
        (b"\xe4meise\nbiene", "UTF-8"),
        (b"\n \n", "no labels"),
        (b"[" * 100_000, "JSON"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "labels.txt").write_bytes(content)
    with pytest.raises(ModelFileError, match=reason) as error:
        read_labels(tmp_path / "labels.txt")
    assert "labels.txt" in str(error.value)


def test_only_regular_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "labels.txt")
    with pytest.raises(ModelFileError, match="FIFO"):
        read_labels(tmp_path / "labels.txt")
    with pytest.raises(ModelFileError, match="No such file"):
        read_labels(tmp_path / "nowhere.txt")


def test_their_number_is_that_of_the_outputs(tmp_path: Path, tiny_int8: Path) -> None:
    (tmp_path / "six.txt").write_text("background\nant\nbee\ncat\ndog\neel")
    with pytest.raises(ModelFileError, match=r"6 labels for 5 classes.*'background'"):
        model_file.read(tiny_int8, tmp_path / "six.txt")
    (tmp_path / "four.txt").write_text("ant\nbee\ncat\ndog")
    with pytest.raises(ModelFileError, match="4 labels for 5 classes"):
        model_file.read(tiny_int8, tmp_path / "four.txt")
    (tmp_path / "five.txt").write_text("4 e\n0 a\n2 c\n1 b\n3 d")
    assert model_file.read(tiny_int8, tmp_path / "five.txt").contract.labels == ("a", "b", "c", "d", "e")
    check_count(("no", "yes"), 1, "one output tells two classes apart")
