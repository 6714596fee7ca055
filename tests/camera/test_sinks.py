"""Rules, the reading of --sink, and the queue between the demo and a sink."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time

import pytest
from scenes import BLUE, GREEN, RED, plain, write_video
from sink_doubles import HOSTILE, Delivered, SinkDouble, answer, told
from test_demo_command import answers as json_answers
from test_demo_command import demo

from edgecnn.camera import delivery
from edgecnn.camera.capture import Counts
from edgecnn.camera.demo import Demo
from edgecnn.camera.opening import open_engine
from edgecnn.camera.remote import archive
from edgecnn.camera.rule import Change, Rule, Trigger
from edgecnn.camera.settings import DemoOptions
from edgecnn.camera.sink import RefusedError, Surroundings, identifier
from edgecnn.camera.sink_choice import chosen
from edgecnn.camera.sinks import jsonl
from edgecnn.core.errors import EdgecnnError, UsageError
from edgecnn.core.registry import CAMERA_SINKS
from edgecnn.core.text import to_stderr


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("person", Rule("person", None, 1, 0)),
        ("person>=0.8 for 3, cooldown 10", Rule("person", 0.8, 3, 10)),
        ("person >= .8 cooldown 2.5", Rule("person", 0.8, 1, 2.5)),
        (" * for 3 ", Rule("*", None, 3, 0)),
        ("tabby, tabby cat>=1 for 2", Rule("tabby, tabby cat", 1.0, 2, 0)),
        ("wait for it", Rule("wait for it", None, 1, 0)),
        ("for 3", Rule("for 3", None, 1, 0)),
    ],
)
def test_a_rule_is_read(text, rule):
    assert Rule.parse(text) == rule


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected CLASS"),
        ("a>=1.5", "whose threshold is 1.5; expected"),
        ("a>=-1", "whose threshold is -1; expected"),
        ("a for 0", "whose count is 0; expected a whole number"),
        ("a for 1.5", "whose count is 1.5; expected a whole number"),
        ("a cooldown 1e9", "whose cooldown is 1e9; expected"),
    ],
)
def test_what_is_no_rule_is_refused(text, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        Rule.parse(text)


def changes(rule, rows, step_s=1.0):
    """What the rule says of each answer; the second element is the probability for those that came."""
    trigger = Trigger(Rule.parse(rule), 0.3)
    found = [trigger(row, number * step_s) for number, row in enumerate(rows)]
    return [(number, change.seen, change.label) for number, change in enumerate(found) if change]


def test_a_class_is_seen_and_gone_after_equal_answers_in_a_row():
    rows = told(*[("dog", 0.9), ("dog", 0.7), ("dog", 0.9), ("dog", 0.9), ("cat", 0.9), ("dog", 0.9), ("cat", 0.9)] * 2)
    assert changes("dog>=0.8 for 2", rows) == [(3, True, "dog"), (7, True, "dog")][:1]
    rows = told(("dog", 0.9), ("dog", 0.9), ("cat", 0.9), ("cat", 0.9), ("dog", 0.9), ("dog", 0.9))
    assert changes("dog>=0.8 for 2", rows) == [(1, True, "dog"), (3, False, "dog"), (5, True, "dog")]


def test_any_class_is_the_surest_answer():
    rows = told(("dog", 0.9), ("cat", 0.9), ("cat", 0.2), ("cat", 0.9))
    assert changes("*", rows) == [(0, True, "dog"), (1, True, "cat"), (2, False, "cat"), (3, True, "cat")]


def test_a_class_counts_in_whatever_place():
    rows = [told(("dog", 0.5))[0] + told(("person", 0.4))[0]]
    assert changes("person>=0.4", rows) == [(0, True, "person")]
    assert changes("person>=0.41", rows) == []


def test_cooldown_holds_back_what_is_seen_but_not_what_is_gone():
    rows = told(("dog", 0.9), ("cat", 0.1), ("dog", 0.9), ("dog", 0.9), ("dog", 0.9), ("dog", 0.9))
    assert changes("dog cooldown 4", rows) == [(0, True, "dog"), (1, False, "dog"), (4, True, "dog")]
    rows = told(("dog", 0.9), ("cat", 0.9), ("cat", 0.9))
    assert changes("* cooldown 2", rows) == [(0, True, "dog"), (1, False, "dog"), (2, True, "cat")]


def test_cooldown_ends_when_a_video_starts_again():
    trigger = Trigger(Rule("dog", 0.5, 1, 100), 0.3)
    at = [(50, "dog"), (51, "cat"), (0, "dog")]
    assert [bool(trigger(told((label, 0.9))[0], second)) for second, label in at] == [True, True, True]


def test_a_label_may_be_empty():
    assert changes("*", told(("", 0.9), ("", 0.1))) == [(0, True, ""), (1, False, "")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mqqt:x", "expected one of: "),
        ("jsonl:a,b", "received 'b'; expected KEY=VALUE with one of the keys"),
        ("jsonl:a,fill=b", "fill: unknown key. Did you mean file? Valid keys"),
        ("jsonl:a,file=b", "file is given twice"),
        ("jsonl:a,queue=0", "queue is 0; expected a whole number"),
        ("jsonl:a,when=x for 0", "whose count is 0"),
        ('jsonl:a,when="x', "double quote"),
    ],
)
def test_a_bad_sink_is_refused_with_the_options(text, message):
    with pytest.raises(UsageError, match=f"sink.*{re.escape(message)}"):
        DemoOptions("m.tflite", sinks=(text,))


def test_values_with_commas_stand_between_double_quotes():
    made = chosen('jsonl:"a,b.jsonl",when="tabby, tabby cat>=0.5 for 2"')
    assert str(made.options.file) == "a,b.jsonl" and made.rule == Rule("tabby, tabby cat", 0.5, 2)
    assert chosen("jsonl:a", "dog").rule == Rule("dog", None, 1)
    assert chosen("jsonl:a").rule == Rule("*", None, 3)


def test_a_path_behind_a_colon_begins_at_home_too(monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    assert str(chosen("jsonl:~/a.jsonl").options.file) == "/home/somebody/a.jsonl"
    assert str(chosen("mqtt:broker,credentials=~/secret").options.credentials) == "/home/somebody/secret"


@pytest.mark.parametrize("kind", CAMERA_SINKS.names())
def test_every_kind_reads_its_example(kind):
    plugin = CAMERA_SINKS.load(kind)
    assert chosen(plugin.EXAMPLE).kind == kind and plugin.SUMMARY


def test_sinks_travel_to_a_board():
    options = DemoOptions("m.tflite", sinks=("jsonl:a", "jsonl:b,when=dog"), when="cat")
    assert DemoOptions.from_json(options.to_json()) == options


def test_every_kind_is_in_what_a_board_gets(tmp_path):
    """From the zip that runs there, with nothing else of the package at hand."""
    (tmp_path / "app.pyz").write_bytes(archive())
    code = "import edgecnn\nfrom edgecnn.camera.sink_choice import chosen\nassert 'app.pyz' in edgecnn.__file__\n"
    code += "".join(f"chosen({CAMERA_SINKS.load(kind).EXAMPLE!r})\n" for kind in CAMERA_SINKS.names())
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "app.pyz")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def show(delivered, *answers):
    for each in answers:
        delivered.delivery.show(each)


def wait_until(what, timeout_s=120):
    end = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def test_a_sink_is_told_of_changes_only():
    sink = SinkDouble()
    with Delivered(sink, "jsonl:x,when=dog for 2") as delivered:
        show(delivered, *[answer("dog", 0.9, number) for number in range(1, 5)], answer("cat"), answer("cat", 0.8, 6))
    first, last = (event.record for event in sink.events)
    assert (first["event"], first["class"], first["probability"], first["frame"]) == ("seen", "dog", 0.9, 2)
    assert (last["event"], last["class"], last["label"], last["frame"]) == ("gone", "dog", "cat", 6)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", first["at"]) and sink.closed
    assert sink.events[0].change == Change(True, "dog", 0.9) and sink.events[0].answer is None
    assert delivered.delivery.summary() == {"sink": "jsonl double", "sent": 2, "dropped": 0, "failed": 0}


def test_a_slow_sink_holds_nobody_up_and_keeps_what_is_new():
    sink = SinkDouble()
    sink.go_on.clear()
    with Delivered(sink, "jsonl:x,queue=3") as delivered:
        show(delivered, answer("person", 0.9, 1))
        wait_until(lambda: not delivered.delivery._queue)  # the sink is busy with the first
        show(delivered, *[answer("person", 0.9, number) for number in range(2, 101)])
        sink.go_on.set()
    assert [event.record["frame"] for event in sink.events] == [1, 3, 99, 100]  # 3 is the event: person is seen
    assert delivered.delivery.dropped == 96
    assert delivered.notes == [
        "The sink jsonl double is slower than the answers come; older events are dropped.",
        "The sink jsonl double dropped 96 events.",
    ]


def test_a_source_that_is_not_in_real_time_waits():
    sink = SinkDouble()
    with Delivered(sink, "jsonl:x,queue=1", waits=True) as delivered:
        show(delivered, *[answer("person", 0.9, number) for number in range(1, 101)])
    assert [event.record["frame"] for event in sink.events] == list(range(1, 101)) and not delivered.notes


def test_a_dead_sink_holds_no_source_up(monkeypatch):
    sink = SinkDouble(failures=10**9)
    with Delivered(sink, "jsonl:x,queue=1", waits=True) as delivered:
        show(delivered, *[answer("person", 0.9, number) for number in range(1, 101)])
        assert delivered.delivery.dropped >= 90
    assert sink.closed and delivered.delivery.sent == 0


def test_pauses_grow_and_recovery_is_told(monkeypatch):
    monkeypatch.setattr(delivery, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(delivery, "LONGEST_PAUSE_S", 0.04)
    sink = SinkDouble(failures=5, error=OSError("no route to\nhost \x1b[31m"))
    with Delivered(sink) as delivered:
        waits = []
        original = delivered.delivery._changed.wait_for
        monkeypatch.setattr(
            delivered.delivery._changed,
            "wait_for",
            lambda what, timeout=None: waits.append(timeout) or original(what, timeout),
        )
        show(delivered, answer())
        wait_until(lambda: sink.events)
    assert [wait for wait in waits if wait] == [0.01, 0.02, 0.04, 0.04, 0.04]
    assert len(delivered.notes) == 2 and delivered.notes[1] == "The sink jsonl double works again."
    assert "\x1b" not in delivered.notes[0] and "no route to host" in delivered.notes[0]


def test_an_event_is_given_up_after_its_retries(monkeypatch):
    monkeypatch.setattr(delivery, "FIRST_PAUSE_S", 0.01)
    sink = SinkDouble(failures=3)
    with Delivered(sink, "jsonl:x,retries=2") as delivered:
        show(delivered, answer(number=1), answer(number=2))
        wait_until(lambda: sink.events)
    assert [event.record["frame"] for event in sink.events] == [2]
    assert delivered.delivery.summary()["failed"] == 1


def test_what_is_refused_is_not_tried_again():
    sink = SinkDouble(failures=1, error=RefusedError("status 400"))
    with Delivered(sink) as delivered:
        show(delivered, answer(number=1), answer(number=2))
    assert [event.record["frame"] for event in sink.events] == [2] and sink.tries == 2
    assert delivered.notes == ["The sink jsonl double refused an event: status 400."]


class _Gone:
    """Standard error whose reader is gone, as after a restart of the journal."""

    def write(self, text):
        raise BrokenPipeError(32, "Broken pipe")

    flush = close = lambda self: None


def test_a_sink_goes_on_when_nobody_reads_standard_error(monkeypatch):
    sink = SinkDouble(failures=1)
    monkeypatch.setattr(delivery, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(sys, "stderr", _Gone())
    each = delivery.Delivery(chosen("jsonl:x.jsonl"), sink, 0.3, Counts, to_stderr)
    for number in (1, 2, 3):
        each.show(answer(number=number))
    wait_until(lambda: len(sink.events) == 3)
    each.close()
    assert [event.record["frame"] for event in sink.events] == [1, 2, 3] and each.failed == 0 and each.sent == 3


def test_json_lines_are_appended_and_hostile_labels_stay_text(tmp_path):
    path = tmp_path / "new" / "a.jsonl"
    for _ in range(2):
        with Delivered(jsonl.open_sink(jsonl.Options(file=path), Surroundings("m"))) as delivered:
            show(delivered, answer(HOSTILE))
    lines = path.read_text(encoding="utf-8").split("\n")
    assert len(lines) == 3 and [json.loads(line)["label"] for line in lines[:2]] == [HOSTILE] * 2


def test_a_line_after_half_a_line_stands_alone(tmp_path):
    sink = jsonl.open_sink(jsonl.Options(file=tmp_path / "a.jsonl"), Surroundings("m"))
    whole = sink._stream

    class Full:
        def write(self, data):
            return whole.write(data[:10])

    sink._stream = Full()
    event = SinkDouble()
    with Delivered(event) as delivered:
        show(delivered, answer())
    with pytest.raises(EdgecnnError, match="takes no more"):
        sink.send(event.events[0])
    sink._stream = whole
    sink.send(event.events[0])
    sink.close()
    half, line, rest = (tmp_path / "a.jsonl").read_text().split("\n")
    assert len(half) == 10 and json.loads(line)["frame"] == 1 and not rest


def test_files_that_can_not_be_written_are_refused(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path, tmp_path / "fifo"):
        with pytest.raises(EdgecnnError, match=r"Can't write .* Choose another file for --sink jsonl"):
            jsonl.open_sink(jsonl.Options(file=path), Surroundings("m"))


@pytest.mark.parametrize("text", ["person", HOSTILE, "", "a b", "a_b", "ä" * 100, "\ud800"])
def test_identifiers_are_plain_and_distinct(text):
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,60}", identifier(text) or "-")
    assert identifier("a b") != identifier("a_b")


@pytest.fixture(scope="module")
def colors_video(tmp_path_factory):
    frames = [frame for color in (RED, GREEN, BLUE) for frame in [plain(color)] * 20]
    return write_video(tmp_path_factory.mktemp("video") / "colors.avi", frames)


def test_the_model_is_tried_before_a_sink_has_a_thread(color_model, colors_video, tmp_path, monkeypatch):
    """A fork beside threads copies the locks that they hold."""
    threads: list[int] = []

    def opened(*arguments):
        threads.append(threading.active_count() - before)
        return open_engine(*arguments)

    before = threading.active_count()
    monkeypatch.setattr("edgecnn.camera.demo.open_engine", opened)
    sinks = (f"jsonl:{tmp_path}/a.jsonl",)
    Demo(DemoOptions(color_model, source=str(colors_video), view="none", sinks=sinks)).close()
    assert threads == [0]


def test_the_command_sends_all_answers_and_events(color_model, colors_video, tmp_path):
    every, events, summary = (tmp_path / name for name in ("every.jsonl", "events.jsonl", "summary.json"))
    sinks = ("--sink", f"jsonl:{every}", "--sink", f'jsonl:{events},when="green>=0.9 for 3, cooldown 5"')
    fast = ("--as-fast-as-possible", "--smooth", 0, "--headless", "--json", summary)
    result = demo(color_model, "--source", colors_video, *fast, *sinks)
    assert result.returncode == 0, result.stderr
    assert json_answers(every.read_text())[5]["frame"] == 6
    assert [line["label"] for line in json_answers(every.read_text())] == ["red"] * 20 + ["green"] * 20 + ["blue"] * 20
    assert [line["frame"] for line in json_answers(result.stdout)] == list(range(1, 61))
    found = [(line["event"], line["class"], line["frame"]) for line in json_answers(events.read_text())]
    assert found == [("seen", "green", 23), ("gone", "green", 43)]
    told = json.loads(summary.read_text())["sinks"]
    assert [each["sent"] for each in told] == [60, 2]
    assert f"Sink jsonl {events}: 2 sent, 0 dropped, 0 failed" in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--sink", "jsonl:a,when=gren"], 2, "'gren', which is none of the model's 3 classes. Did you mean green?"),
        (["--when", "green for 0"], 2, "--when: the rule is 'green for 0', whose count is 0"),
        (["--sink", "jsonl:/"], 1, "Can't write /"),
    ],
)
def test_mistakes_are_told_before_the_camera_is_opened(color_model, arguments, status, message):
    result = demo(color_model, "--source", "97", *arguments)
    assert result.returncode == status, result.stderr
    assert message in " ".join(result.stderr.split()) and "/dev/video97" not in result.stderr
