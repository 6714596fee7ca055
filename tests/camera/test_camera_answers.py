"""What is answered: the same as `classify`, smoothed, with a budget that adds up and memory that doesn't grow."""

import math
import time

import numpy as np
import pytest
from scenes import DARK, GREEN, RED, photo, plain

from edgecnn.camera.frames import Frame
from edgecnn.camera.meter import STAGES, Meter
from edgecnn.camera.overlay import ascii_text, draw
from edgecnn.camera.recognize import Recognizer, Smoother
from edgecnn.runtime.model.model_file import read
from edgecnn.runtime.run.answers import answer as classify
from edgecnn.runtime.run.engine import Engine
from edgecnn.runtime.tasks.classification import top


@pytest.fixture
def engine(color_model):
    return Engine(read(color_model), 1)


def frame(picture, number=1, order="bgr", time_s=0.0):
    return Frame(number, picture, order, time.monotonic(), 0.5, time_s)


def test_same_answer_as_classify(engine):
    for name in ("chelsea.png", "coffee.png"):
        answer = Recognizer(engine, smooth_s=0).answer(frame(photo(name)))
        assert answer.classes == classify(engine, photo(name))


def test_color_order_of_the_source_is_respected(engine):
    assert Recognizer(engine).answer(frame(plain(RED))).text == "red"
    assert Recognizer(engine).answer(frame(plain(RED), order="rgb")).text == "blue"


def test_below_the_threshold_it_is_not_sure(engine):
    answer = Recognizer(engine, threshold=0.3).answer(frame(plain(DARK)))
    assert (answer.sure, answer.text) == (False, "not sure")
    assert Recognizer(engine, threshold=0.2).answer(frame(plain(DARK))).sure


def test_stages_add_up_to_the_latency(engine):
    recognizer = Recognizer(engine)
    ahead = frame(photo("chelsea.png"))
    ahead.prepare(engine)
    ahead.capture_ms = 0.1
    time.sleep(0.02)
    answer = recognizer.answer(ahead)
    assert tuple(answer.stages_ms) == STAGES
    assert sum(answer.stages_ms.values()) == pytest.approx(answer.latency_ms, abs=0.01)
    assert answer.stages_ms["wait"] >= 18


@pytest.mark.parametrize("fps", [5, 30, 200])
def test_smoothing_is_the_same_at_any_frame_rate(fps):
    smooth = Smoother(0.5)
    smooth(np.array([1.0, 0.0], np.float32), 0.0)
    for step in range(1, fps + 1):
        value = smooth(np.array([0.0, 1.0], np.float32), step / fps)
    assert value[0] == pytest.approx(math.exp(-1 / 0.5), abs=1e-5)
    assert value.sum() == pytest.approx(1, abs=1e-5)


def test_no_smoothing_passes_through():
    smooth = Smoother(0)
    smooth(np.array([1.0, 0.0]), 0.0)
    assert smooth(np.array([0.25, 0.75]), 0.1).tolist() == [0.25, 0.75]


def test_smoothed_answers_follow_with_a_delay(engine):
    recognizer = Recognizer(engine, smooth_s=0.3)
    texts = [recognizer.answer(frame(plain(RED), time_s=-1 / 30)).text]
    texts += [recognizer.answer(frame(plain(GREEN), time_s=step / 30)).text for step in range(30)]
    assert texts[0] == texts[1] == "red" and texts[-1] == "green"


def test_meter_against_numpy(monkeypatch):
    meter, random = Meter(), np.random.default_rng(5)
    rows = random.uniform(1, 9, (10_000, len(STAGES)))
    now = time.monotonic()
    monkeypatch.setattr("edgecnn.camera.meter.time.monotonic", lambda: now)
    for number, row in enumerate(rows):
        meter.add(now + (number - len(rows)) / 50, float(row.sum()), dict(zip(STAGES, row)))
    kept = rows[-4096:]
    summary = meter.summary()
    assert summary["answers"] == 10_000 and summary["fps"] == pytest.approx(50, rel=1e-3)
    assert summary["latency_ms"]["median"] == pytest.approx(np.median(kept.sum(axis=1)), abs=2e-3)
    assert summary["latency_ms"]["p99"] == pytest.approx(np.percentile(kept.sum(axis=1), 99), abs=2e-3)
    assert summary["stages_median_ms"]["invoke"] == pytest.approx(np.median(kept[:, 3]), abs=2e-3)
    assert meter.fps() == pytest.approx(50, rel=0.02)
    assert sum(meter.stages_ms().values()) == pytest.approx(meter.latency_ms(), abs=0.02)
    assert meter.invoke_s == pytest.approx(rows[-100:, 3].mean() / 1e3, rel=0.3)


def test_meter_without_answers():
    meter = Meter()
    assert meter.fps() == 0 and meter.latency_ms() == 0 and meter.history() == []
    assert meter.summary() == {"answers": 0}


def test_history_keeps_a_minute_and_the_surest_answer_of_each_second(monkeypatch):
    meter = Meter()
    clock = [meter._start]
    monkeypatch.setattr("edgecnn.camera.meter.time.monotonic", lambda: clock[0])
    for second in range(100):
        clock[0] = meter._start + second + 0.1
        meter.remember("", {"index": 1, "probability": 0.9})
        meter.remember("cat", {"index": 2, "probability": 0.4})
        meter.remember("dog", {"index": 3, "probability": 0.3})
    history = meter.history()
    assert [entry["second"] for entry in history] == list(range(40, 100))
    assert {entry["label"] for entry in history} == {"cat"}


def test_overlay_draws_on_a_copy(engine):
    picture = photo("chelsea.png")
    before = picture.copy()
    drawn = draw(Recognizer(engine).answer(frame(picture)), "30.0 fps")
    assert drawn.shape == picture.shape and drawn.dtype == np.uint8
    assert (picture == before).all() and (drawn != picture).mean() > 0.2
    assert ascii_text("chêne Öl Straße Ж") == "chene Ol Strasse ?"


def test_overlay_on_a_tiny_picture(engine):
    assert draw(Recognizer(engine).answer(frame(plain(RED, (40, 30))))).shape == (30, 40, 3)


@pytest.mark.parametrize("count", [1, 5, 12, 50])
def test_best_classes_against_a_full_sort(engine, count):
    """Ties go to the lower index, also where they straddle the last place."""
    random = np.random.default_rng(count)
    for _ in range(50):
        probabilities = random.integers(0, 6, 12).astype(np.float32) / 8
        best = [entry["index"] for entry in top(probabilities, engine, count)]
        assert best == sorted(range(12), key=lambda index: (-probabilities[index], index))[:count]
