"""Updates whose deployer is killed, at whatever moment: the old or the new version answers, never none, never a half.

The transaction under test is the board's own, `edgecnn.deployment.board.change`; its service is a stand-in of a few
lines that starts quickly, and systemd is a double. Real services are in `test_deploy_here.py`, real ssh in
`test_deploy_over_ssh.py`.
"""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import systemd_double

from edgecnn.core.errors import DeviceError
from edgecnn.deployment.board.change import Deployment
from edgecnn.deployment.board.places import places

UNIT = "edgecnn-camera.service"
CHANGES = {"open", "os.rename", "os.remove", "os.rmdir", "os.symlink", "subprocess.Popen"}
"""What a deployer does to the board; before each of it, a kill finds another state."""
MOMENTS = 20
SERVICE = """\
import os, socket, sys, time
words = [open(name).read() for name in ("model.tflite", "options.json")]
if "broken" in words[0]:
    sys.exit(1)
channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
channel.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"].replace("@", chr(0)))
while True:
    with open(os.environ["CACHE_DIRECTORY"] + "/answers", "a") as log:
        log.write(f"{time.time()} {words[0]} {words[1]}\\n")
    time.sleep(0.02)
"""


def request(word: str) -> dict[str, Any]:
    """What the host sends for a version of that word."""
    texts = {"app.pyz": SERVICE, "model.tflite": word, "options.json": word}
    files = {name: {"data": base64.b64encode(text.encode()).decode()} for name, text in texts.items()}
    return {"files": files, "title": word, "model": word, "groups": [], "devices": []}


def install(word: str) -> None:
    Deployment(places("camera", False)).install(request(word))


def is_change(event: str, arguments: tuple[Any, ...]) -> bool:
    """Whether an audit event is one of them; a file that is only read, or open already, isn't."""
    if event != "open":
        return event in CHANGES
    return isinstance(arguments[0], str) and bool((arguments[2] or 0) & os.O_CREAT)


def changes_of(word: str) -> int:
    """Install in a child; how many changes it makes."""
    reader, writer = os.pipe()
    if not os.fork():
        counted: list[str] = []
        sys.addaudithook(lambda event, arguments: counted.append(event) if is_change(event, arguments) else None)
        install(word)
        os.write(writer, str(len(counted)).encode())
        os._exit(0)
    os.wait()
    return int(os.read(reader, 100))


def killed(word: str, moment: int) -> bool:
    """Install in a child that kills itself before its change number `moment`; returns whether it came so far."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] == signal.SIGKILL
    counted: list[str] = []

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if is_change(event, arguments):
            counted.append(event)
            if len(counted) == moment:
                os.kill(os.getpid(), signal.SIGKILL)

    try:
        sys.addaudithook(hook)
        install(word)
    except DeviceError:
        pass
    finally:
        os._exit(0)


def answer(home: Path, timeout_s: float = 60) -> str:
    """The next answer of whatever runs now, after what was on its way has settled."""
    log, begun, seen = home / ".cache/edgecnn-camera/answers", time.time(), []
    while len(seen) < 5 or systemd_double.state(home, UNIT).get("ActiveState") != "active":
        assert time.time() < begun + timeout_s, systemd_double.state(home, UNIT)
        time.sleep(0.02)
        lines = log.read_text().splitlines()[-8:] if log.exists() else []
        seen = [line.split()[1:] for line in lines if float(line.split()[0]) > begun]
    word, options = seen[-1]
    assert word == options, "files of two versions"
    return word


def boot(home: Path) -> None:
    """Pull the plug, and start as systemd does at boot: from the files, if the unit is wanted."""
    systemd_double.stop_all(home)
    assert (home / ".config/systemd/user/default.target.wants" / UNIT).resolve().exists()
    for words in (["daemon-reload"], ["restart", UNIT]):
        subprocess.run(["systemctl", "--user", *words], check=False, capture_output=True)


def test_killed_at_20_moments(board: Path) -> None:
    install("v0")
    install("v1")
    total = changes_of("v2")  # the first that also removes a version
    assert total >= MOMENTS
    good, died = "v2", 0
    for number in range(MOMENTS):
        word, moment = f"w{number}", 1 + number * (total - 1) // (MOMENTS - 1)
        died += killed(word, moment)
        found = answer(board)
        assert found in (good, word), (moment, found)
        boot(board)
        found = answer(board)
        assert found in (good, word), (moment, found, "after a boot")
        good = found
    assert died >= MOMENTS - 2, "at the last moments an update may be through"
    install("last")
    assert answer(board) == "last"
    kept = list((board / ".local/share/edgecnn/deployments/camera/versions").iterdir())
    assert len(kept) == 2, "what was left behind is removed"


def test_killed_while_a_version_fails(board: Path) -> None:
    """systemd itself goes back: nobody else is there any more."""
    install("good")
    for moment in (18, 21, 23, 24, 25, 26):
        killed(f"broken{moment}", moment)
        boot(board)
        assert answer(board) == "good", moment
    with pytest.raises(DeviceError, match=r"did not come up(.|\n)*The version before it runs again"):
        install("broken")
    assert answer(board) == "good"
