"""The MQTT sink at a real Mosquitto, read by Mosquitto's own client."""

from __future__ import annotations

import importlib.util
import json
import re
import socket
import sys
import time

import pytest
from broker import PASSWORD, USER, Broker
from requirements import unavailable
from scenes import BLUE, GREEN, RED, plain, write_video
from sink_doubles import HOSTILE, Delivered, answer
from test_demo_command import demo

from edgecnn.camera.home_assistant import Entity
from edgecnn.camera.sink import Surroundings
from edgecnn.camera.sink_choice import chosen
from edgecnn.camera.sinks import mqtt
from edgecnn.core.errors import EdgecnnError, MissingExtraError, UsageError


@pytest.fixture
def paho():
    if importlib.util.find_spec("paho") is None:
        unavailable('paho-mqtt is not installed: pip install "edgecnn[mqtt]"')


@pytest.fixture
def broker(paho, tmp_path, port):
    with Broker(tmp_path / "broker", port) as running:
        yield running


def opened(text, notes=None):
    choice = chosen(text)
    note = (lambda message: None) if notes is None else notes.append
    return choice.plugin.open_sink(choice.options, Surroundings("cats and dogs", (), choice.rule, note))


def wait_for(what, timeout_s=120):
    end = time.monotonic() + timeout_s
    while not (found := what()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)
    return found


def test_a_class_is_a_binary_sensor_that_appears_by_itself(broker):
    text = f"mqtt:127.0.0.1,port={broker.port},device=door pi,when=person>=0.8"
    with Delivered(opened(text), text) as delivered:
        at_first = wait_for(lambda: broker.retained())
        delivered.delivery.show(answer("person", 0.93, 1))
        while_seen = wait_for(lambda: (found := broker.retained()).get(state_of(found)) == "ON" and found)
        delivered.delivery.show(answer("person", 0.2, 2))
        wait_for(lambda: (found := broker.retained()).get(state_of(found)) == "OFF")
    (topic,) = (name for name in at_first if name.endswith("/config"))
    assert re.fullmatch(r"homeassistant/binary_sensor/door_pi-\w{8}/class-person/config", topic)
    config = json.loads(at_first[topic])
    assert (config["name"], config["payload_on"], config["payload_off"]) == ("person", "ON", "OFF")
    assert config["device"]["name"] == "door pi" and config["device"]["model"] == "cats and dogs"
    assert at_first[config["state_topic"]] == "OFF" and at_first[config["availability_topic"]] == "online"
    event = json.loads(while_seen[config["json_attributes_topic"]])
    assert (event["event"], event["class"], event["probability"], event["frame"]) == ("seen", "person", 0.93, 1)
    assert broker.retained()[config["availability_topic"]] == "offline"


def state_of(found):
    return next(topic for topic in found if topic.endswith("/state"))


def test_any_class_is_a_sensor_and_hostile_labels_break_nothing(broker):
    text = f"mqtt:127.0.0.1,port={broker.port},topic=house/door,when=*"
    with Delivered(opened(text), text) as delivered:
        assert wait_for(lambda: broker.retained().get("house/door/state")) == "none"
        delivered.delivery.show(answer(HOSTILE))
        state = wait_for(lambda: (text := broker.retained()["house/door/state"]) != "none" and text)
        found = broker.retained()
    assert state.isprintable() and state.startswith('a"b\\c {{ 7*7 }}/#+$')
    assert json.loads(found["house/door/event"])["class"] == HOSTILE
    assert sorted(topic.rpartition("/")[2] for topic in found) == ["availability", "config", "event", "state"]


def test_topics_of_hostile_labels_are_plain(paho):
    entity = Entity("pi", HOSTILE, "t", "m")
    assert re.fullmatch(r"ha/binary_sensor/pi/class-[\w-]+/config", entity.discovery_topic("ha"))
    assert json.loads(entity.discovery())["name"].isprintable()
    assert Entity("pi", "a b", "t", "m").discovery_topic("ha") != Entity("pi", "a_b", "t", "m").discovery_topic("ha")


def test_the_broker_says_offline_when_we_vanish(broker):
    sink = opened(f"mqtt:127.0.0.1,port={broker.port},topic=t")
    wait_for(lambda: broker.retained().get("t/availability") == "online")
    sink._client.socket().shutdown(socket.SHUT_RDWR)  # as if the cable was pulled: no goodbye
    sink._client.loop_stop()
    wait_for(lambda: broker.retained().get("t/availability") == "offline")


def test_a_broker_that_comes_back_has_everything_again(broker):
    notes = []
    text = f"mqtt:127.0.0.1,port={broker.port},topic=t,discovery=ha,when=person"
    with Delivered(opened(text, notes), text) as delivered:
        delivered.delivery.show(answer("person"))
        wait_for(lambda: broker.retained().get("t/state") == "ON")
        broker.stop()
        wait_for(lambda: notes)
        broker.start()
        found = wait_for(lambda: (kept := broker.retained()).get("t/state") and kept)
    assert found["t/state"] == "ON" and found["t/availability"] == "online"
    assert any(topic.startswith("ha/binary_sensor/") for topic in found)
    assert "the connection to the broker was lost" in notes[0] and "growing pauses" in notes[0]
    assert notes[1:] == [f"The sink mqtt 127.0.0.1:{broker.port} is connected."]


def test_passwords_and_tls(paho, tmp_path, port):
    (tmp_path / "login").write_text(f"{USER}:{PASSWORD}\n")
    (tmp_path / "login").chmod(0o600)
    (tmp_path / "wrong").write_text(f"{USER}:{PASSWORD}x\n")
    (tmp_path / "wrong").chmod(0o644)
    base = f"mqtt:localhost,port={port},topic=t,discovery=none"
    with Broker(tmp_path / "broker", port, tls=True, password=True) as broker:
        good, bad, strange = [], [], []
        sinks = [
            opened(f"{base},ca={broker.ca},credentials={tmp_path / 'login'}", good),
            opened(f"{base},ca={broker.ca},credentials={tmp_path / 'wrong'}", bad),
            opened(f"{base},tls=yes,credentials={tmp_path / 'login'}", strange),
        ]
        found = wait_for(lambda: broker.retained())
        wait_for(lambda: len(bad) == 2 and strange)
        for sink in sinks:
            sink.close()
    assert set(found) == {"t/availability", "t/event", "t/state"} and not good
    assert "other users of this machine can read" in bad[0] and "Not authorized" in bad[1]
    assert "certificate verify failed" in strange[0] and PASSWORD not in "".join([*bad, *strange])


def test_a_broker_that_is_not_there_is_told_without_an_event(paho, port):
    notes = []
    sink = opened(f"mqtt:127.0.0.1,port={port}", notes)
    wait_for(lambda: notes)
    sink.close()
    assert f"The sink mqtt 127.0.0.1:{port}: the broker can't be reached" in notes[0] and "refused" in notes[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mqtt:user:secret@host", "host is a text with @; expected a name or address"),
        ("mqtt:mqtt://host", "host is 'mqtt://host'"),
        ("mqtt:host:1883", "port=N"),
        ("mqtt:h,topic=a/#", "topic is 'a/#'; expected a topic without +, #"),
        ("mqtt:h,topic=$SYS/a", "expected a topic without"),
        ("mqtt:h,port=0", "port is 0; expected a whole number"),
        ("mqtt:h,tls=maybe", "tls is 'maybe'; expected true or false"),
    ],
)
def test_bad_settings_are_refused(text, message):
    with pytest.raises(UsageError, match=re.escape(message)) as caught:
        chosen(text)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"), [(None, "Can't read"), ("", "is empty"), ("name", "not USER:PASSWORD")]
)
def test_bad_credentials_files_are_refused(paho, tmp_path, content, message):
    if content is not None:
        (tmp_path / "login").write_text(content)
    with pytest.raises(EdgecnnError, match=message):
        opened(f"mqtt:h,credentials={tmp_path / 'login'}")


def test_a_missing_library_says_what_mends_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "paho.mqtt.client", None)
    with pytest.raises(MissingExtraError, match=r'pip install "edgecnn\[mqtt\]"'):
        mqtt.open_sink(mqtt.Options(), Surroundings("m"))


def test_the_command_publishes(broker, color_model, tmp_path):
    video = write_video(tmp_path / "v.avi", [plain(color) for color in (RED, GREEN, BLUE) for _ in range(20)])
    sink = f"mqtt:127.0.0.1,port={broker.port},topic=house/cam,device=cam,when=* for 3"
    options = ("--as-fast-as-possible", "--smooth", 0, "--headless")
    result = demo(color_model, "--source", video, *options, "--sink", sink)
    assert result.returncode == 0, result.stderr
    found = broker.retained()
    assert (found["house/cam/state"], found["house/cam/availability"]) == ("blue", "offline")
    assert f"Sink mqtt 127.0.0.1:{broker.port}: 3 sent, 0 dropped, 0 failed" in " ".join(result.stderr.split())
