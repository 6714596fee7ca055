"""The webhook sink at a real HTTP server of the standard library."""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from sink_doubles import HOSTILE, Delivered, SinkDouble, answer

from edgecnn.camera.sink import RefusedError, SinkError, Surroundings
from edgecnn.camera.sink_choice import chosen
from edgecnn.core.errors import EdgecnnError, UsageError


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        server = self.server
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server.received.append((self.path, dict(self.headers), body))
        status = server.statuses.pop(0) if server.statuses else 204
        if status == "silence":
            server.go_on.wait(20)
            return
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self):
        self.server.received.append((self.path, {}, b"GET"))
        self.send_error(500)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    server.received, server.statuses, server.go_on = [], [], threading.Event()
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.go_on.set()
    server.shutdown()
    server.server_close()


def opened(text, notes=None):
    choice = chosen(text)
    note = (lambda message: None) if notes is None else notes.append
    return choice.plugin.open_sink(choice.options, Surroundings("m", (), choice.rule, note))


def address(server):
    return f"http://127.0.0.1:{server.server_address[1]}"


@pytest.fixture
def event():
    sink = SinkDouble()
    with Delivered(sink) as delivered:
        delivered.delivery.show(answer(HOSTILE))
    return sink.events[0]


def test_an_event_is_posted_as_json(server):
    text = f"webhook:{address(server)}/hooks/secret?a=1,when=*"
    sink = opened(text)
    with Delivered(sink, text) as delivered:
        delivered.delivery.show(answer(HOSTILE))
    ((path, headers, body),) = server.received
    assert (path, headers["Content-Type"]) == ("/hooks/secret?a=1", "application/json")
    assert json.loads(body)["class"] == HOSTILE and json.loads(body)["event"] == "seen"
    assert "secret" not in sink.name


def test_credentials_come_from_files(server, event, tmp_path):
    for name, content in (("login", "me:pa:ss"), ("token", "abc")):
        (tmp_path / name).write_text(f"{content}\n")
        (tmp_path / name).chmod(0o600)
    notes = []
    opened(f"webhook:{address(server)},credentials={tmp_path / 'login'}", notes).send(event)
    opened(f"webhook:{address(server)},token={tmp_path / 'token'}", notes).send(event)
    sent = [headers["Authorization"] for _, headers, _ in server.received]
    assert sent == [f"Basic {base64.b64encode(b'me:pa:ss').decode()}", "Bearer abc"] and not notes


@pytest.mark.parametrize(
    ("status", "kind"), [(500, SinkError), (503, SinkError), (429, SinkError), (400, RefusedError), (404, RefusedError)]
)
def test_what_the_other_side_answers(server, event, status, kind):
    server.statuses = [status]
    with pytest.raises(SinkError, match=f"status {status}") as caught:
        opened(f"webhook:{address(server)}").send(event)
    assert type(caught.value) is kind


def test_no_redirect_is_followed(server, event):
    server.statuses = [302]
    with pytest.raises(RefusedError, match="status 302"):
        opened(f"webhook:{address(server)}").send(event)
    assert len(server.received) == 1


def test_silence_ends_after_the_timeout(server, event):
    server.statuses = ["silence"]
    start = time.monotonic()
    with pytest.raises(SinkError, match=r"no answer within 0\.5 seconds"):
        opened(f"webhook:{address(server)},timeout=0.5").send(event)
    assert time.monotonic() - start < 15  # the server is silent for 20


def test_an_event_arrives_once_the_receiver_is_back(server):
    text = f"webhook:{address(server)},when=*"
    server.statuses = [503]
    with Delivered(opened(text), text) as delivered:
        delivered.delivery.show(answer())
        end = time.monotonic() + 120
        while delivered.delivery.sent == 0 and time.monotonic() < end:
            time.sleep(0.05)
    assert len(server.received) == 2 and delivered.delivery.summary()["sent"] == 1
    assert "status 503" in delivered.notes[0] and delivered.notes[1].endswith("works again.")


def test_nobody_there(event, port):
    with pytest.raises(SinkError, match="refused"):
        opened(f"webhook:http://127.0.0.1:{port}").send(event)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("webhook:", "url is ''; expected an address such as"),
        ("webhook:ftp://x/", "url is 'ftp://x/'; expected"),
        ("webhook:http://", "url is 'http://'; expected"),
        ("webhook:http://x/a b", "expected an address"),
        ("webhook:http://x:99999/", "expected an address"),
        ("webhook:http://me:hidden@x/", "Put USER:PASSWORD into a file: credentials=FILE"),
        ("webhook:ftp//me:hidden@x/", "url is another text"),
        ("webhook:http://x/,token=a,credentials=b", "Remove one of them"),
        ("webhook:http://x/,timeout=0", "timeout is 0; expected"),
    ],
)
def test_bad_settings_are_refused(text, message):
    with pytest.raises(UsageError, match=re.escape(message)) as caught:
        chosen(text)
    assert "hidden" not in str(caught.value)


def test_a_missing_token_file(tmp_path):
    with pytest.raises(EdgecnnError, match="Can't read the credentials file"):
        opened(f"webhook:http://x/,token={tmp_path / 'none'}")
