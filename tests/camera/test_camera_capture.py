"""The newest frame only, sources that fail, and counts that add up."""

import threading
import time

import pytest
from scenes import BLUE, GREEN, RED, MjpegCamera, plain

from edgecnn.camera.capture import ENDED, FAILED, LOST, RUNNING, Capture
from edgecnn.camera.frames import Frame, Slot
from edgecnn.camera.recognize import Recognizer
from edgecnn.camera.source import CorruptFrame, Shot, SourceEnded, SourceLost, Wish, open_source
from edgecnn.core.errors import CameraError
from edgecnn.runtime.model.model_file import read
from edgecnn.runtime.run.engine import Engine


class ScriptedDouble:
    """A test double of a camera: gives images, and raises the exceptions of its script."""

    name = "double"

    def __init__(self, script, live=True, fps=100.0):
        self.script, self.live, self.fps, self.closed = iter(script), live, fps, False

    def read(self):
        step = next(self.script, SourceEnded("over"))
        if isinstance(step, BaseException):
            raise step
        if self.live:
            time.sleep(1 / self.fps)
        return Shot(step, time.monotonic())

    def close(self):
        self.closed = True


class Collector:
    """A view that keeps what it is shown; the model can't go on before `may_go_on`."""

    def __init__(self, delay_s=0.0, may_go_on=None):
        self.answers, self.delay_s, self.may_go_on = [], delay_s, may_go_on

    def show(self, answer):
        time.sleep(self.delay_s)
        assert self.may_go_on is None or self.may_go_on.wait(20)
        self.answers.append(answer)

    def close(self):
        pass


@pytest.fixture
def engine(color_model):
    return Engine(read(color_model), 1)


def run(engine, sources, delay_s=0.0, timeout_s=20.0, may_go_on=None, **options):
    """Run a capture and a recognizer over sources that are opened one after another; returns (capture, answers)."""
    rest = iter(sources)

    def open_next():
        source = next(rest)
        if isinstance(source, Exception):
            raise source
        return source

    recognizer = Recognizer(engine, smooth_s=0)
    capture = Capture(open_next, open_next(), engine, recognizer.free_by, **options)
    view = Collector(delay_s, may_go_on)
    recognizer.connect(capture, [view])
    capture.start()
    recognizer.start()
    assert recognizer.finished.wait(timeout_s)
    capture.stop()
    capture.join(5)
    assert recognizer.error is None
    return capture, view.answers


def labels(answers):
    return [answer.text for answer in answers]


def test_slot_keeps_the_newest():
    slot = Slot()
    frames = [Frame(number, plain(RED), "bgr", 0.0, 0.0) for number in (1, 2, 3)]
    assert [slot.put(frame) for frame in frames] == [False, True, True]
    assert slot.take(0) is frames[2]
    assert slot.take(0.01) is None


def test_slot_wakes_who_waits():
    slot = Slot()
    threading.Timer(0.05, lambda: slot.put(Frame(1, plain(RED), "bgr", 0.0, 0.0))).start()
    assert slot.take(5).number == 1
    assert slot.wait_empty(0)


def test_slow_model_gets_the_newest_frame_and_the_counts_add_up(engine):
    all_read = threading.Event()

    def script():
        yield from [plain(RED)] * 40
        all_read.set()

    capture, answers = run(engine, [ScriptedDouble(script(), fps=200)], may_go_on=all_read)
    counts = capture.counts
    assert counts.captured == 40 and counts.inferred == len(answers) <= 2
    assert counts.captured == counts.dropped + counts.inferred
    numbers = [answer.frame.number for answer in answers]
    assert numbers == sorted(set(numbers)) and numbers[-1] == 40


def test_as_fast_as_possible_loses_nothing(engine):
    pictures = [plain(RED), plain(GREEN), plain(BLUE)] * 5
    source = ScriptedDouble(pictures, live=False, fps=1.0)
    capture, answers = run(engine, [source], delay_s=0.01, as_fast_as_possible=True)
    assert labels(answers) == ["red", "green", "blue"] * 5
    assert capture.counts.dropped == 0 and source.closed
    assert [answer.frame.time_s for answer in answers] == list(range(15))


def test_real_time_keeps_a_files_pace(engine):
    start = time.monotonic()
    capture, _ = run(engine, [ScriptedDouble([plain(RED)] * 10, live=False, fps=20.0)])
    assert time.monotonic() - start >= 9 / 20
    assert capture.counts.captured == 10 and capture.state == ENDED


def test_loop_begins_again(engine):
    once = lambda: ScriptedDouble([plain(RED), plain(GREEN)], live=False)  # noqa: E731
    sources = [once(), once(), once(), ScriptedDouble([], live=False)]
    capture, answers = run(engine, sources, as_fast_as_possible=True, loop=True)
    assert labels(answers) == ["red", "green"] * 3
    assert capture.counts.reconnects == 0 and all(source.closed for source in sources)


def test_an_empty_source_does_not_loop_forever(engine):
    capture, answers = run(engine, [ScriptedDouble([], live=False)], loop=True)
    assert capture.state == ENDED and not answers


def test_unplugged_and_back(engine):
    first = ScriptedDouble([plain(RED), SourceLost("unplugged")], live=False)
    gone = CameraError("there is no camera")
    sources = [first, gone, ScriptedDouble([plain(GREEN)], live=False)]
    capture, answers = run(engine, sources, as_fast_as_possible=True)
    assert labels(answers) == ["red", "green"]
    assert first.closed and capture.counts.reconnects == 1 and capture.state == ENDED


def test_says_what_is_wrong_while_the_camera_is_away(engine):
    recognizer = Recognizer(engine)

    def gone():
        raise CameraError("there is no camera /dev/video7")

    capture = Capture(gone, ScriptedDouble([plain(RED), SourceLost("unplugged")]), engine, recognizer.free_by)
    capture.start()
    end = time.monotonic() + 5
    while capture.message != "there is no camera /dev/video7" and time.monotonic() < end:
        time.sleep(0.01)
    assert (capture.state, capture.message) == (LOST, "there is no camera /dev/video7")
    capture.stop()
    capture.join(5)
    assert not capture.is_alive()


def test_corrupt_frames_are_counted_and_passed_over(engine):
    script = [plain(RED), CorruptFrame("torn"), CorruptFrame("torn"), plain(GREEN)]
    capture, answers = run(engine, [ScriptedDouble(script, live=False)], as_fast_as_possible=True)
    assert labels(answers) == ["red", "green"] and capture.counts.corrupt == 2


def test_resolution_and_color_order_may_change(engine):
    pictures = [plain(RED), plain(RED, (1280, 720)), plain(RED, (120, 160)), plain(RED, (33, 7))]
    _, answers = run(engine, [ScriptedDouble(pictures, live=False)], as_fast_as_possible=True)
    assert labels(answers) == ["red"] * 4


def test_a_bug_in_a_source_ends_the_demo_with_its_error(engine):
    capture, answers = run(engine, [ScriptedDouble([plain(RED), ZeroDivisionError("a bug")])])
    assert capture.state == FAILED and isinstance(capture.error, ZeroDivisionError)
    assert len(answers) <= 1 and capture.state != RUNNING


def test_the_pause_grows_until_there_is_a_frame_again(engine):
    """Also where connecting works and only the frames don't come."""

    class NoWaiting(threading.Event):
        """Notes how long the capture would wait."""

        def wait(self, timeout=None):
            pauses.append(timeout)
            return self.is_set()

    pauses = []
    lost = [ScriptedDouble([SourceLost("cut")]) for _ in range(7)]
    again = [ScriptedDouble([plain(RED), SourceLost("cut")]), ScriptedDouble([SourceLost("cut")]), ScriptedDouble([])]
    rest = iter([*lost[1:3], CameraError("off"), *lost[3:], *again])

    def open_next():
        source = next(rest)
        if isinstance(source, Exception):
            raise source
        return source

    capture = Capture(open_next, lost[0], engine, lambda: 0.0)
    capture._stop_asked = NoWaiting()
    capture.run()
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 10.0, 0.5, 1.0]
    assert capture.state == ENDED


def test_a_camera_that_hangs_up_is_not_called_all_the_time(engine):
    """A real one, for two seconds: each connection is cut after its header."""
    with MjpegCamera([None], fps=200) as camera:

        def connect():
            return open_source(camera.address, Wish())

        capture = Capture(connect, connect(), engine, time.time)
        capture.start()
        time.sleep(2)
        capture.stop()
        capture.join(10)
        assert 2 <= camera.connections <= 4 and capture.state == LOST
