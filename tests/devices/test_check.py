"""What a board's inventory means, what fits it, and that `--fix` makes a bare board work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tiny_models
from commands import run_cli as run

from edgecnn.core.errors import DeviceError, EdgecnnError, UsageError
from edgecnn.devices import check, fix
from edgecnn.runtime.process import inventory

PI4 = {
    "system": {
        "board": "Raspberry Pi 4 Model B Rev 1.4", "cpu": "Cortex-A72", "machine": "aarch64", "bits": 64, "cores": 4,
        "memory_bytes": 4_000_000_000, "os": "Debian GNU/Linux 12 (bookworm)", "glibc": "2.36", "python": "3.11.2",
        "runtime": "ai-edge-litert 2.3.0", "governor": "performance", "emulated": False,
    },
    "conditions": {"temperature_c": 48.3, "throttled_bits": 0, "throttled_now": [], "throttled_since_start": []},
    "virtual_environment": None, "has_pip": True, "numpy": "2.4.6", "opencv": "4.12.0",
    "free_disk_bytes": 9_000_000_000,
    "cameras": [{"node": "/dev/video0", "name": "unicam"}], "edgetpus": [], "libedgetpu": None,
}  # fmt: skip
TPU = {"bus": "usb", "node": "/dev/bus/usb/002/003", "speed_mbps": 5000, "started": True, "writable": True,
       "used_by": "", "warning": ""}  # fmt: skip

CORALS = {"label": "BuildLabel(COMPILER=6.3.0 20170516,DATE=redacted,TIME=redacted), RuntimeVersion(14)",
          "package": "16.0", "crash": ""}  # fmt: skip
REBUILT = {"label": "BuildLabel(COMPILER=14.2.0,DATE=Feb 22 2026,TIME=09:51:57), RuntimeVersion(14)",
           "package": "16.0tf2.17.1-1.bookworm", "crash": ""}  # fmt: skip

FIX = check.Fix("FIX", "FIX --camera")


def changed(**changes):
    """A Pi 4 that differs; keys of `system` and `conditions` may be given as they are."""
    made = json.loads(json.dumps(PI4))
    for key, value in changes.items():
        home = next((made[part] for part in ("system", "conditions") if key in made[part]), made)
        home[key] = value
    return made


def test_a_good_board_needs_nothing():
    assert [entry for entry in check.findings(PI4, FIX) if entry.level != "ok" or entry.remedy] == []


@pytest.mark.parametrize(
    ("changes", "topic", "level", "words"),
    [
        ({"runtime": None}, "runtime", "problem", "Install a TFLite runtime: FIX"),
        ({"numpy": None}, "numpy", "problem", "FIX"),
        ({"runtime": "tflite-runtime 2.14.0", "numpy": "1.26.4"}, "runtime", "advice", "several times faster"),
        ({"runtime": "tflite-runtime 2.14.0"}, "numpy", "problem", "numpy<2"),
        ({"bits": 32, "machine": "armv7l"}, "system", "advice", "64-bit Raspberry Pi OS"),
        ({"glibc": "2.31"}, "system", "advice", "Bookworm"),
        ({"python": "3.9.2"}, "python", "advice", "3.10 or newer"),
        ({"python": "3.15.0"}, "python", "problem", "no LiteRT wheels"),
        ({"opencv": None}, "opencv", "advice", "FIX --camera"),
        ({"governor": "ondemand"}, "governor", "advice", "scaling_governor"),
        ({"temperature_c": 74.0}, "temperature", "advice", "heat sink"),
        ({"temperature_c": 83.5}, "temperature", "problem", "heat sink"),
        ({"throttled_bits": 1, "throttled_now": ["under-voltage"]}, "throttling", "problem", "power supply"),
        ({"throttled_bits": 1 << 18, "throttled_since_start": ["throttled"]}, "throttling", "advice", "fan"),
        ({"free_disk_bytes": 1_000_000}, "free disk", "problem", "200 MB"),
        ({"edgetpus": [TPU]}, "libedgetpu", "problem", "github.com/feranick/libedgetpu"),
        ({"edgetpus": [TPU], "libedgetpu": CORALS}, "libedgetpu", "advice", "such as ai-edge-litert 2.3.0"),
        (
            {"edgetpus": [TPU], "libedgetpu": {**CORALS, "crash": "signal SIGSEGV"}},
            "libedgetpu",
            "problem",
            "rebuilt one",
        ),
        ({"edgetpus": [{**TPU, "writable": False}]}, "Edge TPU", "problem", "plugdev"),
        ({"edgetpus": [{**TPU, "speed_mbps": 480, "warning": "over USB 2"}]}, "Edge TPU", "advice", "USB 2"),
    ],
)
def test_what_is_not_right(changes, topic, level, words):
    finding = next(entry for entry in check.findings(changed(**changes), FIX) if entry.topic == topic)
    assert finding.level == level
    assert words in finding.remedy


@pytest.mark.parametrize(
    ("changes", "value", "level"),
    [
        ({}, "none since boot", "ok"),
        ({"throttled_bits": None, "throttled_since_start": None}, "not reported by the board", "ok"),
        ({"throttled_since_start": None}, "no under-voltage now; the board reports no history", "ok"),
        (
            {"throttled_bits": 1, "throttled_now": ["under-voltage"], "throttled_since_start": None},
            "now: under-voltage; since boot: unknown",
            "problem",
        ),
    ],
)
def test_nothing_is_claimed_of_throttling_that_the_board_does_not_tell(changes, value, level):
    finding = next(entry for entry in check.findings(changed(**changes), FIX) if entry.topic == "throttling")
    assert (finding.value, finding.level) == (value, level)


@pytest.mark.parametrize(
    ("changes", "first", "numpy"),
    [
        ({}, "ai-edge-litert==", "numpy>=1.23"),
        ({"glibc": "2.31", "python": "3.9.2"}, "tflite-runtime==2.14.0", "numpy<2"),
        ({"glibc": "2.31"}, "tflite-runtime==2.14.0", "numpy<2"),
        ({"bits": 32, "machine": "armv7l"}, "tflite-runtime==2.14.0", None),
        ({"bits": 32, "machine": "aarch64"}, "tflite-runtime==2.14.0", None),  # 32-bit programs under a 64-bit kernel
    ],
)
def test_what_fits(changes, first, numpy):
    system = changed(**changes)["system"]
    plan = fix.plan(system, camera=False)
    assert plan.requirements[0].startswith(first)
    assert plan.requirements[1:] == ((numpy,) if numpy else ())
    assert plan.system_packages is (numpy is None)
    assert ("manylinux2014_armv7l" in plan.platforms) is (system["bits"] == 32)
    assert ("manylinux_2_34_aarch64" in plan.platforms) is (not changes)


def test_nothing_fits():
    with pytest.raises(DeviceError, match=r"Python 3\.12\.1 with glibc 2\.31"):
        fix.plan(changed(python="3.12.1", glibc="2.31")["system"], camera=False)


class NoNetworkDouble:
    """A double of a board that has pip, but whose pip reaches nothing."""

    name = "pi"

    def __init__(self):
        self.calls, self.notes = [], []
        self.note = self.notes.append

    def run(self, job, options):
        self.calls.append((job, options["requirements"], options["wheels"]))
        if options["requirements"]:
            raise EdgecnnError("pip on the board can't download numpy: no network")

    def store(self, name, content, folder):
        self.calls.append(("store", name, content))

    def remove(self, folder):
        self.calls.append(("remove", folder))

    def look(self):
        return type("Look", (), {"home": "/home/pi"})


def test_a_board_without_network_gets_wheels_from_here(monkeypatch):
    def fetch(plan, python, folder):
        (folder / "numpy.whl").write_bytes(b"wheel")
        return [folder / "numpy.whl"]

    monkeypatch.setattr(fix, "fetch", fetch)
    board = NoNetworkDouble()
    fix.fix(board, PI4)
    assert [call[0] for call in board.calls] == ["install", "store", "install", "remove"]
    assert board.calls[1] == ("store", "numpy.whl", b"wheel")
    assert board.calls[2][2] == [f"/home/pi/{fix.WHEELS}/numpy.whl"]
    assert "no network" in board.notes[1]


def test_cameras(tmp_path):
    names = ["unicam", "unicam", "bcm2835-codec-decode", "bcm2835-isp", "C920 HD Webcam"]
    for number, name in zip([0, 1, 2, 3, 4, 9, 10], [*names, "C270", "C270"]):
        folder = tmp_path / f"sys/class/video4linux/video{number}"
        folder.mkdir(parents=True)
        (folder / "name").write_text(f"{name}\n")
    found = [(camera["node"], camera["name"]) for camera in inventory.cameras(tmp_path)]
    assert found == [("/dev/video0", "unicam"), ("/dev/video4", "C920 HD Webcam"), ("/dev/video9", "C270")]


def test_remedies_are_commands_that_work(monkeypatch):
    """`--fix` is for boards over ssh only."""
    from click.testing import CliRunner

    from edgecnn.cli import devices
    from edgecnn.devices.kinds.local import LocalDevice

    monkeypatch.setattr(LocalDevice, "run", lambda *_: changed(runtime=None, opencv=None))
    said = CliRunner().invoke(devices.command, ["check", "local"]).output
    assert "Install a TFLite runtime: pip install edgecnn\n" in said
    assert "--fix" not in said


def test_fix_makes_a_bare_board_work(bare_pi, reach, tmp_path):
    """From nothing but Python to a measured model; the board's own wheels, fetched here."""
    device = reach(bare_pi)
    before = run("devices", "check", "fake-pi", "--json", "-")
    assert before.returncode == 1
    levels = {entry["topic"]: entry["level"] for entry in json.loads(before.stdout)["findings"]}
    assert (levels["runtime"], levels["numpy"]) == ("problem", "problem")
    after = run("devices", "check", "fake-pi", "--fix", "--from-host")
    assert after.returncode == 0, after.stderr
    assert "ai-edge-litert 2.3.0" in after.stdout
    assert "emulated" in after.stdout
    answer = device.run("measure", [tiny_models.classifier()], runs=1, warmup=0)
    assert answer["golden"]["passed"]
    files = [path for path in bare_pi.home.rglob("*") if path.name.endswith((".whl", ".new", ".old"))]
    assert files == [], "nothing but the environment is left"


def test_names(config: Path):
    assert run("devices", "add", "pi4", "pi@pi4.local:2222").returncode == 0
    assert run("devices", "add", "pi3", "ssh://pi@10.0.0.3").returncode == 0
    listed = json.loads(run("devices", "list", "--json", "-").stdout)
    assert [(entry["name"], entry["target"]) for entry in listed["devices"]] == [
        ("pi3", "ssh://pi@10.0.0.3"),
        ("pi4", "pi@pi4.local:2222"),
    ]
    assert run("devices", "remove", "pi3").returncode == 0
    assert "pi3" not in run("devices", "list").stdout
    unknown = run("devices", "remove", "pi3")
    assert unknown.returncode == 2 and "Choose one of: pi4" in unknown.stderr


@pytest.mark.parametrize(
    ("name", "target"), [("local", "pi@pi4"), ("a b", "pi@pi4"), ("pi4", "not a host"), ("-x", "h")]
)
def test_names_that_can_not_be(name, target):
    from edgecnn.devices import known

    with pytest.raises(UsageError):
        known.add(known.Entry(name, target))


@pytest.mark.parametrize("text", ["[pi4\n", "pi4 = 5", "[pi4]\ntarget = 5", '[pi4]\ntarget = "pi4"\nssh_config = 5'])
def test_a_damaged_list_of_names(config: Path, text: str):
    (config / "edgecnn").mkdir(parents=True)
    (config / "edgecnn/devices.toml").write_text(text)
    result = run("devices", "list")
    assert result.returncode == 1 and "Expected sections [NAME]" in result.stderr
