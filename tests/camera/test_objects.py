"""The demo of a detector: objects with numbers, in JSON, rules and pictures, and regions from its own page only."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pytest
from tiny_detectors import noise

from edgecnn.camera.broadcast import Broadcast
from edgecnn.camera.capture import Counts
from edgecnn.camera.demo import Demo
from edgecnn.camera.frames import Frame
from edgecnn.camera.headless import line
from edgecnn.camera.overlay import draw
from edgecnn.camera.recognize import Answer, Recognizer
from edgecnn.camera.regions import LINE, ZONE, Counter, Region
from edgecnn.camera.rule import Rule, Trigger
from edgecnn.camera.server import PageServer
from edgecnn.camera.settings import DemoOptions
from edgecnn.camera.sink import Event
from edgecnn.camera.sinks.http import Board
from edgecnn.cli import cli
from edgecnn.core.errors import UsageError
from edgecnn.runtime.model.model_file import read
from edgecnn.runtime.run.boxes import detect
from edgecnn.runtime.run.engine import Engine
from edgecnn.web.web_server import MOST_BODY

EVERYWHERE = Region.parse(ZONE, "all=0,0,1,0,1,1,0,1", 1)
PICTURE = noise(np.random.default_rng(3))


@pytest.fixture(scope="module")
def engine(tiny_detector: Path) -> Engine:
    return Engine(read(tiny_detector / "d.tflite"), 1)


def answers(
    engine: Engine, threshold: float = 0.5, count: int = 3, regions: tuple[Region, ...] = (EVERYWHERE,)
) -> list[Answer]:
    recognizer = Recognizer(engine, threshold=threshold, regions=regions)
    frames = [Frame(n, PICTURE, "bgr", time.monotonic(), 0.0, n / 30) for n in range(count)]
    return [recognizer.answer(frame) for frame in frames]


def test_the_boxes_of_detect_with_numbers(engine: Engine) -> None:
    expected = detect(engine, PICTURE, 0.5)
    first, second, third = answers(engine)
    assert len(expected) > 3
    for answer in (first, second, third):
        assert [{**each, "track": 0} for each in answer.classes] == [{**each, "track": 0} for each in expected]
    assert {each["track"] for each in first.classes} == {None}
    assert sorted(each["track"] for each in second.classes) == [*range(1, len(expected) + 1)]
    assert second.classes == third.classes


def test_lines_of_json_carry_boxes_and_counts(engine: Engine) -> None:
    answer = answers(engine)[-1]
    record = json.loads(json.dumps(line(answer, Counts())))
    assert (record["width"], record["height"]) == (160, 120) and record["classes"][0]["pixels"]
    labels = [each["label"] for each in answer.classes]
    expected = {label: labels.count(label) for label in labels}
    assert record["objects"] == {"now": expected, "seen": expected, "zones": {"all": expected}}
    assert record["label"] == ", ".join(f"{count} {label}" for label, count in expected.items())


def test_metrics_have_the_counts() -> None:
    counts = {
        "now": {"cat": 2},
        "seen": {"cat": 5},
        "lines": {"door": {"in": {"cat": 1}, "out": {}}},
        "zones": {"yard": {"cat": 1}},
    }
    board = Board()
    board.tell(Event({"latency_ms": 1.0, "classes": [], "objects": counts}))
    lines = board.metrics().splitlines()
    for sample in (
        'edgecnn_objects{class="cat"} 2',
        'edgecnn_objects_total{class="cat"} 5',
        'edgecnn_line_passed_total{line="door",direction="in",class="cat"} 1',
        'edgecnn_zone_objects{zone="yard",class="cat"} 1',
    ):
        assert sample in lines


def test_rules_work_on_boxes(engine: Engine) -> None:
    trigger = Trigger(Rule.parse("ant>=0.5 for 2"), 0.3)
    changes = [trigger(answer.classes, answer.frame.time_s) for answer in answers(engine)]
    assert [change and (change.seen, change.label) for change in changes] == [None, (True, "ant"), None]


def test_nothing_is_no_object(engine: Engine) -> None:
    answer = answers(engine, threshold=1.0, regions=())[0]
    assert (answer.classes, answer.sure, answer.text) == ([], False, "nothing")
    assert np.array_equal(draw(answer), PICTURE)


def test_boxes_and_regions_are_drawn(engine: Engine) -> None:
    answer = answers(engine)[-1]
    canvas = draw(answer)
    left, top, right, bottom = answer.classes[0]["pixels"]
    x, y = (left + right) // 2, (top + bottom) // 2
    assert (canvas[y, left] != PICTURE[y, left]).any() or (canvas[top, x] != PICTURE[top, x]).any()
    assert np.array_equal(answer.frame.picture, PICTURE)


def test_a_classifier_has_no_regions(color_model: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--line and --zone count objects, but .* is for classification"):
        Demo(DemoOptions(model=color_model, source=str(tmp_path), lines=("0,0,1,1",)))


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("classify {detector} {image}", "edgecnn detect"),
        ("detect {classifier} {image}", "edgecnn classify"),
    ],
)
def test_commands_for_other_models_name_the_right_one(
    command: str, said: str, tiny_detector: Path, color_model: str, tmp_path: Path
) -> None:
    places = {"detector": tiny_detector / "d.tflite", "classifier": color_model, "out": tmp_path / "out.html"}
    places["image"] = tiny_detector / "images" / "0.png"
    with pytest.raises((click.UsageError, UsageError), match=said):
        cli.main(command.format(**places).split(), standalone_mode=False)


@pytest.fixture
def page() -> Iterator[tuple[PageServer, Counter]]:
    broadcast, counter = Broadcast(lambda answer: {}), Counter()
    server = PageServer(broadcast, dict, dict, counter=counter)
    yield server, counter
    server.close()
    broadcast.close()


def post(server: PageServer, body: bytes, path: str = "/regions", **headers: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    own = {"Origin": f"http://127.0.0.1:{server.port}", "Content-Type": "application/json"}
    wanted = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request("POST", path, body, {key: value for key, value in {**own, **wanted}.items() if value})
        return connection.getresponse().status
    finally:
        connection.close()


def test_the_page_replaces_regions(page: tuple[PageServer, Counter]) -> None:
    server, counter = page
    drawn = [Region(LINE, "line 1", ((0.1, 0.2), (0.3, 0.4))), EVERYWHERE]
    assert post(server, json.dumps([region.to_json() for region in drawn]).encode()) == 200
    assert counter.regions == tuple(drawn)
    assert post(server, b"[]") == 200 and counter.regions == ()


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (403, {"Origin": ""}),  # no browser
        (403, {"Origin": "http://evil.example"}),
        (403, {"Content_Type": "text/plain"}),  # what a form of another website can send
        (403, {"Host": "evil.example"}),
        (404, {"path": "/frame"}),
    ],
)
def test_nobody_else_replaces_regions(page: tuple[PageServer, Counter], status: int, headers: dict[str, str]) -> None:
    server, counter = page
    counter.replace([EVERYWHERE])
    assert post(server, b"[]", **headers) == status and counter.regions == (EVERYWHERE,)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, b""),
        (400, b"{}"),
        (400, b"[1]"),
        (400, b"\xff"),
        (400, b"[" * 20000),
        (413, b" " * (MOST_BODY + 1)),
        (400, json.dumps([EVERYWHERE.to_json()] * 2).encode()),
    ],
)
def test_what_is_no_list_of_regions(page: tuple[PageServer, Counter], status: int, body: bytes) -> None:
    server, counter = page
    assert post(server, body) == status and counter.regions == ()
