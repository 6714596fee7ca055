"""The service and its watchdog: ready after the first answer, alive while more come, started again when they stop."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import systemd_double
from test_killed_updates import SERVICE, request

from edgecnn.camera.capture import LOST, RUNNING
from edgecnn.camera.settings import DemoOptions
from edgecnn.camera.sink_choice import chosen, with_paths
from edgecnn.deployment.board import notify, service, unit
from edgecnn.deployment.board.change import Deployment
from edgecnn.deployment.board.places import places

UNIT = "edgecnn-camera.service"


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Where a service tells that it is ready."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(f"\0notify-{os.getpid()}")  # abstract: paths of tests are longer than a socket's may be
        channel.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@notify-{os.getpid()}")
        monkeypatch.setenv("WATCHDOG_USEC", "400000")
        monkeypatch.setattr(service, "_LOOK_S", 0.01)
        yield channel


def told(channel: socket.socket, seconds: float) -> list[str]:
    """The first line of each message within so many seconds."""
    time.sleep(seconds)
    found = []
    with contextlib.suppress(BlockingIOError):
        while True:
            found.append(channel.recv(4096).decode().splitlines()[0])
    return found


class Demo:
    """A double of a demo: counts, or doesn't."""

    source = "camera"

    def __init__(self) -> None:
        self.count, self.step, self.state = 0, 0, RUNNING

    def status(self) -> dict[str, Any]:
        self.count += self.step
        return {"counts": {"inferred": self.count}, "state": self.state, "message": "unplugged", "fps": 7.0}


def test_ready_with_the_first_answer_and_alive_with_each_other(manager: socket.socket) -> None:
    demo = Demo()
    service.Heart(demo).start()  # type: ignore[arg-type]
    assert told(manager, 0.2) == []
    demo.step = 1
    messages = told(manager, 0.6)
    assert messages[0] == "READY=1" and set(messages[1:]) == {"WATCHDOG=1"} and len(messages) > 2
    demo.step = 0
    told(manager, 0.2)
    assert told(manager, 0.3) == [], "a demo that hangs is not alive"
    demo.state = LOST
    assert "WATCHDOG=1" in told(manager, 0.3), "the demo itself looks for a camera that is away"


def test_without_a_manager_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify.tell("READY=1")
    for text, seconds in (("", None), ("0", None), ("x", None), ("60000000", 60.0)):
        monkeypatch.setenv("WATCHDOG_USEC", text)
        assert notify.watchdog_s() == seconds


def test_a_service_that_hangs_is_started_again(board: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unit, "WATCHDOG_S", 1)
    state = Deployment(places("camera", False)).install(request("hangs"))  # it never says WATCHDOG=1
    assert state["state"] == "active" and "sendto" in SERVICE
    end = time.monotonic() + 120
    while not systemd_double.state(board, UNIT).get("NRestarts"):
        assert time.monotonic() < end
        time.sleep(0.1)
    assert Deployment(places("camera", False)).status()["restarts"] >= 1


def test_files_of_sinks_are_where_the_service_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CACHE_DIRECTORY", "/cache")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/secrets")
    sinks = ("jsonl", 'clips:c,when="a>=0.5 for 2, cooldown 3"', "webhook:http://h/x,token=0-t.txt")
    found = [chosen(text).options for text in service.placed(DemoOptions("m", sinks=sinks)).sinks]
    assert str(found[0].file) == "/cache/answers.jsonl"
    assert str(found[1].folder) == "/cache/c" and found[1].when == "a>=0.5 for 2, cooldown 3"
    assert str(found[2].token) == "/secrets/0-t.txt" and found[2].url == "http://h/x"
    assert with_paths("stdout", lambda declared, path: path) == "stdout"
