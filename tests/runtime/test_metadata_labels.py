"""The labels file in the zip behind a model: its size and the length of the zip's directory are bounded."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import pytest

from edgecnn.runtime.errors import ModelFileError
from edgecnn.runtime.model import metadata, model_file

LABELS = "labels.txt"


def _zipped(content: bytes, compression: int = zipfile.ZIP_DEFLATED, others: int = 0) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.writestr(LABELS, content)
        for number in range(others):
            archive.writestr(f"{number:0100}", b"")
    return buffer.getvalue()


def _lying(archive: bytes, size_bytes: int) -> bytes:
    """The same zip, which claims that its member unpacks to so many bytes."""
    place = archive.index(b"PK\1\2") + 24
    return archive[:place] + struct.pack("<L", size_bytes) + archive[place + 4 :]


@pytest.fixture()
def buffer(tiny_int8: Path) -> memoryview:
    return model_file.read(tiny_int8).model.metadata[metadata.BUFFER_NAME]


def test_labels_are_read(buffer: memoryview) -> None:
    assert metadata.read(buffer, b"a model" + _zipped(b"ant\nbee\n")).labels == ("ant", "bee")


@pytest.mark.parametrize(
    ("archive", "words"),
    [
        (_zipped(b"\n" * (17 << 20)), "more than 16,777,216 bytes"),
        (_lying(_zipped(b"ant\n" * (5 << 20)), 8), "can't be read"),
        (_zipped(b"ant\n", zipfile.ZIP_LZMA), "compression method is not supported"),
        (_zipped(b"ant\n", zipfile.ZIP_BZIP2), "compression method is not supported"),
        (_zipped(b"ant\n", others=8000), "directory has more than 1,048,576 bytes"),
    ],
    ids=["large", "lying", "lzma", "bzip2", "members"],
)
def test_bombs_are_refused(buffer: memoryview, archive: bytes, words: str) -> None:
    with pytest.raises(ModelFileError, match=words):
        metadata.read(buffer, b"a model" + archive)
