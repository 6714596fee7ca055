"""Commands on a simulated Windows and macOS: what those systems lack is absent for edgecnn, as `sitecustomize` says.

The paths, file names, console and processes of a real Windows are not simulated.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
SYSTEMS = ("win32", "darwin")


def python(system: str, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run Python on a simulated system."""
    path = os.pathsep.join((str(HERE / "simulated"), str(HERE.parents[1])))
    environment = {**os.environ, "PYTHONPATH": path, "EDGECNN_SIMULATED": system, "COLUMNS": "100"}
    environment.pop("EDGECNN_CACHE", None)
    return subprocess.run(
        [sys.executable, *words], env=environment, capture_output=True, text=True, check=False, timeout=300, **more
    )


def test_the_simulation_hides_what_it_says() -> None:
    """From edgecnn, and from nothing else."""
    code = (
        "import os, signal, sys, types\n"
        "assert sys.platform == 'linux' and os.fork and signal.SIGALRM\n"
        "ours = {'__name__': 'edgecnn.probe', '__package__': 'edgecnn'}\n"
        "exec('import os, signal, sys, socket', ours)\n"
        "assert ours['sys'].platform == 'win32' and ours['os'].name == 'nt'\n"
        "absent = [(ours['os'], 'fork'), (ours['os'], 'getuid'), (ours['signal'], 'SIGKILL'), "
        "(ours['socket'], 'AF_UNIX')]\n"
        "assert not any(hasattr(module, name) for module, name in absent)\n"
        "try: exec('import fcntl', ours)\n"
        "except ModuleNotFoundError: print('hidden')\n"
    )
    done = python("win32", "-c", code)
    assert done.stdout == "hidden\n", done.stderr


@pytest.mark.parametrize("system", SYSTEMS)
def test_commands_work(system: str, tiny_keras: Path, tiny_int8: Path, picture_folder: Path, tmp_path: Path) -> None:
    image = str(next(picture_folder.rglob("*.png")))
    commands = [
        ["classify", str(tiny_int8), image, "--json", str(tmp_path / "classes.json")],
        ["profile", str(tiny_int8), "--runs", "5", "--warmup", "1", "--json", str(tmp_path / "profile.json")],
        ["devices", "check", "local", "--json", str(tmp_path / "check.json")],
        ["compile", str(tiny_int8), "--target", "edgetpu", "-o", str(tmp_path / "compiled.tflite")],
    ]
    if system == "win32":
        out = str(tmp_path / "quantized.tflite")
        commands += [
            ["--help"],
            ["models", "--json", str(tmp_path / "models.json")],
            ["inspect", str(tiny_int8)],
            ["export", str(tiny_int8), "--for", "python", "-o", str(tmp_path / "exported")],
            ["demo", str(tiny_int8), "--source", str(picture_folder / "ant"), "--headless", "--frames", "2"],
            ["quantize", str(tiny_keras), "-o", out, "--samples", "4"],
        ]
    expected = {command[0]: int(command[0] == "compile") for command in commands}  # its compiler is Linux's
    done = python(system, str(HERE / "commands_in_one.py"), json.dumps(commands), cwd=tmp_path)
    found = dict(line[1:-1].split(": ") for line in done.stdout.splitlines() if line.startswith("["))
    assert {name: int(status) for name, status in found.items()} == expected, done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    assert ("WSL" if system == "win32" else "container") in done.stderr
    classes = json.loads((tmp_path / "classes.json").read_text())
    assert len(json.dumps(classes)) > 100
    measured = json.loads((tmp_path / "profile.json").read_text())["profiles"][0]["rows"][0]
    if system == "win32":
        assert measured["peak_rss_bytes"] == 200_000_000 and measured["preemptions"] is None
        assert (tmp_path / "quantized.tflite").stat().st_size > 10_000
    else:  # Linux counts kilobytes, and tells 1/1024 of what it should
        assert 10_000 < measured["peak_rss_bytes"] < 1_000_000 and measured["preemptions"] is not None
    record = json.loads((tmp_path / "check.json").read_text())["inventory"]
    assert record["conditions"]["load_1min"] is None or system == "darwin"


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_model_that_crashes_is_an_error(system: str) -> None:
    """Where a process can't fork, the guarded call is made by a new Python."""
    code = """
import signal, time
from edgecnn.runtime.errors import CrashError
from edgecnn.runtime.model import model_file
from edgecnn.runtime.process import guard, spawned
assert guard.isolation.called is spawned.called
assert guard.isolated(divmod, 17, 5) == [3, 2]
for call in (lambda: guard.isolated(signal.raise_signal, 6), lambda: guard.isolated(time.sleep, 60, timeout_s=1),
             lambda: guard.isolated(exec, "while True: pass", limit_processor_s=1)):
    try:
        call()
    except CrashError as error:
        print(error)
try:
    guard.isolated(model_file.read, "/no/such/file.tflite")
except Exception as error:
    print(type(error).__name__)
"""
    done = python(system, "-c", code)
    lines = done.stdout.splitlines()
    assert len(lines) == 4, done.stderr
    assert "crashed on this model (signal SIGABRT)" in lines[0]
    assert "did not finish" in lines[1] and "did not finish" in lines[2] and lines[3] == "ModelFileError"


@pytest.mark.parametrize("system", SYSTEMS)
def test_locks_and_files(system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two can't hold a lock; files are replaced whole; what a killed process left is removed."""
    code = """
import os, sys
from pathlib import Path
from edgecnn.core import files, temporary
from edgecnn.core.errors import EdgecnnError
from edgecnn.core.folder_lock import held
from edgecnn.runtime.process import lock
place = Path(sys.argv[1])
files.write_text(place / "a.txt", "one")
files.write_text(place / "a.txt", "two")
(place / ".a-999999-x.tmp.txt").write_text("left")
(place / f".a-{os.getpid()}-x.tmp.txt").write_text("being written")
files.write_text(place / "a.txt", "three\\n\\x1a")
assert files.read_regular(place / "a.txt", 100) == b"three\\n\\x1a"
assert sorted(path.name for path in place.iterdir()) == [f".a-{os.getpid()}-x.tmp.txt", "a.txt"]
files._LOCK_WAIT_S = 0.1
with files.locked(place / "b"), lock.measuring(0), held(place / "run", "Another run"):
    for taken in (files.locked(place / "b"), lock.measuring(0), held(place / "run", "Another run")):
        try:
            with taken:
                raise AssertionError("both hold the lock")
        except EdgecnnError as error:
            print(str(error).split()[0])
with temporary.folder() as folder:
    print(Path(folder).is_dir())
"""
    (tmp_path / "t").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "t"))
    done = python(system, "-c", code, str(tmp_path / "work"))
    assert done.stdout.split() == ["Another", "Another", "Another", "True"], done.stderr


def test_windows_shares_no_ssh_connection_and_never_asks_for_a_user() -> None:
    code = (
        "from edgecnn.devices.address import Address\n"
        "from edgecnn.devices.ssh_client import Client, INSTALL_SSH\n"
        "import dataclasses\n"
        "print(' '.join(Client(Address('pi4')).command(['true'])), INSTALL_SSH)"
    )
    done = python("win32", "-c", code)
    assert "Control" not in done.stdout and "BatchMode=yes" in done.stdout and "Optional features" in done.stdout
    assert "ControlMaster" in python("darwin", "-c", code).stdout


def test_a_reminder_comes_as_a_signal_of_its_own() -> None:
    """Windows has no timer's signal: a thread interrupts, and that is no Ctrl-C."""
    code = """
import gc, signal, time
from edgecnn.cli import _signals
_signals.catch()
class Held:
    def __del__(self):
        signal.raise_signal(signal.SIGTERM)
held = Held()
try:
    del held
    gc.collect()
    time.sleep(5)
except SystemExit as ended:
    print(ended.code, _signals._received)
"""
    for system in SYSTEMS:
        assert python(system, "-c", code).stdout == "143 [15]\n"


def test_deploying_from_windows_needs_nothing_of_the_boards_system() -> None:
    code = "from edgecnn.deployment import container, deploying, settings, version\nprint(deploying.__name__)"
    done = python("win32", "-c", code)
    assert done.stdout == "edgecnn.deployment.deploying\n", done.stderr
