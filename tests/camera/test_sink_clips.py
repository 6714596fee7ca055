"""The clips sink: videos that are there afterwards, read by OpenCV."""

from __future__ import annotations

import re

import pytest
from scenes import BLUE, GREEN, RED, plain, read_video, write_video
from sink_doubles import HOSTILE, Delivered, answer
from test_demo_command import demo

from edgecnn.camera.sink import Surroundings
from edgecnn.camera.sink_choice import chosen
from edgecnn.core.errors import EdgecnnError, UsageError


def opened(text):
    choice = chosen(text)
    return choice.plugin.open_sink(choice.options, Surroundings("m", (), choice.rule))


def shown(folder, settings, labels, fps=10.0):
    """Clips of answers at a frame rate: names and frame counts."""
    text = f"clips:{folder},format=avi,fps=10,{settings}"
    with Delivered(opened(text), text, waits=True) as delivered:
        for number, label in enumerate(labels, 1):
            delivered.delivery.show(answer(label, 0.9, number, fps=fps))
    assert not delivered.notes
    return [(path.name, len(read_video(path))) for path in sorted(folder.iterdir())]


def test_a_clip_around_an_event(tmp_path):
    """Seen from frame 31 to 50 at 10 fps, one second before, half a second after: 10 + 20 + 5 frames and the last."""
    labels = ["dog"] * 30 + ["person"] * 20 + ["dog"] * 50
    ((name, frames),) = shown(tmp_path, "before=1,after=0.5,when=person", labels)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d-\d{3}_person\.avi", name) and abs(frames - 36) <= 1


def test_two_events_close_together_are_one_clip(tmp_path):
    labels = ["person"] * 5 + ["dog"] * 3 + ["person"] * 5 + ["dog"] * 30
    assert len(shown(tmp_path, "before=0,after=1,when=person", labels)) == 1


def test_a_clip_is_no_longer_than_asked_for(tmp_path):
    ((_, frames),) = shown(tmp_path, "before=0,longest=2,when=person", ["person"] * 100)
    assert 20 <= frames <= 22


def test_a_fast_camera_is_thinned_out(tmp_path):
    ((_, frames),) = shown(
        tmp_path, "before=1,after=0.5,when=person", ["dog"] * 90 + ["person"] * 60 + ["dog"] * 90, 30
    )
    assert abs(frames - 36) <= 2


def test_an_unfinished_clip_is_kept_and_its_name_is_plain(tmp_path):
    ((name, frames),) = shown(tmp_path, "when=*", [HOSTILE] * 10)
    assert frames == 10 and re.fullmatch(r"[0-9_-]+_[A-Za-z0-9_-]+\.avi", name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clips:x,before=3,longest=2", "longest is 2; expected more than before, which is 3"),
        ("clips:x,format=gif", "format is 'gif'; expected one of: mp4, avi, mkv"),
        ("clips:x,fps=0", "fps is 0; expected"),
    ],
)
def test_bad_settings_are_refused(text, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        chosen(text)


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EdgecnnError, match=r"Can't write clips to .*Choose another folder"):
        opened(f"clips:{tmp_path / 'file'}")


def test_the_command_writes_clips(color_model, tmp_path):
    video = write_video(tmp_path / "v.avi", [plain(color) for color in (RED, GREEN, BLUE) for _ in range(30)])
    sink = f"clips:{tmp_path / 'clips'},format=avi,before=0.5,after=0.2,when=green for 3"
    result = demo(color_model, "--source", video, "--as-fast-as-possible", "--smooth", 0, "--headless", "--sink", sink)
    assert result.returncode == 0, result.stderr
    (clip,) = (tmp_path / "clips").iterdir()
    middle = read_video(clip)[8]
    assert middle[240, 320].argmax() == 1 and abs(len(read_video(clip)) - 17) <= 2
