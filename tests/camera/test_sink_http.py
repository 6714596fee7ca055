"""The HTTP sink as its readers meet it: curl, an EventSource, Prometheus, and strangers."""

from __future__ import annotations

import http.client
import json
import re
import threading
import time

import pytest
from sink_doubles import HOSTILE, Delivered, answer

from edgecnn.camera.prometheus import metric
from edgecnn.camera.sink import Surroundings
from edgecnn.camera.sink_choice import chosen
from edgecnn.core.errors import CameraError, UsageError


def opened(text, notes=None):
    choice = chosen(text)
    note = (lambda message: None) if notes is None else notes.append
    return choice.plugin.open_sink(choice.options, Surroundings("m", (), choice.rule, note))


class Served:
    """A sink at work, and a way to ask it."""

    def __init__(self, port, settings=""):
        self.port, self.notes = port, []
        text = f"http:{port}{settings},when=person for 2"
        self.delivered = Delivered(opened(text, self.notes), text)

    def show(self, *answers):
        for each in answers:
            self.delivered.delivery.show(each)
        end = time.monotonic() + 120
        while self.delivered.delivery.sent < len(answers) and time.monotonic() < end:
            time.sleep(0.01)

    def get(self, path, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, response.headers["Content-Type"], response.read().decode()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.delivered.delivery.close()


def test_the_last_answer_is_json(port):
    with Served(port) as served:
        assert served.get("/last") == (200, "application/json", "{}")
        served.show(answer("person", 0.9, 1), answer(HOSTILE, 0.8, 2))
        assert json.loads(served.get("/last")[2])["label"] == HOSTILE
        assert served.get("/nothing")[0] == 404
        assert served.notes == [f"Sink http: http://127.0.0.1:{port}/"]


def samples(text):
    """Metric and labels -> value, read as the text format's grammar says."""
    found = {}
    for line in text.strip().split("\n"):
        if line.startswith("#"):
            continue
        match = re.fullmatch(r'([a-z_]+)(?:\{class="((?:[^"\\]|\\.)*)"\})? (\S+)', line)
        assert match, line
        label = re.sub(r"\\(.)", lambda each: "\n" if each[1] == "n" else each[1], match[2] or "")
        found[match[1], label] = float(match[3])
    return found


def test_metrics_are_prometheus_text(port):
    with Served(port) as served:
        served.show(answer("person", 0.9, 1), answer("person", 0.9, 2), answer(HOSTILE, 0.8, 3))
        status, kind, text = served.get("/metrics")
    found = samples(text)
    assert status == 200 and kind.startswith("text/plain; version=0.0.4")
    assert found["edgecnn_probability", HOSTILE] == 0.8 and found["edgecnn_seen_total", "person"] == 1
    assert found["edgecnn_latency_seconds_count", ""] == 3
    assert found["edgecnn_latency_seconds_sum", ""] == pytest.approx(0.015)
    typed = [line.split()[2] for line in text.split("\n") if line.startswith("# TYPE")]
    assert len(set(typed)) == len(typed) == text.count("# HELP ")


def test_the_escape_of_labels():
    assert metric("m", "gauge", "h", [("", {"a": 'x"\\\n'}, 1)]).splitlines()[2] == r'm{a="x\"\\\n"} 1'


def listening(port, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", "/events", headers=headers)
    response = connection.getresponse()
    assert response.headers["Content-Type"] == "text/event-stream"
    return response


def received(response, count):
    """The next events, each as a mapping."""
    lines, end = [], time.monotonic() + 120
    while sum(not line for line in lines) < count:
        assert time.monotonic() < end, lines  # heartbeats come for ever
        line = response.fp.readline().decode().rstrip("\n")
        if line.startswith(":"):  # a heartbeat, and the empty line behind it
            response.fp.readline()
            continue
        lines.append(line)
    return [dict(line.split(": ", 1) for line in part.split("\n")) for part in "\n".join(lines).strip().split("\n\n")]


def test_server_sent_events(port):
    with Served(port) as served:
        response = listening(port)
        served.show(answer("person", 0.9, 1), answer("person", 0.9, 2), answer(HOSTILE, 0.9, 3))
        events = received(response, 3)
    assert [event["event"] for event in events] == ["answer", "seen", "answer"]
    assert [json.loads(event["data"])["frame"] for event in events] == [1, 2, 3]
    assert json.loads(events[2]["data"])["label"] == HOSTILE and [event["id"] for event in events] == ["1", "2", "3"]


def test_a_listener_that_comes_again_misses_nothing(port):
    """As a browser's EventSource does after a lost connection."""
    with Served(port) as served:
        served.show(*(answer("person", 0.9, number) for number in (1, 2, 3)))
        assert [event["id"] for event in received(listening(port, **{"Last-Event-ID": "1"}), 2)] == ["2", "3"]
        others = [listening(port, **{"Last-Event-ID": known}) for known in ("999", "-1", "9" * 5000, "")]
        served.show(answer("person", 0.9, 4))
        assert [received(each, 1)[0]["id"] for each in others] == ["4"] * 4


def test_listeners_end_with_the_sink(port):
    with Served(port):
        before = threading.active_count()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/events")
        response = connection.getresponse()
    response.read()  # to its end
    end = time.monotonic() + 120
    while threading.active_count() > before and time.monotonic() < end:
        time.sleep(0.05)
    assert threading.active_count() <= before


def test_strangers_are_refused(port):
    with Served(port) as served:
        assert served.get("/last", Host="evil.example")[0] == 403
        assert served.get("/last", Origin="http://evil.example")[0] == 403
        assert "see host in edgecnn demo --help" in served.get("/metrics", Host="evil.example")[2]


def test_a_token_from_a_file_beyond_this_machine(port, tmp_path):
    (tmp_path / "token").write_text("long-secret\n")
    (tmp_path / "token").chmod(0o600)
    with Served(port, f",host=0.0.0.0,token={tmp_path / 'token'}") as served:
        assert served.get("/last")[0] == 403 and served.get("/last?token=wrong")[0] == 403
        assert served.get("/last?token=long-secret")[0] == 200
        assert served.get("/metrics", Authorization="Bearer long-secret")[0] == 200
        assert served.get("/last", Authorization="Bearer long-secre")[0] == 403
    assert "long-secret" not in served.notes[0] and "/last?token=TOKEN" in served.notes[0]


def test_a_taken_port_and_a_strange_host(port):
    with Served(port), pytest.raises(CameraError, match=rf"--sink http: Port {port} is already used by .*port=\d+"):
        opened(f"http:{port}")
    with pytest.raises(UsageError, match="--sink http: The address host=not a host port="):
        opened(f"http:{port},host=not a host")
