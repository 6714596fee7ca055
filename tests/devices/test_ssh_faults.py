"""Everything that can go wrong between here and a board: its own message each, and nothing left behind."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tiny_models

from edgecnn.core.errors import DeviceError, EdgecnnError, RuntimeMissingError, UsageError
from edgecnn.devices import open_device
from edgecnn.devices.address import Address
from edgecnn.devices.ssh_client import Client, explain
from edgecnn.runtime.process import lock


def leftovers(board) -> list[str]:
    """Files that are neither the runtime nor a whole model."""
    known = (".pyz", ".tflite", ".lock")
    files = [path for folder in (board.home, board.folder / "tmp") for path in folder.rglob("*") if path.is_file()]
    return [path.name for path in files if path.suffix not in known or path.name.startswith(".")]


def wait_until(true, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)


def test_wrong_host_key(pi, reach, tmp_path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other"], check=True)
    key = (tmp_path / "other.pub").read_text().split()[:2]
    (tmp_path / "known_hosts").write_text(f"[127.0.0.1]:{pi.port} {' '.join(key)}\n")
    config = tmp_path / "ssh_config"
    config.write_text(pi.ssh_config.read_text().replace(f"{pi.folder}/known_hosts", f"{tmp_path}/known_hosts"))
    with pytest.raises(DeviceError, match=r"differs from the known one.*ssh-keygen -R .*127\.0\.0\.1"):
        reach(pi, ssh_config=str(config)).run("info")


def test_unknown_host_key(pi, reach, tmp_path):
    config = tmp_path / "ssh_config"
    config.write_text(pi.ssh_config.read_text().replace(f"{pi.folder}/known_hosts", "/dev/null"))
    with pytest.raises(DeviceError, match=r"is not known yet.*compare the fingerprint"):
        reach(pi, ssh_config=str(config)).run("info")


def test_no_key(pi, reach, tmp_path):
    config = tmp_path / "ssh_config"
    config.write_text(pi.ssh_config.read_text().replace(f"{pi.folder}/user_key", f"{tmp_path}/none"))
    with pytest.raises(DeviceError, match=r"accepts none of your ssh keys.*ssh-copy-id"):
        reach(pi, ssh_config=str(config)).run("info")


def test_nobody_listens(pi, reach):
    with pytest.raises(DeviceError, match=r"runs no ssh server.*systemctl enable"):
        reach(pi, target="ssh://127.0.0.1:9").run("info")


def test_no_such_host(pi, reach):
    with pytest.raises(DeviceError, match=r"There is no host 'pi.invalid'"):
        reach(pi, target="pi@pi.invalid").run("info")


def test_no_python(spare_pi, reach):
    (spare_pi.folder / "bin/python3").unlink()
    for name in ("sh", "uname", "touch", "find", "chmod", "cat", "wc", "mv", "mkdir", "rm"):
        place = spare_pi.folder / "bin" / name
        if not place.exists():
            place.symlink_to(f"/usr/bin/{name}")
    spare_pi.restart(PATH=f"{spare_pi.folder}/bin")
    with pytest.raises(DeviceError, match=r"There is no python3 on fake-pi \(aarch64\).*apt install python3"):
        reach(spare_pi).run("info")


def test_python_too_old(spare_pi, reach):
    """A Python that reads our zipapp's first file and says it is 3.7."""
    script = spare_pi.folder / "bin/python3"
    script.unlink()
    # A double of an old Python: the real one, with another version number.
    code = "import sys, runpy; sys.version_info = (3, 7, 3); sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0])"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{code}" "$@"\n')
    script.chmod(0o755)
    with pytest.raises(DeviceError, match=r"has Python 3\.7; edgecnn needs 3\.9"):
        reach(spare_pi).run("info")


def test_no_runtime(bare_pi, reach):
    with pytest.raises(RuntimeMissingError, match="edgecnn devices check fake-pi --fix"):
        reach(bare_pi).run("measure", [tiny_models.classifier()])


def test_disk_full(spare_pi, reach):
    """`cat` on the board fails as it does on a full disk: it writes to /dev/full."""
    script = spare_pi.folder / "bin/cat"
    script.write_text('#!/bin/sh\n[ $# -gt 0 ] && exec /usr/bin/cat "$@"\nexec /usr/bin/cat > /dev/full\n')
    script.chmod(0o755)
    with pytest.raises(DeviceError, match=r"The disk of fake-pi is full: ~/\.cache/edgecnn needs [\d,]+ bytes more"):
        reach(spare_pi).run("info")
    assert leftovers(spare_pi) == []


def test_cut_while_it_runs(spare_pi, reach):
    device = reach(spare_pi)
    model = tiny_models.classifier()
    failures: list[EdgecnnError] = []

    def measure() -> None:
        try:
            device.run("measure", [model], runs=10**9, budget=600)
        except EdgecnnError as error:
            failures.append(error)

    thread = threading.Thread(target=measure)
    thread.start()
    wait_until(lambda: len(spare_pi.programs()) >= 3)  # the supervisor, the job, the child that measures
    spare_pi.cut()
    thread.join(timeout=30)
    assert isinstance(failures[0], DeviceError)
    assert "was lost while `measure` ran" in str(failures[0])
    wait_until(lambda: not spare_pi.programs(), 20)
    assert leftovers(spare_pi) == []
    assert device.run("info")["system"]["emulated"], "the next command connects anew"


def test_cut_while_it_copies(spare_pi, reach):
    """The board's `cat` takes what it gets and never ends; then the connection is cut."""
    script, mark = spare_pi.folder / "bin/cat", spare_pi.folder / "copying"
    script.write_text(f'#!/bin/sh\n[ $# -gt 0 ] && exec /usr/bin/cat "$@"\nhead -c 10; : > "{mark}"; exec sleep 3\n')
    script.chmod(0o755)
    copying = ThreadPoolExecutor().submit(reach(spare_pi).run, "info")
    wait_until(mark.exists)
    spare_pi.cut()
    with pytest.raises(DeviceError, match=r"was lost while [\d,]+ bytes were copied"):
        copying.result()
    wait_until(lambda: leftovers(spare_pi) == [], 20)


def test_cut_between_two_batches(spare_pi, reach):
    with reach(spare_pi).session(tiny_models.classifier()) as session:
        tensor = np.zeros((1, 32, 32, 3), np.int8)
        assert len(list(session([tensor]))) == 1
        spare_pi.cut()
        with pytest.raises(DeviceError, match="was lost while the batch ran"):
            list(session([tensor] * 3))
    wait_until(lambda: not spare_pi.programs(), 20)


def test_asker_is_killed(spare_pi, reach):
    """kill -9 on our side ends the job on the board too."""
    reach(spare_pi)
    code = (
        "import sys; sys.path.insert(0, 'tests'); import tiny_models; from edgecnn.devices import open_device;"
        "open_device('fake-pi').run('measure', [tiny_models.classifier()], runs=10**9, budget=600)"
    )
    asker = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[2], env=os.environ)
    try:
        wait_until(lambda: len(spare_pi.programs()) >= 3)
    finally:
        asker.kill()
        asker.wait()
    wait_until(lambda: not spare_pi.programs(), 20)
    assert leftovers(spare_pi) == []


def test_two_profiles_at_once(pi, reach):
    """The second waits and says so; when it may not wait, it says that. The first is this test: it holds the lock."""
    device, model = reach(pi), tiny_models.classifier()
    with open(pi.folder / "tmp" / lock.FILE_NAME, "w") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        with pytest.raises(EdgecnnError, match="Another measurement has been running on this machine for 0 s"):
            device.run("measure", [model], wait=0)
        assert device.notes == []
        second = ThreadPoolExecutor().submit(device.run, "measure", [model], runs=2, warmup=0)
        wait_until(lambda: device.notes or second.done())
        assert device.notes == ["Waiting until another measurement on this machine ends."]
    assert second.result()["measurements"][0]["runs"] == 2


def test_crash_of_the_runtime(spare_pi, reach):
    """A file that kills the board's Python is an error message here."""
    script = spare_pi.folder / "bin/python3"
    script.unlink()
    script.write_text("#!/bin/sh\necho 'Illegal instruction' >&2\nkill -ILL $$\n")
    script.chmod(0o755)
    with pytest.raises(DeviceError, match="Python ended with status 132 while `info` ran: Illegal instruction"):
        reach(spare_pi).run("info")


@pytest.mark.parametrize("value", ["/nowhere/user/1000", ""])
def test_a_runtime_folder_that_is_gone(value, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_RUNTIME_DIR", value)
    monkeypatch.setattr("tempfile.tempdir", "/tmp")
    words = Client(Address("pi4")).command(["true"])
    assert any(word.startswith(f"ControlPath=/tmp/edgecnn-ssh-{os.getuid()}/") for word in words)


def test_no_place_for_the_connection(monkeypatch, tmp_path):
    """Something else lies where the folder would be; the message is no traceback, and not that ssh is missing."""
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr("tempfile.tempdir", "/nowhere")
    with pytest.raises(DeviceError, match="Can't create the folder /nowhere/edgecnn-ssh"):
        Client(Address("pi4")).run(["true"], "connecting")


@pytest.mark.parametrize("target", ["", "-oProxyCommand=x", "pi@-x", "pi@host:0", "pi@host:99999", "a b", "pi@host;ls"])
def test_targets_that_make_no_sense(target):
    with pytest.raises(UsageError, match="Unknown device"):
        open_device(target)


@pytest.mark.parametrize(
    ("stderr", "words"),
    [
        ("ssh: connect to host pi4 port 22: Connection timed out", "does not answer"),
        ("ssh: connect to host pi4 port 22: No route to host", "can't be reached"),
        ("ssh: connect to host pi4 port 22: Network is unreachable", "no network"),
        ("client_loop: send disconnect: Broken pipe", "was lost while the test ran"),
    ],
)
def test_what_ssh_complains_about(stderr, words):
    assert words in explain(stderr, Address("pi4"), "the test ran")
