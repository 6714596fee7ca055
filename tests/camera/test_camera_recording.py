"""Recordings that play, in real time or frame by frame."""

import os
import time

import pytest
from scenes import GREEN, RED, plain, read_video

from edgecnn.camera.frames import Frame
from edgecnn.camera.recognize import Recognizer
from edgecnn.camera.record import CODECS, Recording
from edgecnn.core.errors import CameraError, EdgecnnError, UsageError
from edgecnn.runtime.model.model_file import read
from edgecnn.runtime.run.engine import Engine


@pytest.fixture
def answer(color_model):
    recognizer = Recognizer(Engine(read(color_model), 1), smooth_s=0)

    def make(picture, at, number=1):
        return recognizer.answer(Frame(number, picture, "bgr", at, 0.0))

    return make


def feed(recording, answers):
    """Hand answers over one by one, as a model does that is slower than the disk."""
    for one in answers:
        recording.show(one)
        while recording._newest is not None:
            time.sleep(0.002)
    recording.close()


@pytest.mark.parametrize("suffix", sorted(CODECS))
def test_every_answer_once(tmp_path, answer, suffix):
    path = tmp_path / f"r{suffix}"
    recording = Recording(str(path), 30, every_answer=True)
    for number in range(12):
        recording.show(answer(plain(RED), number / 500))
    assert not path.exists()
    recording.close()
    frames = read_video(path)
    assert len(frames) == recording.written == 12
    assert frames[5][:200, :, 2].mean() > 200 and [p.name for p in tmp_path.iterdir()] == [path.name]


def test_plays_in_real_time_whatever_the_rate_of_answers(tmp_path, answer):
    path = tmp_path / "r.avi"
    times = [0, 0.1, 0.11, 0.12, 0.5, 1.0]  # seconds; uneven, as a busy board answers
    feed(Recording(str(path), 30), [answer(plain(RED), 100 + at) for at in times])
    assert len(read_video(path)) == pytest.approx(1.0 * 30 + 1, abs=1)


def test_a_long_gap_is_left_out(tmp_path, answer):
    recording = Recording(str(tmp_path / "r.avi"), 10)
    feed(recording, [answer(plain(RED), at) for at in (0.0, 1000.0, 1000.1)])
    assert recording.written == pytest.approx(5 * 10 + 2, abs=1)


def test_resolution_changes_on_the_way(tmp_path, answer):
    path = tmp_path / "r.mp4"
    recording = Recording(str(path), 30, every_answer=True)
    for picture in (plain(RED), plain(GREEN, (300, 600)), plain(GREEN, (1281, 721))):
        recording.show(answer(picture, 0))
    recording.close()
    frames = read_video(path)
    assert [frame.shape for frame in frames] == [(480, 640, 3)] * 3
    assert frames[1][100, 320].argmax() == 1 and frames[1][100, 10].max() < 40


def test_no_answer_no_file(tmp_path):
    recording = Recording(str(tmp_path / "r.mp4"), 30)
    with pytest.raises(CameraError, match=r"r\.mp4 was not recorded: no frame was processed"):
        recording.close()
    assert not list(tmp_path.iterdir())


def test_unknown_suffix(tmp_path):
    with pytest.raises(UsageError, match=r"expected a file name that ends with \.mp4, \.avi, \.mkv"):
        Recording(str(tmp_path / "r.gif"), 30)


def test_folder_that_can_not_be_written():
    target = "/proc/none/r.mp4" if os.geteuid() == 0 else "/none/r.mp4"
    with pytest.raises(EdgecnnError, match="Can't write"):
        Recording(target, 30)
