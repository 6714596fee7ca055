"""Training on streamed images: the same as on decoded ones, in an order that reads shards from begin to end."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgecnn.core.errors import DataError
from edgecnn.data import open_data
from edgecnn.data.kinds import tfrecord
from edgecnn.data.shard_settings import ShardSettings
from edgecnn.data.shard_writing import write_shards
from edgecnn.training import train
from edgecnn.training.order import shard_order
from edgecnn.training.settings import TrainOptions

QUICK = {"epochs": 2, "batch_size": 16}


def test_streamed_training_is_that_on_decoded_images(pictures: Path, small_keras: Path) -> None:
    def losses(images: str, recompute: str) -> list[float]:
        options = TrainOptions(str(pictures / "train"), "scratch", {**QUICK, "recompute": recompute}, images=images)
        return [each.loss for each in train(small_keras, options).phases[0].history.epochs]

    cached = losses("cached", "auto")
    assert cached == losses("streamed", "never")
    lean = losses("streamed", "auto")  # batch norms are computed again, and round otherwise
    assert lean == losses("cached", "always") == pytest.approx(cached, rel=1e-3)


_FAILING = """
import sys, time
from edgecnn.training import train
from edgecnn.training.batches import Batches
from edgecnn.training.settings import TrainOptions

arrays = Batches.arrays

def slow(self, step):
    time.sleep(4 if step > 3 else 0)
    return arrays(self, step)

def fail(stage, done, total):
    if stage.startswith("epoch"):
        raise RuntimeError("the first step was enough")

Batches.arrays = slow
train(sys.argv[1], TrainOptions(sys.argv[2], "scratch", {"batch_size": 16}), progress=fail)
"""


def test_a_program_that_fails_in_training_ends(pictures: Path, small_keras: Path) -> None:
    """TensorFlow's iterator in a traceback would wait for a batch that Python can't read any more, for ever."""
    command = [sys.executable, "-c", _FAILING, str(small_keras), str(pictures / "train")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=180)
    assert result.returncode == 1 and "RuntimeError: the first step was enough" in result.stderr


@pytest.mark.parametrize("format", ["webdataset", "tfrecord"])
def test_training_on_shards(pictures: Path, small_keras: Path, tmp_path: Path, format: str) -> None:
    data = open_data(str(pictures / "train"))
    written = write_shards(data, tmp_path / "shards", ShardSettings(format=format, size_mb=0.02))
    assert len(written.files) > 1
    shards = open_data(str(tmp_path / "shards"))
    expected = {digest: example.label for digest, example in zip(data.digests(), data.examples)}
    assert {digest: example.label for digest, example in zip(shards.digests(), shards.examples)} == expected
    trained = train(small_keras, TrainOptions(str(tmp_path / "shards"), "scratch", QUICK))
    assert trained.contract.labels == data.classes and "is streamed" in trained.report.notes[-1]


def test_a_shard_that_disappears_stops_training_with_its_name(
    pictures: Path, small_keras: Path, tmp_path: Path
) -> None:
    write_shards(open_data(str(pictures / "train")), tmp_path / "shards", ShardSettings())

    def remove(model: object) -> None:
        for path in (tmp_path / "shards").glob("*.tar"):
            path.unlink()

    with pytest.raises(DataError, match="Can't read the shard"):
        train(small_keras, TrainOptions(str(tmp_path / "shards"), "scratch", QUICK), show_model=remove)


def test_order_of_shards() -> None:
    """Each image once; another order in each epoch; workers read their share of the shards, and the order is one."""
    groups = np.repeat(np.arange(20, dtype=np.int32), 50)
    orders = [shard_order(groups, 8, 160, 0, epoch) for epoch in range(2)]
    for order in orders:
        assert sorted(order) == list(range(1000))
    assert (orders[0] != orders[1]).mean() > 0.9
    parts = orders[0].reshape(-1, 2, 4)
    shards = [set(groups[parts[:, worker].reshape(-1)]) for worker in range(2)]
    assert len(shards[0]) == len(shards[1]) == 10 and not shards[0] & shards[1]
    lane = parts[:, 0, 0]
    assert len(set(groups[lane[:20]])) <= 2, "a lane reads one shard after the other"
    assert (np.diff(lane) != 1).mean() > 0.5, "in random order within the buffer"
    assert len(shard_order(groups[:37], 8, 160, 0, 0)) == 32


def test_damaged_records_are_named(tmp_path: Path) -> None:
    from edgecnn.core.compat.tensorflow import tf

    path = tmp_path / "a.tfrecord"
    features = {
        "image/encoded": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"an image"])),
        "image/class/label": tf.train.Feature(int64_list=tf.train.Int64List(value=[300])),
        "other": tf.train.Feature(float_list=tf.train.FloatList(value=[1.0, 2.0])),
    }
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
    content = path.read_bytes()
    found = tfrecord.contents(path)
    assert found.classes == {300: 0} and [*found.labels] == [0]
    assert content[found.offsets[0] :][: found.sizes[0]] == b"an image"
    random = np.random.default_rng(0)
    for number in range(300):
        damaged = bytearray(content[: random.integers(1, len(content))] if number % 3 == 0 else content)
        damaged[random.integers(len(damaged))] = random.integers(256)
        path.write_bytes(damaged)
        try:
            found = tfrecord.contents(path)
        except DataError as error:
            assert "a.tfrecord" in str(error)
        else:
            assert all(place >= 0 and place + size <= len(damaged) for place, size in zip(found.offsets, found.sizes))
    path.write_bytes(struct.pack("<Q", 1 << 60) + content[8:])
    with pytest.raises(DataError, match="cut short"):
        tfrecord.contents(path)
