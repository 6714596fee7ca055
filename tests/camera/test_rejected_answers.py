""" "None of these" in the demo: smoothed with the probabilities, never a class to a rule, and not "not sure"."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import numpy as np
import pytest
from scenes import DARK, GREEN, RED, photo, plain
from sink_doubles import told

from edgecnn.camera.delivery import checked_choices, open_deliveries
from edgecnn.camera.frames import Frame
from edgecnn.camera.meter import Meter
from edgecnn.camera.overlay import draw
from edgecnn.camera.recognize import Recognizer
from edgecnn.camera.rule import Change, Rule, Trigger
from edgecnn.camera.settings import DemoOptions
from edgecnn.camera.sink import Event
from edgecnn.camera.sinks.http import Board
from edgecnn.core.errors import UsageError
from edgecnn.runtime.model.model_file import read
from edgecnn.runtime.model.rejection import NONE_OF_THESE, Rejection, judged
from edgecnn.runtime.run.answers import answer
from edgecnn.runtime.run.engine import Engine

HALF = Rejection("probability", 0.5)


@pytest.fixture
def engine(color_model: str) -> Engine:
    """Gray and dark images are none of red, green and blue."""
    file = read(color_model)
    return Engine(dataclasses.replace(file, contract=file.contract.replace(rejection=HALF)), 1)


def frame(picture: np.ndarray, time_s: float = 0.0) -> Frame:
    return Frame(1, picture, "bgr", time.monotonic(), 0.5, time_s)


def rejected(*pairs: tuple[str, float]) -> list[list[dict[str, Any]]]:
    return [judged([{**each[0], "id": None}], -1.0, HALF) for each in told(*pairs)]


def changes(rule: str, rows: list[list[dict[str, Any]]]) -> list[Change | None]:
    trigger = Trigger(Rule.parse(rule), 0.3)
    return [trigger(row, number) for number, row in enumerate(rows)]


def test_the_demo_answers_as_classify(engine: Engine) -> None:
    for picture in (plain(RED), plain(DARK), photo("chelsea.png")):
        found = Recognizer(engine, smooth_s=0).answer(frame(picture))
        assert found.classes == answer(engine, picture)
    assert Recognizer(engine).answer(frame(plain(RED))).text == "red"


def test_it_is_sure_and_not_not_sure(engine: Engine) -> None:
    found = Recognizer(engine, threshold=0.99).answer(frame(plain(DARK)))
    assert (found.text, found.sure, found.classes[0]["probability"]) == (NONE_OF_THESE, True, None)
    assert draw(found).shape == found.frame.picture.shape


def test_scores_are_smoothed_with_the_probabilities(engine: Engine) -> None:
    recognizer = Recognizer(engine, smooth_s=0.3)
    texts = [recognizer.answer(frame(plain(RED), -1 / 30)).text]
    texts += [recognizer.answer(frame(plain(DARK), step / 30)).text for step in range(30)]
    assert texts[:3] == ["red"] * 3 and texts[-1] == NONE_OF_THESE
    assert [texts[row] != texts[row + 1] for row in range(30)].count(True) == 1
    texts = [recognizer.answer(frame(plain(GREEN), 1 + step / 30)).text for step in range(30)]
    assert texts[0] == NONE_OF_THESE and texts[-1] == "green"


def test_no_class_is_seen() -> None:
    rows = told(("dog", 0.9)) + rejected(("dog", 0.95), ("dog", 0.95)) + told(("dog", 0.9))
    for rule in ("dog", "*"):
        assert changes(rule, rows) == [
            Change(True, "dog", 0.9),
            Change(False, "dog"),
            None,
            Change(True, "dog", 0.9),
        ]


def test_a_rule_may_name_it() -> None:
    rows = told(("dog", 0.9)) + rejected(("dog", 0.9), ("cat", 0.9)) + told(("cat", 0.9))
    assert changes(f"{NONE_OF_THESE} for 2", rows + rows[-1:]) == [
        *(None, None),
        Change(True, NONE_OF_THESE, None),
        None,
        Change(False, NONE_OF_THESE),
    ]


def test_rules_that_make_no_sense_of_it() -> None:
    Rule.parse(NONE_OF_THESE).check(("dog",), rejects=True)
    Rule.parse(f"{NONE_OF_THESE}>=0.5").check((NONE_OF_THESE,))  # a class of that name
    with pytest.raises(UsageError, match="none of the model's 1 classes"):
        Rule.parse(NONE_OF_THESE).check(("dog",))
    with pytest.raises(UsageError, match=r"the probability 0.5, but that answer has none. Remove >=0.5"):
        Rule.parse(f"{NONE_OF_THESE}>=0.5").check(("dog",), rejects=True)


def test_a_sink_takes_such_a_rule(engine: Engine, tmp_path: Any) -> None:
    text = f"jsonl:{tmp_path}/a.jsonl,when={NONE_OF_THESE} for 2"
    options = DemoOptions(model="m.tflite", sinks=(text,))
    choices = checked_choices(options, engine.contract)
    for sink in open_deliveries(choices, options, engine.contract, lambda: None, print):  # type: ignore[arg-type,return-value]
        sink.close()
    with pytest.raises(UsageError, match="--sink jsonl: the rule names"):
        checked_choices(options, engine.contract.replace(rejection=None))


def test_it_has_no_probability_to_show() -> None:
    board = Board()
    board.tell(Event({"latency_ms": 1.0, "classes": rejected(("dog", 0.9))[0]}))
    assert 'edgecnn_probability{class="dog"} 0.9' in board.metrics() and NONE_OF_THESE not in board.metrics()
    meter = Meter()
    meter.remember(NONE_OF_THESE, rejected(("dog", 0.9))[0][0])
    meter.remember("", told(("dog", 0.1))[0][0])
    assert [entry["label"] for entry in meter.history()] == [NONE_OF_THESE]
