"""The demo at the other end of a real ssh: what is brought there, the tunnel, and that nothing is left running."""

import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import fake_pi
import pytest
from requirements import stand_in_pi
from scenes import GREEN, RED, plain, write_video
from test_demo_command import Running, answers, demo

from edgecnn.camera import remote
from edgecnn.camera.settings import DemoOptions
from edgecnn.devices import known, open_device


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """A test double of a board: a real ssh server, but its Python is this machine's."""
    with fake_pi.on_this_machine(tmp_path_factory.mktemp("host")) as board:
        yield board


@pytest.fixture
def name(host, tmp_path, monkeypatch):
    """What `--device` is told."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    if len(str(tmp_path)) > 50:
        monkeypatch.delenv("XDG_RUNTIME_DIR")
    known.add(known.Entry("here", host.target, ssh_config=str(host.ssh_config)))
    return "here"


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("video") / "v.avi", [plain(RED)] * 30 + [plain(GREEN)] * 30)


def demos(host):
    """Processes that run the demo at the board's side."""
    place = f"{host.home}/.cache/edgecnn/".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if any(word.startswith(place) and word.endswith(b".pyz") for word in words):
            found.append(int(entry.name))
    return found


def answers_at(port):
    """Whether somebody listens on a port of this machine."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            return True
    except ConnectionRefusedError:
        return False


@contextlib.contextmanager
def launcher(host, script):
    """Another `python3` on the board for a while."""
    path = host.folder / "bin/python3"
    before = path.read_text()
    path.write_text(f"#!/bin/sh\n{script}\n")
    try:
        yield
    finally:
        path.write_text(before)


def wait_until(true, timeout_s=120):
    end = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_lines_and_summary_come_from_there(name, color_model, video, host):
    result = demo(
        color_model, "--device", name, "--source", video, "--headless", "--as-fast-as-possible", "--smooth", 0
    )
    assert result.returncode == 0, result.stderr
    assert [line["label"] for line in answers(result.stdout)] == ["red"] * 30 + ["green"] * 30
    assert "v.avi of here" in result.stderr and "60 processed" in result.stderr
    kept = {path.suffix for path in (host.home / ".cache/edgecnn").iterdir()}
    assert kept >= {".pyz", ".tflite"}
    assert not demos(host)


def test_page_through_the_tunnel(name, color_model, video, host, port):
    with Running(color_model, "--device", name, "--source", video, "--loop", "--port", port) as running:
        address = running.line(r"Open in a browser: (http://127\.0\.0\.1:\d+/)").group(1)
        assert address == f"http://127.0.0.1:{port}/"
        assert b"<!doctype html>" in urllib.request.urlopen(address).read()
        about = json.load(urllib.request.urlopen(address + "about"))
        assert about["source"] == "v.avi" and about["model"] == "mean color"
        body = urllib.request.urlopen(address + "frame?after=0").read()
        assert body.endswith(b"\xff\xd9")
        assert len(demos(host)) == 1
        status, _, complaints = running.end()
    assert status == 0 and "frames captured" in complaints, complaints
    wait_until(lambda: not demos(host))
    assert not answers_at(port)


def test_a_port_that_somebody_else_takes_first(name, host, port, monkeypatch):
    """The tunnel is ours, or the next port is tried: who answers at a port may be another program."""
    with socket.create_server(("127.0.0.1", 0)) as page, socket.create_server(("127.0.0.1", 0)) as faster:
        offered = iter([faster.getsockname()[1], port])
        monkeypatch.setattr(remote, "free_port", lambda address, wish: next(offered))
        with open_device(name) as board, remote._open_tunnel(board, None, page.getsockname()[1]) as here:
            assert here == port
            with socket.create_connection(("127.0.0.1", here)), page.accept()[0]:
                pass


@pytest.mark.parametrize("view", ["page", "headless"])
def test_killed_here_nothing_is_left_there_or_here(name, color_model, video, host, port, view):
    options = ["--headless"] if view == "headless" else ["--port", port]
    with Running(color_model, "--device", name, "--source", video, "--loop", *options) as running:
        running.line("Press Ctrl-C to end")
        running.process.kill()
        wait_until(lambda: not demos(host) and not answers_at(port))


def test_a_noisy_board(name, color_model, video, host):
    """What its shell and its libraries write is no answer, and nothing waits for a reader of standard error."""
    noise = f"{sys.executable} -c 'print(chr(120) * 4_000_000)' >&2; echo Welcome; echo 7"
    with launcher(host, f'{noise}; exec "{sys.executable}" -I "$@"'):
        result = demo(color_model, "--device", name, "--source", video, "--headless", "--frames", 2)
    assert result.returncode == 0, result.stderr[-500:]
    assert len(answers(result.stdout)) == 2


def test_what_a_library_prints_is_no_event(color_model, video):
    """The board's side alone: C++ libraries write to file descriptor 1."""
    script = "import os; from edgecnn.camera import board; tell = board.Demo.run\n"
    script += (
        "board.Demo.run = lambda *words: (os.write(1, b'libcamera\\n'), print('hi', flush=True), tell(*words))[2]\n"
    )
    options = DemoOptions(str(color_model), source=str(video), view="none", headless=True, frames=1)
    with subprocess.Popen(
        [sys.executable, "-c", script + "board.main()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        process.stdin.write(options.to_json().encode() + b"\n")
        process.stdin.flush()
        told = [next(iter(json.loads(line))) for line in process.stdout]
        complaints = process.stderr.read()
    assert told == ["ready", "line", "summary"] and b"libcamera" in complaints and b"hi" in complaints


def test_cut_connection(name, color_model, video, host):
    with Running(color_model, "--device", name, "--source", video, "--loop") as running:
        running.line("Open in a browser")
        host.cut()
        assert running.process.wait(20) == 1
        said = running.process.stderr.read()
    assert "The connection to" in said and "Traceback" not in said
    wait_until(lambda: not demos(host))


def test_labels_travel(name, color_model, video, tmp_path):
    (tmp_path / "labels.txt").write_text("rot\ngrün\nblau\n", encoding="utf-8")
    options = ("--labels", tmp_path / "labels.txt", "--headless", "--frames", 2, "--smooth", 0)
    result = demo(color_model, "--device", name, "--source", video, *options)
    assert {line["label"] for line in answers(result.stdout)} <= {"rot", "grün"} and result.returncode == 0


def test_errors_from_there(name, color_model):
    result = demo(color_model, "--device", name, "--source", "/no/such/video.mp4")
    assert result.returncode == 2 and "here: --source is '/no/such/video.mp4', which is not a camera" in result.stderr
    result = demo(color_model, "--device", name, "--source", "auto")
    assert result.returncode == 1 and "here: No camera was found" in result.stderr


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--window"], "--window can't be used with --device"),
        (["--record", "r.mp4"], "--record can't be used with --device"),
        (["--host", "0.0.0.0"], "--host can't be used with --device"),
    ],
)
def test_what_makes_no_sense_from_afar(name, color_model, option, message):
    result = demo(color_model, "--device", name, *option)
    assert result.returncode == 2 and message in result.stderr


def test_a_board_without_packages_says_what_installs_them(name, color_model, host):
    with launcher(host, f'exec "{Path(sys.base_prefix) / "bin/python3"}" -I -S "$@"'):
        result = demo(color_model, "--device", name)
    assert result.returncode == 1 and "edgecnn devices check here --fix" in result.stderr, result.stderr


def test_on_an_emulated_pi(color_model, video, tmp_path, monkeypatch):
    """aarch64 Python, LiteRT and OpenCV; its times are QEMU's."""
    stand_in_pi()
    site = fake_pi.opencv()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with fake_pi.running(tmp_path / "board") as board:
        board.restart(PYTHONPATH=str(site))
        known.add(known.Entry("pi", board.target, ssh_config=str(board.ssh_config)))
        path = tmp_path / "summary.json"
        options = ("--headless", "--as-fast-as-possible", "--smooth", 0, "--json", path)
        result = demo(color_model, "--device", "pi", "--source", video, *options, timeout_s=300)
    assert result.returncode == 0, result.stderr
    assert [line["label"] for line in answers(result.stdout)] == ["red"] * 30 + ["green"] * 30
    summary = json.loads(path.read_text())
    assert summary["device"]["emulated"] is True and summary["device"]["board"].startswith("Raspberry Pi 4")


def test_interrupt_while_connecting_leaves_nothing(name, color_model, video, host):
    host.cut()  # a connection may be left from the test before
    wait_until(lambda: not host.connections())
    with Running(color_model, "--device", name, "--source", video, "--loop", "--headless") as running:
        wait_until(host.connections)
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(20) in (0, 1, 130)
        assert "Traceback" not in running.process.stderr.read()
    wait_until(lambda: not demos(host))
