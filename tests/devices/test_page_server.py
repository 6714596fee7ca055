"""The page's server and what it takes: one browser, with the cookie; a page that lies, reloads or falls silent."""

from __future__ import annotations

import base64
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import tiny_models
from chromium import PROGRAM
from requirements import needs_chromium

from edgecnn.core.errors import DeviceError, EdgecnnError, ModelFileError, UsageError
from edgecnn.devices import Listener, open_device
from edgecnn.devices.browser import chromium, conversation
from edgecnn.devices.browser.device import BrowserDevice
from edgecnn.devices.browser.page_server import PageServer
from edgecnn.devices.browser.place import Place
from edgecnn.devices.browser.signature import order_of
from edgecnn.web import litertjs

ARTIFACT = tiny_models.classifier(8, unsigned=True)
FORM = {"name": "x", "dtype": "uint8", "shape": [1, 10]}
DESCRIBED = {"user_agent": "Firefox/140", "cores": 4, "isolated": False, "relaxed_simd": True, "clock_step_ms": 1.0}
LOADED = {
    "runtime_ms": 1, "read_ms": 1, "init_ms": 1, "memory_before_bytes": 0, "inputs": [[FORM]], "outputs": [[FORM]],
}  # fmt: skip


@pytest.fixture(autouse=True)
def no_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(litertjs, "files", lambda threads: ({"runtime/core.js": b"// core"}, "2.5.3"))


class Client:
    """A browser without a screen: keeps its cookie."""

    def __init__(self, address: str) -> None:
        self._host, _, self._token = address.removeprefix("http://").partition("/?token=")
        self.cookie = ""

    def ask(self, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes, http.client.HTTPResponse]:
        connection = http.client.HTTPConnection(self._host, timeout=30)
        sent = {"Cookie": self.cookie, **headers} if self.cookie else headers
        if body is not None:
            sent = {"Origin": f"http://{self._host}", "Content-Type": "application/json", **sent}
        connection.request("GET" if body is None else "POST", path, body, sent)
        answer = connection.getresponse()
        return answer.status, answer.read(), answer

    def enter(self) -> None:
        status, _, answer = self.ask(f"/?token={self._token}")
        assert status == 200
        self.cookie = answer.headers["Set-Cookie"].partition(";")[0]

    def work(self, answers: dict[str, Any]) -> None:
        """Answer each task by what is given for it, until there is no server any more."""
        self.enter()
        after = 0
        try:
            while True:
                task = json.loads(self.ask(f"/next?after={after}")[1])
                if task is None:
                    continue
                after, value = task["number"], answers.get(task["job"], True)
                if callable(value):
                    value = value(self, task)
                elif not (isinstance(value, dict) and "error" in value):
                    value = {"value": value}
                self.ask(f"/answer/{after}", json.dumps(value).encode())
                if task["job"] == "end":
                    return
        except (OSError, http.client.HTTPException):
            return


class Elsewhere(Place):
    """A page that answers what it is told to."""

    name, HERE, ARRIVES_S = "elsewhere", False, 20.0

    def __init__(self, answers: dict[str, Any]) -> None:
        self._answers = answers

    def invite(self, addresses: list[str], note: Callable[[str], None]) -> None:
        threading.Thread(target=Client(addresses[0]).work, args=(self._answers,), daemon=True).start()


def device(**answers: Any) -> BrowserDevice:
    return BrowserDevice(Elsewhere({"describe": DESCRIBED, "load": LOADED, **answers}), Listener(lambda text: None))


@pytest.fixture
def server() -> Iterator[PageServer]:
    made = PageServer("127.0.0.1", 0, ("host ", "port "))
    yield made
    made.close()


def test_one_browser_only(server: PageServer) -> None:
    [address] = server.addresses()
    first, second = Client(address), Client(address)
    assert first.ask("/")[0] == first.ask("/page.js")[0] == first.ask("/?token=guessed")[0] == 403
    assert first.ask(f"/next?token={server.token}")[0] == 403, "the token opens the page and nothing else"
    assert not server.has_guest
    first.enter()
    assert server.has_guest and server.token not in first.cookie
    status, _, answer = first.ask("/page.js")
    assert (status, answer.headers["Content-Type"]) == (200, "text/javascript")
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"]
    status, text, _ = second.ask(f"/?token={server.token}")
    assert status == 403 and b"opened before" in text
    second.cookie = "edgecnn=guessed"
    assert second.ask("/page.js")[0] == 403 and second.ask("/answer/1", b"{}")[0] == 403
    assert first.ask("/answer/1", b"{}", Origin="http://elsewhere.example")[0] == 403
    assert first.ask("/model/../../etc/passwd")[0] == 404


def test_a_page_that_is_loaded_again_has_forgotten_its_task(server: PageServer) -> None:
    client = Client(server.addresses()[0])
    client.enter()
    client.ask("/")
    assert server.wait(0) is None, "before its first task that does no harm"
    server.set_task("describe", {}, None, [])
    client.ask("/")
    with pytest.raises(DeviceError, match="loaded again"):
        server.wait(5)


def test_tasks_contents_and_progress(server: PageServer) -> None:
    client, told = Client(server.addresses()[0]), []
    client.enter()
    server.set_task("compare", {"runs": 3}, lambda *words: told.append(words), [b"one", b"other"])
    task = json.loads(client.ask("/next?after=0")[1])
    assert task == {"number": 1, "job": "compare", "runs": 3}
    assert client.ask("/content/1-1")[1] == b"other"
    for value in ({"stage": "a\x1b[31mb", "done": 1, "total": 2}, {"stage": "x", "done": 3, "total": 2}, {}, [], "nan"):
        client.ask("/progress/1", json.dumps(value).encode())
    client.ask("/progress/7", b'{"stage": "x", "done": 1, "total": 2}')
    client.ask("/answer/1", b"{no JSON")
    assert told == [("a\ufffd[31mb", 1, 2)]
    assert server.wait(5) == {}
    assert client.ask("/content/1-1")[0] == 404


@pytest.mark.parametrize(
    ("answers", "kind", "words"),
    [
        ({"describe": {**DESCRIBED, "cores": 0}}, DeviceError, "answered the task `describe` with invalid data"),
        ({"describe": {"error": "no WebAssembly"}}, DeviceError, "the page can't be used: no WebAssembly. Update"),
        ({"load": {"error": "bad\n\x1b[31mmodel"}}, ModelFileError, "LiteRT.js can't run it in elsewhere: bad"),
        ({"load": {**LOADED, "init_ms": -1}}, DeviceError, "`load` with invalid data"),
        ({"load": {**LOADED, "init_ms": "soon"}}, DeviceError, "`load` with invalid data"),
        ({"run": {"outputs": base64.b64encode(b"short").decode()}}, DeviceError, "5 bytes of outputs; expected 10"),
        ({"run": {"outputs": "%"}}, DeviceError, "not base64"),
        ({"run": 7}, DeviceError, "not base64"),
    ],
)
def test_a_page_may_say_anything(answers: dict[str, Any], kind: type[EdgecnnError], words: str) -> None:
    tensor = tiny_models.unsigned_image()
    with device(**answers) as found, pytest.raises(kind, match=words) as raised:
        list(found.outputs(ARTIFACT, [tensor]))
    assert "\x1b" not in str(raised.value)


def test_a_user_agent_is_text() -> None:
    with device(describe={**DESCRIBED, "user_agent": "\x1b[2J Firefox/140"}) as found:
        system = found.run("info")["system"]
    assert (system["user_agent"], system["browser"]) == ("\ufffd[2J Firefox/140", "Firefox 140")


def test_a_measurement_that_is_none() -> None:
    for samples in ([], [0.0], [1.0, -2.0], ["1"]):
        timed = {"first_ms": 1, "warmup_runs": 0, "samples_ms": samples, "inferences_per_sample": 1, "not_finite": 0,
                 "warm_start_ms": 1, "memory_bytes": 1}  # fmt: skip
        with device(measure=timed) as found, pytest.raises(DeviceError, match="`measure` with invalid data"):
            found.run("measure", [ARTIFACT])


def test_a_page_that_falls_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "SILENCE_S", 0.5)
    silent = device(load=lambda client, task: time.sleep(30))
    with silent as found, pytest.raises(DeviceError, match=r"silent for 0 s. Keep it in front"):
        found.session(ARTIFACT)


def test_nobody_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = device()
    monkeypatch.setattr(Elsewhere, "invite", lambda *words: None)
    monkeypatch.setattr(Elsewhere, "ARRIVES_S", 0.3)
    with nobody as found, pytest.raises(DeviceError, match="no browser opened the page within"):
        found.run("info")


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({}, "not cross-origin isolated.* Use --threads 1"),
        ({"isolated": True, "relaxed_simd": False, "user_agent": "Version/18 Safari"}, "Safari 18 has no relaxed SIMD"),
        ({"isolated": True}, "only as many as there are processors, 4. Use --threads 4"),
    ],
)
def test_threads_that_a_page_does_not_have(told: dict[str, Any], words: str) -> None:
    with device(describe={**DESCRIBED, **told}) as found:
        with pytest.raises(DeviceError, match=words):
            found.session(ARTIFACT, threads=64)
        assert found.session(ARTIFACT).threads == (4 if told == {"isolated": True} else 1)


def test_a_machine_in_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgecnn.web.web_server.own_address", lambda: "127.0.0.1")
    with open_device("phone") as phone, pytest.raises(DeviceError, match="in no network"):
        phone.run("info")


def test_outputs_are_named_by_the_signature() -> None:
    assert order_of(ARTIFACT, ["whatever"]) == [0]
    with pytest.raises(DeviceError, match="expected the names of its signature"):
        order_of(ARTIFACT, ["a", "b"])


@pytest.mark.parametrize("target", ["phone://a b", "phone://:0", "phone://host:99999", "browser://lynx"])
def test_what_follows_a_scheme(target: str) -> None:
    with pytest.raises(UsageError, match="Expected"):
        open_device(target)


def test_chromium_is_found_or_named(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(chromium.VARIABLE, raising=False)
    monkeypatch.setattr(chromium, "_PLACES", {})
    assert chromium.find() is None
    dies = tmp_path / "google-chrome"
    dies.write_text("#!/bin/sh\necho 'cannot open \033[31mdisplay' >&2\nexit 3\n")
    dies.chmod(0o755)
    assert chromium.find() == str(dies)
    with open_device("browser") as found, pytest.raises(DeviceError, match=r"status 3: cannot open .*own browser"):
        found.run("info")
    monkeypatch.setenv(chromium.VARIABLE, "no-such-browser")
    with pytest.raises(DeviceError, match="EDGECNN_BROWSER is 'no-such-browser'"):
        open_device("browser")


@needs_chromium
def test_a_browser_that_nobody_sees_ends_with_edgecnn(server: PageServer) -> None:
    """However edgecnn ends: the page has lost its server."""
    browser = chromium.Chromium(str(PROGRAM), server.addresses()[0])
    try:
        server.set_task("describe", {}, None, [])
        assert server.wait(60) is not None
        browser.check()
        server.close()
        end = time.monotonic() + 60
        with pytest.raises(DeviceError, match="ended with status 0"):
            while time.monotonic() < end:
                browser.check()
                time.sleep(0.05)
    finally:
        browser.close()
