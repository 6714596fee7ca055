"""`edgecnn deploy` to a board over a real ssh, whose Python is this machine's and whose systemd is a double."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import fake_pi
import pytest
import systemd_double
from click.testing import CliRunner
from commands import check_clean_failure

from edgecnn.cli import cli
from edgecnn.devices import known

KILLS = 3


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[fake_pi.FakePi]:
    """A test double of a board: a real ssh server, but its Python is this machine's."""
    with fake_pi.on_this_machine(tmp_path_factory.mktemp("host")) as board:
        systemd_double.install(board.folder / "bin")
        yield board
        systemd_double.stop_all(board.home)


@pytest.fixture(autouse=True)
def named(host: fake_pi.FakePi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--device here` leads to it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    known.add(known.Entry("here", host.target, ssh_config=str(host.ssh_config)))


def deploying(*words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "edgecnn", "deploy", *words, "--device", "here"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def deploy(*words: str) -> subprocess.CompletedProcess[str]:
    with deploying(*words) as process:
        out, err = process.communicate(timeout=300)
    return subprocess.CompletedProcess(words, process.returncode, out, err)


def fresh_labels(host: fake_pi.FakePi, timeout_s: float = 120) -> set[str]:
    """What is answered from now on, once the service says that it runs."""
    path, end = host.home / ".cache/edgecnn-camera/answers.jsonl", time.monotonic() + timeout_s
    begun = path.stat().st_size if path.exists() else 0
    while time.monotonic() < end:
        time.sleep(0.2)
        active = systemd_double.state(host.home, "edgecnn-camera.service").get("ActiveState") == "active"
        lines = path.read_bytes()[begun:].decode().splitlines() if path.exists() else []
        if active and len(lines) > 5:
            return {json.loads(line)["label"] for line in lines[-3:]}
        begun = begun if active else (path.stat().st_size if path.exists() else 0)
    raise AssertionError(systemd_double.state(host.home, "edgecnn-camera.service"))


def test_from_nothing_to_nothing_with_kills_between(
    host: fake_pi.FakePi, models: tuple[str, str], video: str, tmp_path: Path
) -> None:
    english, german = models
    common = ("--source", video, "--loop", "--sink", "jsonl", "--smooth", "0")
    done = deploy(english, *common, "--json", str(tmp_path / "out.json"))
    assert done.returncode == 0 and "4 of 4 golden vectors identical" in done.stderr, done.stderr
    (board,) = json.loads((tmp_path / "out.json").read_text())["boards"]
    assert board["device"] == "here" and board["deployments"][0]["state"] == "active" and board["golden"]["passed"]
    assert fresh_labels(host) <= {"red", "green"}

    draw = random.Random(0)
    for number in range(KILLS):
        with deploying(german if number % 2 == 0 else english, *common) as process:
            deadline = time.monotonic() + 120
            seen = draw.choice(("replaying", "identical", "Starting"))
            assert process.stderr
            for line in process.stderr:
                if seen in line or time.monotonic() > deadline:
                    break
            time.sleep(draw.uniform(0, 0.5))
            process.kill()
        found = fresh_labels(host)
        assert found <= {"red", "green"} or found <= {"rot", "grün"}, found

    done = deploy(german, *common)
    assert done.returncode == 0 and fresh_labels(host) <= {"rot", "grün"}, done.stderr
    done = deploy("status")
    assert done.returncode == 0 and "german" in done.stdout and "active" in done.stdout, done.stdout
    done = deploy("logs", "--lines", "20")
    assert "german looks at v.avi" in done.stdout
    done = deploy("remove")
    assert done.returncode == 0, done.stderr
    left = [path for path in host.home.rglob("*") if path.is_file() and ".systemd-double" not in path.parts]
    assert left == [], "nothing is left"


def test_without_sudo_it_is_said(host: fake_pi.FakePi, models: tuple[str, str], video: str) -> None:
    sudo = host.folder / "bin/sudo"
    before = sudo.read_text()
    sudo.write_text('#!/bin/sh\necho "sudo: a password is required" >&2\nexit 1\n')
    try:
        said = check_clean_failure(deploy(models[0], "--source", video, "--loop", "--system"))
    finally:
        sudo.write_text(before)
    assert "here: --system needs sudo without a password there" in said
    assert not [path for path in host.home.rglob("*") if path.is_file() and path.suffix == ".service"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--name", "../x"], "name is '../x'; expected up to 32 lower-case letters"),
        (["--user", "--system"], "user and system are both given"),
        (["--sink", "jsonl:/var/log/x.jsonl"], "file is /var/log/x.jsonl; expected a path without /"),
        (["--sink", "mqtt:h,credentials=/no/such/file"], "Can't read /no/such/file, which a sink needs"),
        (["--when", "cat>=0.5", "--sink", "stdout"], "the rule names the class 'cat'"),
    ],
)
def test_what_makes_no_sense_is_told_before_a_board_is_asked(models, words, message) -> None:
    done = CliRunner().invoke(cli, ["deploy", models[0], *words, "--device", "nowhere.invalid"])
    assert message in str(done.exception), done.output


def test_a_deployment_needs_a_board(models) -> None:
    done = CliRunner().invoke(cli, ["deploy", models[0]])
    assert "device is missing; expected a board" in str(done.exception)
    assert "Did you mean status" in CliRunner().invoke(cli, ["deploy", "statsu"]).output
