"""What a `--device` text means, and that nothing in it or in a file's name reaches a shell."""

from __future__ import annotations

import subprocess
import sys

import pytest
import tiny_models

from edgecnn.core import files
from edgecnn.core.errors import EdgecnnError
from edgecnn.devices import job, known
from edgecnn.devices.address import Address
from edgecnn.devices.ssh_client import Client

NASTY = 'a b\'; touch hacked; "$(touch hacked)" `touch hacked` \\ * é\n.tflite'


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("pi4", ("pi4", None, None)),
        ("pi@pi4.local", ("pi4.local", "pi", None)),
        ("pi@10.0.0.3:2222", ("10.0.0.3", "pi", 2222)),
        ("[fe80::1%eth0]:22", ("fe80::1%eth0", None, 22)),
        ("first.last@host-1/", ("host-1", "first.last", None)),
    ],
)
def test_addresses(target, expected):
    found = Address.parse(target)
    assert (found.host, found.user, found.port) == expected


def test_names_come_before_hosts(config):
    known.add(known.Entry("pi4", "ssh://pi@10.0.0.4:2222", "/tmp/lab"))
    assert known.locate("local")[0] == "local"
    assert known.locate("pi4") == ("ssh", known.Entry("pi4", "pi@10.0.0.4:2222", "/tmp/lab"))
    assert known.locate("pi5") == ("ssh", known.Entry("pi5", "pi5"))
    assert known.locate("ssh://pi@pi5") == ("ssh", known.Entry("ssh://pi@pi5", "pi@pi5"))
    assert known.locate("adb://serial")[0] == "adb"


def test_command_line_of_ssh():
    words = Client(Address("pi4", "pi", 2222), "/tmp/lab").command(["echo", NASTY])
    assert words[0] == "ssh" and words[-3:-1] == ["--", "pi4"]
    options = {words[index + 1] for index, word in enumerate(words) if word == "-o"}
    assert {"BatchMode=yes", "ControlMaster=auto"} <= options
    assert not any("StrictHostKeyChecking" in option for option in options), "host keys are checked as the user set it"
    for flag, value in (("-F", "/tmp/lab"), ("-p", "2222"), ("-l", "pi")):
        assert words[words.index(flag) + 1] == value
    path = next(option for option in options if option.startswith("ControlPath="))
    assert len(path) < 104


def test_arguments_of_a_job():
    words = job.arguments("measure", ["/x/1.tflite"], [NASTY], {"threads": [1, 2], "runs": 5, "delegate": None})
    assert words == ["measure", "--model=/x/1.tflite", f"--name={NASTY}", "--threads=1,2", "--runs=5"]


def test_names_reach_the_board_as_they_are(pi, reach):
    import dataclasses

    device = reach(pi)
    assert device.client.run(["printf", "%s", NASTY], "testing").stdout == NASTY
    device.run("info", [dataclasses.replace(tiny_models.classifier(), name=NASTY)])
    assert not list(pi.home.rglob("hacked"))


def test_six_add_boards_at_once(config):
    """Each in a process of its own, and each name is there afterwards."""
    code = (
        "import sys; from edgecnn.devices import known\n"
        "for n in range(5): known.add(known.Entry(f'pi{sys.argv[1]}-{n}', 'pi@10.0.0.4'))"
    )
    adding = [subprocess.Popen([sys.executable, "-c", code, str(number)]) for number in range(6)]
    assert [process.wait(timeout=120) for process in adding] == [0] * 6
    assert set(known.entries()) == {f"pi{number}-{n}" for number in range(6) for n in range(5)}


def test_a_lock_that_is_held_is_waited_for_and_told(config, monkeypatch):
    monkeypatch.setattr(files, "_LOCK_WAIT_S", 0.3)
    with (
        files.locked(known.path()),
        pytest.raises(EdgecnnError, match=r"Another edgecnn process has been writing to .*devices\.toml for 0 s"),
    ):
        known.add(known.Entry("pi4", "pi@10.0.0.4"))
    known.add(known.Entry("pi4", "pi@10.0.0.4"))
    assert set(known.entries()) == {"pi4"}


@pytest.mark.parametrize("name", ["with a space", "with%percent", 'with"quote', "~tilde", "with\nline"])
def test_a_temporary_folder_that_ssh_would_misread(tmp_path, monkeypatch, name):
    """ssh itself reads the option as the path that we made."""
    (tmp_path / name).mkdir()
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / name))
    words = Client(Address("pi4")).command(["true"])
    option = next(word for word in words if word.startswith("ControlPath="))
    done = subprocess.run(["ssh", "-G", "-F", "/dev/null", "-o", option, "pi4"], capture_output=True, text=True)
    understood = [line.partition(" ")[2] for line in done.stdout.splitlines() if line.startswith("controlpath ")]
    assert understood == [option.partition("=")[2]], done.stderr
