"""IDX files: what is read against bytes packed by hand, and every way a file can be broken."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from edgecnn.core.errors import DataError
from edgecnn.data import open_data
from edgecnn.data.kinds import idx


def write_idx(folder: Path, part: str, pictures: np.ndarray, labels: np.ndarray, *, zipped: bool = True) -> None:
    """The two files of one part, packed with struct."""
    count, height, width = pictures.shape
    for name, header, values in (
        (f"{part}-images-idx3-ubyte", struct.pack(">BBBBIII", 0, 0, 8, 3, count, height, width), pictures),
        (f"{part}-labels-idx1-ubyte", struct.pack(">BBBBI", 0, 0, 8, 1, len(labels)), labels),
    ):
        data = header + values.astype(np.uint8).tobytes()
        if zipped:
            (folder / f"{name}.gz").write_bytes(gzip.compress(data))
        else:
            (folder / name).write_bytes(data)


@pytest.mark.parametrize("zipped", [True, False])
def test_reads_pictures_and_labels(tmp_path: Path, zipped: bool) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (6, 28, 28))
    write_idx(tmp_path, "t10k", pictures, np.array([0, 9, 9, 3, 1, 0]), zipped=zipped)
    data = open_data(f"fashion-mnist/test:{tmp_path}")
    assert [example.label for example in data.examples][:4] == ["T-shirt or top", "Ankle boot", "Ankle boot", "Dress"]
    assert data.classes == ("Ankle boot", "Dress", "T-shirt or top", "Trouser")
    for example, picture in zip(data.examples, pictures):
        assert (example.read() == picture[:, :, np.newaxis]).all()
        assert example.read().shape == (28, 28, 3)


def test_training_pictures_know_their_test_pictures() -> None:
    assert idx.official_test("fashion-mnist:/some/folder") == "fashion-mnist/test:/some/folder"
    assert idx.official_test("fashion-mnist/test") is None


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-3], "values"),
        (lambda data: b"\x00\x00\x0d\x03" + data[4:], "not an IDX file"),
        (lambda data: b"", "not an IDX file"),
    ],
)
def test_damaged_file_is_named(tmp_path: Path, damage: object, message: str) -> None:
    write_idx(tmp_path, "train", np.zeros((3, 28, 28)), np.zeros(3), zipped=False)
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(DataError, match=message) as error:
        open_data(f"fashion-mnist:{tmp_path}")
    assert str(path) in str(error.value)


def test_cut_gzip_and_missing_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="apt install dataset-fashion-mnist"):
        open_data(f"fashion-mnist:{tmp_path}")
    write_idx(tmp_path, "train", np.zeros((3, 28, 28)), np.zeros(3))
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(DataError, match="Can't read"):
        open_data(f"fashion-mnist:{tmp_path}")
    write_idx(tmp_path, "t10k", np.zeros((3, 28, 28)), np.zeros(2))
    with pytest.raises(DataError, match="3 images and 2 labels"):
        open_data(f"fashion-mnist/test:{tmp_path}")


@pytest.mark.parametrize("count", [2**32 - 1, 400_000])
def test_what_a_header_claims_is_bounded_by_the_files_size(tmp_path: Path, count: int) -> None:
    write_idx(tmp_path, "train", np.zeros((3, 28, 28)), np.zeros(3))
    header = struct.pack(">BBBBIII", 0, 0, 8, 3, count, 28, 28)
    with gzip.open(tmp_path / "train-images-idx3-ubyte.gz", "wb") as stream:
        stream.write(header + bytes(1 << 20))
    with pytest.raises(DataError, match="far too many"):
        open_data(f"fashion-mnist:{tmp_path}")


def test_a_stream_is_read_no_further_than_its_header_says(tmp_path: Path) -> None:
    write_idx(tmp_path, "train", np.zeros((3, 28, 28)), np.zeros(3))
    with gzip.open(tmp_path / "train-images-idx3-ubyte.gz", "ab") as stream:
        for _ in range(64):
            stream.write(bytes(1 << 20))
    with pytest.raises(DataError, match="holds more than 2352 values"):
        open_data(f"fashion-mnist:{tmp_path}")
