"""The server of the collect page: who may change what, what is refused, and that no frame is lost in silence."""

import contextlib
import json
import sys
import threading
import time

import pytest
from collecting_doubles import Client, Scenes, collecting, scene

from edgecnn.collecting.collector import Collector
from edgecnn.collecting.recorder import HOLD_S
from edgecnn.collecting.server import MOST_UPLOAD
from edgecnn.collecting.settings import CollectOptions
from edgecnn.collecting.store import Store, encoded
from edgecnn.core.errors import CameraError


@pytest.fixture
def running(tmp_path):
    with collecting(tmp_path / "data", "cat", "dog", camera=None) as collector:
        yield collector


def hold(client, burst, seconds, place="cat", rate=10):
    """Keep a button down."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        client.post("/hold", **{"burst": burst, "class": place, "rate": rate})
        time.sleep(0.2)


def test_the_page_needs_nothing_from_elsewhere(running):
    status, page = Client(running).request("GET", "/")
    assert status == 200 and b"<style>\n:root" in page and b'"use strict"' in page and b'src="http' not in page


def test_counts_hold_what_bursts_have_stored(running, monkeypatch):
    """The page tells how many images a burst stored, and the count with them, from one state."""
    bursts = running.recorder.bursts

    def as_one_is_stored():
        running.store.add("cat", scene(1))
        return bursts()

    monkeypatch.setattr(running.recorder, "bursts", as_one_is_stored)
    assert running._server.state()["classes"][0] == {"name": "cat", "count": 1}


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": False},
        {"Origin": "http://evil.example"},
        {"kind": "text/plain"},
        {"kind": "multipart/form-data"},
        {"Host": "evil.example"},
    ],
)
@pytest.mark.parametrize("path", ["/class", "/train", "/delete", "/upload?class=cat"])
def test_nobody_else_changes_anything(running, path, headers):
    status, _ = Client(running).request("POST", path, json.dumps({"class": "evil", "names": []}), **headers)
    assert status == 403 and running.store.classes == ["cat", "dog"] and running.store.counts()["cat"] == 0
    assert Client(running).request("GET", path)[0] == 404


def test_on_the_network_the_token_is_needed(tmp_path):
    with collecting(tmp_path / "data", "cat", camera=None, host="0.0.0.0") as collector:
        client = Client(collector)
        client.host = "127.0.0.1"
        assert client.query.startswith("token=") and client.post("/class", **{"class": "dog"})["class"] == "dog"
        client.query = "token=wrong"
        assert client.request("POST", "/class", '{"class": "x"}')[0] == client.request("GET", "/about")[0] == 403
        assert collector.store.classes == ["cat", "dog"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/class", b'{"class": "../evil"}', 409), ("/class", b"{", 400), ("/class", b"[]", 409), ("/class", b"{}", 409),
        ("/class", b"[" * 20_000, 400), ("/move", b'{"names": ["/etc/passwd"], "class": ".review/../.."}', 409),
        ("/move", b'{"names": [1], "class": "cat"}', 409), ("/delete", b'{"names": "cat"}', 409),
        ("/hold", b'{"burst": "b", "class": "bird"}', 409), ("/hold", b'{"burst": "b", "class": "cat"}', 409),
        ("/hold", b'{"burst": "b", "class": "cat", "rate": "fast"}', 409), ("/watch", b'{"on": true}', 409),
        ("/wrong", b"{}", 409), ("/train", b"{}", 409), ("/remove-class", b'{"class": "bird"}', 409),
        ("/no-such", b"{}", 404), ("/class", b'"' + b"x" * 70_000 + b'"', 413),
    ],
)  # fmt: skip
def test_requests_that_make_no_sense(running, path, body, status):
    answer, said = Client(running).request("POST", path, body)
    assert answer == status and b"Traceback" not in said and running.store.classes == ["cat", "dog"]


@pytest.mark.parametrize(
    "name", ["../../../etc/passwd", "/etc/passwd", ".collect/index.jsonl", "cat/../cat", "", "cat"]
)
def test_only_images_that_are_there_are_shown(running, name):
    running.store.add("cat", scene(1))
    key = running.store.pictures()[0].key
    client = Client(running)
    assert client.request("GET", f"/picture?name={key}&side=192")[1].startswith(b"\xff\xd8")
    assert client.request("GET", f"/picture?name={name}&side=192")[0] == 404
    assert client.request("GET", f"/picture?name={key}&side=99999999")[0] == 404


def test_uploads(running):
    client = Client(running)
    big = encoded(scene(2, (2400, 1800)))
    assert len(big) > 1 << 16
    for data, outcome in ((encoded(scene(1)), "stored"), (encoded(scene(1)), "near-duplicate"), (big, "stored")):
        status, body = client.upload("cat", data)
        assert status == 200 and json.loads(body)["outcome"] == outcome
    for data in (b"", b"<html>", big[:1000], b"x" * 100_000):
        status, said = client.upload("cat", data, "holiday.jpg")
        assert status == 409 and b"holiday.jpg" in said
    assert client.upload("bird", big)[0] == 409 and client.upload("../x", big)[0] == 409
    assert running.store.counts() == {"cat": 2, "dog": 0}
    answer = client.request("POST", "/upload?class=cat", None, kind="application/octet-stream",
                            **{"Content-Length": str(MOST_UPLOAD + 1)})  # fmt: skip
    assert answer[0] == 413


def test_many_large_uploads_at_a_time(running):
    """Two are read at once; the others wait, and none is lost."""
    statuses = []
    data = [encoded(scene(seed, (1600, 1200))) for seed in range(5)]
    threads = [
        threading.Thread(target=lambda each=each: statuses.append(Client(running).upload("cat", each)[0]))
        for each in data
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 5 and running.store.counts()["cat"] == 5


def test_every_frame_of_a_burst_is_accounted_for(tmp_path):
    """10 a second for 3 s, every other one a near-duplicate: stored + skipped = offered, and the files are there."""
    with collecting(tmp_path / "data", "cat", camera=lambda: Scenes(10, repeated=2)) as collector:
        client = Client(collector)
        hold(client, "b1", 3.0)
        client.post("/release", burst="b1")
        collector.recorder.drain()
        tally = collector.recorder.burst("b1").tally
        assert tally.failed == 0 and tally.stored + tally.near_duplicates == tally.offered
        assert tally.offered + tally.missed >= 29 and tally.near_duplicates > 0
        assert tally.stored == len(list((tmp_path / "data/cat").glob("*.jpg"))) == collector.store.counts()["cat"]
        assert client.post("/undo")["said"] == f"Undone: taking {tally.stored} images."
        assert collector.summary()["frames"]["offered"] == tally.offered


def test_every_press_of_many_is_accounted_for(tmp_path):
    with collecting(tmp_path / "data", "cat", "dog", camera=lambda: Scenes(60)) as collector:
        client = Client(collector)
        for press in range(20):
            client.post("/hold", **{"burst": f"b{press}", "class": "cat" if press % 2 else "dog", "rate": 10})
            client.post("/release", burst=f"b{press}")
            # On a busy machine several presses would meet one frame: the next is to meet another.
            assert collector.live.newer(collector.live.newer(0, 10).number, 10)
        collector.recorder.drain()
        tallies = [collector.recorder.burst(f"b{press}").tally for press in range(20)]
        assert all(each.offered >= 1 and each.offered == each.stored + each.near_duplicates for each in tallies)
        assert sum(collector.store.counts().values()) == sum(each.stored for each in tallies) >= 20


def test_a_slow_disk_loses_nothing_that_was_taken(tmp_path, monkeypatch):
    with collecting(tmp_path / "data", "cat", camera=lambda: Scenes(30)) as collector:
        add = collector.store.add
        monkeypatch.setattr(collector.store, "add", lambda *words, **more: (time.sleep(0.1), add(*words, **more))[1])
        collector.recorder._queue.maxsize = 2
        hold(Client(collector), "b", 1.5, rate=30)
        collector.recorder.release("b")
        collector.recorder.drain()
        tally = collector.recorder.burst("b").tally
        assert tally.offered == tally.stored + tally.near_duplicates and tally.missed > 0


def test_without_a_camera_the_other_ways_are_said(tmp_path):
    with pytest.raises(CameraError, match=r"is not a video that can be decoded(.|\n)*--source none"):
        (tmp_path / "v.mp4").write_bytes(b"no video")
        Collector(CollectOptions(str(tmp_path / "data"), source=str(tmp_path / "v.mp4")))
    with contextlib.closing(Store(tmp_path / "data")) as store:  # nothing was left open
        assert store.classes == []


def test_a_full_disk_is_said(tmp_path, monkeypatch):
    from edgecnn.core.errors import EdgecnnError

    def full(*words, **more):
        raise EdgecnnError("Can't write it: No space left on device.")

    with collecting(tmp_path / "data", "cat", camera=lambda: Scenes(30)) as collector:
        monkeypatch.setattr(collector.store, "add", full)
        hold(Client(collector), "b", 0.5)
        collector.recorder.release("b")
        collector.recorder.drain()
        burst = collector.recorder.burst("b").to_json()
        assert burst["failed"] == burst["offered"] > 0 and "No space left" in burst["message"] and burst["waiting"] == 0


def test_a_page_that_is_gone_stops_recording(tmp_path):
    with collecting(tmp_path / "data", "cat", camera=lambda: Scenes(30)) as collector:
        Client(collector).post("/hold", **{"burst": "b", "class": "cat", "rate": 5})
        collector.recorder.burst("b").thread.join(HOLD_S + 3)
        assert not collector.recorder.burst("b").to_json()["going"]


def test_a_model_says_what_it_sees_and_keeps_what_it_is_unsure_of(tmp_path, color_model):
    with collecting(
        tmp_path / "data", "red", "cat", camera=lambda: Scenes(20), model=color_model, threshold=0.9
    ) as collector:
        client = Client(collector)
        client.post("/watch", on=True)
        end = time.monotonic() + 120
        while collector.store.waiting < 2 and time.monotonic() < end:
            time.sleep(0.1)
        client.post("/watch", on=False)
        waiting = json.loads(client.request("GET", "/pictures?place=.review&from=0")[1])["pictures"]
        assert len(waiting) >= 2 and all(each["said"]["share"] < 0.9 for each in waiting)
        client.post("/move", **{"names": [waiting[0]["name"]], "class": "red"})
        client.post("/wrong", **{"class": "cat"})
        told = json.loads(client.request("GET", "/pictures?place=cat&from=0")[1])["pictures"]
        assert len(told) == 1 and told[0]["doubtful"] and told[0]["said"]["label"] in ("red", "green", "blue")
        assert collector.store.counts() == {"red": 1, "cat": 1}


def test_the_training_is_a_child_that_can_be_cancelled(running, monkeypatch):
    for seed in range(4):
        running.store.add("cat" if seed % 2 else "dog", scene(seed))
    client = Client(running)
    command = client.post("/undo")["state"]["training"]["command"]
    assert (
        command.startswith("edgecnn build efficientnet_lite0 --weights imagenet -o ") and "&& edgecnn train " in command
    )
    running.training._steps = [["doctor", "--help"], ["no-such-command"]]
    client.post("/train", action="start")
    running.training._thread.join(60)
    state = running.training.state()
    assert state["state"] == "failed" and any("no-such-command" in line for line in state["lines"])
    monkeypatch.setattr("edgecnn.collecting.training._PROGRAM", (sys.executable, "-c", "import time; time.sleep(60)"))
    client.post("/train", action="start")
    assert running.training.state()["state"] == "running" and client.request("POST", "/train", b"{}")[0] == 409
    client.post("/train", action="cancel")
    assert running.training.state()["state"] == "cancelled" and not running.training._thread.is_alive()
