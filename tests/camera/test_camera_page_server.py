"""The page's server over real sockets: who may read it, who is held up by whom, what is encoded."""

import contextlib
import http.client
import json
import re
import select
import socket
import threading
import time
from pathlib import Path

import pytest
from scenes import GREEN, RED, plain

import edgecnn.camera
from edgecnn.camera.broadcast import Broadcast, encode
from edgecnn.camera.frames import Frame
from edgecnn.camera.recognize import Recognizer
from edgecnn.camera.server import PageServer
from edgecnn.core.errors import CameraError, UsageError
from edgecnn.runtime.model.model_file import read
from edgecnn.runtime.run.engine import Engine
from edgecnn.web import crowd
from edgecnn.web.addresses import holder, is_loopback


class World:
    """A server with answers made on demand."""

    def __init__(self, model, **options):
        self.recognizer = Recognizer(Engine(read(model), 1), smooth_s=0)
        self.broadcast = Broadcast(lambda answer: {"number": answer.frame.number, "label": answer.text})
        self.server = PageServer(self.broadcast, lambda: {"model": "m"}, lambda: {"state": "running"}, **options)
        self.number = 0

    def show(self, picture):
        self.number += 1
        frame = Frame(self.number, picture, "bgr", time.monotonic(), 0.0)
        self.broadcast.show(self.recognizer.answer(frame))

    def get(self, path, timeout_s=120, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=timeout_s)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer, body

    def frame(self, after=0):
        _, body = self.get(f"/frame?after={after}")
        size = int.from_bytes(body[:4], "big")
        return json.loads(body[4 : 4 + size]), body[4 + size :]

    def close(self):
        self.broadcast.close()
        self.server.close()


@pytest.fixture
def world(color_model):
    world = World(color_model)
    yield world
    world.close()


def test_page_is_self_contained(world):
    answer, body = world.get("/")
    assert answer.status == 200 and answer.headers["Content-Type"] == "text/html; charset=utf-8"
    text = body.decode()
    assert (
        text.startswith("<!doctype html>") and text == Path(edgecnn.camera.__file__).with_name("page.html").read_text()
    )
    assert not re.search(r"(src|href)=[\"'](?!data:)|@import|url\(", text)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_picture_and_answer_come_together(world):
    world.show(plain(GREEN))
    said, jpeg = world.frame()
    assert said["number"] == 1 and said["label"] == "green" and said["state"] == "running" and said["viewers"] == 1
    assert jpeg == encode(plain(GREEN), "bgr")


def test_without_news_a_viewer_hears_the_state(world):
    world.show(plain(GREEN))
    start = time.monotonic()
    said, jpeg = world.frame(after=1)
    assert said["state"] == "running" and jpeg == b"" and time.monotonic() - start >= 0.9


def test_a_viewer_of_an_earlier_run_gets_the_newest_picture(world):
    world.show(plain(GREEN))
    assert world.frame(after=5000)[0]["number"] == 1


@pytest.mark.parametrize("number", ["-3", "x", "", "9" * 400, "9" * 5000, "٣", "²"])
def test_strange_numbers(world, number):
    world.show(plain(RED))
    from urllib.parse import quote

    assert world.get(f"/frame?after={quote(number)}")[0].status == 200


def test_nothing_is_encoded_when_nobody_looks(world):
    for _ in range(30):
        world.show(plain(RED))
    time.sleep(0.1)
    assert world.broadcast.encoded == 0


@pytest.fixture
def patient(monkeypatch):
    """A viewer hears nothing for 60 s when no image comes: who gets an answer before was not held up."""
    monkeypatch.setattr("edgecnn.camera.server._PATIENCE_S", 60)


def look(world, answers):
    answers.append(world.frame(world.number))


def test_five_viewers_one_encoding_each(patient, world):
    """All viewers that wait for an image get the same bytes, encoded once."""
    for round_number in range(1, 6):
        answers: list = []
        viewers = [threading.Thread(target=look, args=(world, answers)) for _ in range(5)]
        for viewer in viewers:
            viewer.start()
        end = time.monotonic() + 120
        while world.broadcast._waiting < 5 and time.monotonic() < end:
            time.sleep(0.005)
        world.show(plain(RED if round_number % 2 else GREEN))
        for viewer in viewers:
            viewer.join(120)
        assert [said["number"] for said, _ in answers] == [round_number] * 5
        assert len({jpeg for _, jpeg in answers}) == 1
        assert world.broadcast.encoded == round_number


def test_a_stalled_viewer_holds_nobody_up(patient, world):
    stalled = socket.create_connection(("127.0.0.1", world.server.port))
    stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    request = b"GET /frame?after=0 HTTP/1.1\r\nHost: localhost\r\n\r\n"
    stalled.sendall(request * 200)  # asks and never reads
    for _ in range(5):
        before = world.number
        threading.Timer(0.05, lambda: world.show(plain(RED))).start()
        assert world.frame(before)[1]
    stalled.close()


def test_a_viewer_that_vanishes_is_no_error(world, capfd):
    for _ in range(5):
        viewer = socket.create_connection(("127.0.0.1", world.server.port))
        viewer.sendall(b"GET /frame?after=9 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        viewer.close()
    world.show(plain(RED))
    assert world.frame()[1]
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("path", ["/", "/about", "/frame?after=0"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:8000"},
        {"Host": "localhost.evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
    ],
)
def test_other_sites_may_not_read_it(world, path, headers):
    world.show(plain(RED))
    answer, body = world.get(path, **headers)
    assert answer.status == 403 and b"JFIF" not in body and b"<script" not in body


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:9999", "127.0.0.1:8000", "127.0.0.2:8000", "[::1]:8000", "[::1]"]
)
def test_loopback_names_are_served_also_through_a_tunnel(world, host):
    assert world.get("/about", Host=host)[0].status == 200
    assert world.get("/about", Host=host, Origin=f"http://{host}")[0].status == 200


def test_other_paths_and_methods(world):
    assert world.get("/../../etc/passwd")[0].status == 404
    connection = http.client.HTTPConnection("127.0.0.1", world.server.port, timeout=5)
    connection.request("PUT", "/", body="x")
    assert connection.getresponse().status == 501


def test_what_another_site_posts_is_refused(world):
    connection = http.client.HTTPConnection("127.0.0.1", world.server.port, timeout=5)
    connection.request("POST", "/", body="x")
    assert connection.getresponse().status == 403


def test_beyond_loopback_a_token_is_needed(color_model):
    world, other = (World(color_model, host="0.0.0.0") for _ in range(2))
    try:
        token = world.server.token
        assert len(token) >= 16 and all(f"token={token}" in address for address in world.server.addresses())
        for path in ("/", "/about", "/frame?after=0", "/?token=", f"/?token={token}x", "/?token=é"):
            assert world.get(path.encode().decode("latin-1") if path.isascii() else "/?token=%C3%A9")[0].status == 403
        assert world.get(f"/?token={token}", Host="pi.local:8000")[0].status == 200
        assert world.get(f"/about?token={token}", Origin="http://evil.example")[0].status == 403
        assert other.server.token != token
    finally:
        world.close()
        other.close()


def test_only_loopback_is_loopback():
    assert is_loopback("127.0.0.1") and is_loopback("localhost") and is_loopback("::1") and is_loopback("127.9.9.9")
    assert not is_loopback("0.0.0.0") and not is_loopback("192.168.1.4") and not is_loopback("")
    assert not is_loopback("127.evil.example") and not is_loopback("127.0.0.1.evil.example")


def test_any_loopback_address_can_be_listened_on(color_model):
    world = World(color_model, host="127.0.0.2", port=0)
    connection = http.client.HTTPConnection("127.0.0.2", world.server.port, timeout=10)
    connection.request("GET", "/")
    assert connection.getresponse().status == 200 and not world.server.token
    world.close()


def test_a_name_that_only_looks_like_loopback_needs_the_token(color_model, monkeypatch):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("0.0.0.0", 0))]
    monkeypatch.setattr("edgecnn.web.web_server.socket.getaddrinfo", lambda *_, **__: found)
    world = World(color_model, host="127.board.example")
    assert world.server.token
    world.close()


def test_the_last_port(color_model):
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # somebody else has it: just as well
            stack.enter_context(socket.create_server(("127.0.0.1", 65535)))
        with pytest.raises(CameraError, match=r"Port 65535 is already used by .*\. Remove --port"):
            World(color_model, port=65535)


def test_a_taken_port_says_by_whom_and_offers_another(color_model, port):
    with socket.create_server(("127.0.0.1", port)):
        with pytest.raises(
            CameraError, match=rf"Port {port} is already used by python.* \(process \d+\). Port (\d+) is free"
        ) as e:
            World(color_model, port=port)
        other = World(color_model, port=int(re.search(r"--port (\d+)", str(e.value)).group(1)))
        assert other.get("/")[0].status == 200
        other.close()
    assert "ss -ltnp" in holder(port)


def test_without_a_wish_the_next_free_port_is_taken(color_model):
    worlds = [World(color_model) for _ in range(2)]
    assert worlds[0].server.port != worlds[1].server.port
    for world in worlds:
        world.close()


def test_no_such_host(color_model):
    with pytest.raises(UsageError, match=r"--host 203\.0\.113\.9|Can't listen on 203\.0\.113\.9"):
        World(color_model, host="203.0.113.9", port=8000)


def test_connections_are_limited(world):
    crowd = [socket.create_connection(("127.0.0.1", world.server.port)) for _ in range(80)]
    end = time.monotonic() + 120
    while len(refused := select.select(crowd, [], [], 0.1)[0]) < 16 and time.monotonic() < end:
        pass
    assert len(refused) == 16 and all(viewer.recv(1) == b"" for viewer in refused)
    for viewer in crowd:
        viewer.close()
    end = time.monotonic() + 120
    while time.monotonic() < end:
        try:
            assert world.get("/about")[0].status == 200
            break
        except (http.client.HTTPException, OSError):
            time.sleep(0.05)
    else:
        pytest.fail("the server is lost")


def test_large_pictures_are_made_smaller_for_the_page():
    import cv2
    import numpy as np

    small = cv2.imdecode(np.frombuffer(encode(plain(RED, (1920, 1080)), "bgr"), np.uint8), 1)
    assert small.shape == (540, 960, 3)
    swapped = cv2.imdecode(np.frombuffer(encode(plain(RED), "rgb"), np.uint8), 1)
    assert swapped[0, 0].argmax() == 0


def connect(world, sent=b""):
    peer = socket.create_connection(("127.0.0.1", world.server.port))
    peer.sendall(sent)
    return peer


STARTED = b"GET /about HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
ASKED = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize("sent", [b"", STARTED, ASKED * 3000], ids=["silent", "slow", "deaf"])
def test_a_crowd_locks_nobody_out(world, monkeypatch, sent):
    """200 that send nothing, or a byte now and then, or don't read what they asked for; a viewer comes among them."""
    monkeypatch.setattr(crowd, "_BUSY_S", 0.2)
    peers = []
    for number in range(200):
        with contextlib.suppress(OSError):  # sent away while it was still asking
            peers.append(connect(world, sent))
        if number % 50 == 49:
            for peer in peers:
                with contextlib.suppress(OSError):
                    peer.send(b"x", socket.MSG_DONTWAIT)
            assert world.get("/about", timeout_s=10)[0].status == 200
    assert threading.active_count() < 64 + 20
    for peer in peers:
        peer.close()


def test_thousands_that_come_and_go_leave_nothing(world):
    def counts():
        return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))

    world.get("/about")
    before = counts()
    for number in range(1000):
        connect(world, STARTED if number % 2 else b"").close()
    assert world.get("/about", timeout_s=10)[0].status == 200
    end = time.monotonic() + 120
    while max(now - then for now, then in zip(counts(), before)) > 3 and time.monotonic() < end:
        time.sleep(0.1)
    assert max(now - then for now, then in zip(counts(), before)) <= 3, (before, counts())


def test_a_request_that_takes_too_long_is_hung_up_on(world, monkeypatch):
    """However regularly its bytes come; a viewer that asks again and again stays."""
    monkeypatch.setattr("edgecnn.web.web_server._REQUEST_S", 1.0)
    viewer = http.client.HTTPConnection("127.0.0.1", world.server.port, timeout=30)
    with connect(world, STARTED) as slow:
        end = time.monotonic() + 120
        while not select.select([slow], [], [], 0.05)[0] and time.monotonic() < end:
            with contextlib.suppress(OSError):
                slow.send(b"x")
            viewer.request("GET", "/about")
            assert viewer.getresponse().read()
            port = viewer.sock.getsockname()[1]
        with contextlib.suppress(ConnectionError):
            assert slow.recv(1) == b""
    viewer.request("GET", "/about")
    assert viewer.getresponse().read() and viewer.sock.getsockname()[1] == port, "it never had to connect again"
    viewer.close()
