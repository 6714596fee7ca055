"""The units that are written, as systemd's own tools read them."""

from __future__ import annotations

import base64
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
import systemd_double
from requirements import unavailable

from edgecnn.camera.settings import DemoOptions
from edgecnn.core.errors import DeviceError
from edgecnn.deployment.board import packages, unit
from edgecnn.deployment.board.change import Deployment
from edgecnn.deployment.board.places import Places, places
from edgecnn.deployment.version import version

SERVICE = unit.Service(
    "/usr/bin/python3", "name 100 % \\", "/a b/c", ("video",), ("char-video4linux",), ("0-mqtt.txt",)
)
UNIT = "edgecnn-camera.service"


def analyze(*words: str, folder: Path) -> str:
    """systemd-analyze, which starts nothing; `folder` is where it looks for units."""
    if not shutil.which("systemd-analyze"):
        unavailable("there is no systemd-analyze (Debian: apt install systemd)")
    own = {"XDG_RUNTIME_DIR": str(folder), "SYSTEMD_UNIT_PATH": f"{folder}:", "LC_ALL": "C"}
    done = subprocess.run(
        ["systemd-analyze", *words], capture_output=True, text=True, env={**os.environ, **own}, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr, "a warning"
    return done.stdout


def written(folder: Path, system: bool) -> Places:
    """A unit in the folder of a version, and the link to it through `current`, as a deployment has them."""
    place = Places("camera", system, folder / "all", folder / "units", folder / "edgecnn-camera", "default.target")
    (place.root / "current/credentials").mkdir(parents=True)
    (place.root / "current" / UNIT).write_text(unit.text(place, SERVICE))
    place.units.mkdir()
    place.unit_link.symlink_to(place.root / "current" / UNIT)
    return place


@pytest.mark.parametrize("system", [False, True])
def test_systemd_understands_every_line(tmp_path: Path, system: bool) -> None:
    place = written(tmp_path, system)
    analyze(*([] if system else ["--user"]), "verify", UNIT, folder=place.units)


@pytest.mark.parametrize(("system", "most"), [(False, 5.0), (True, 2.0)])
def test_a_service_has_few_privileges(tmp_path: Path, system: bool, most: float) -> None:
    """On systemd's own scale from 0 (none) to 10; it doesn't count that a user's service has no capabilities."""
    place = written(tmp_path, system)
    path = str(place.root / "current" / UNIT)
    found = analyze(*([] if system else ["--user"]), "security", "--offline=true", path, folder=place.units)
    exposure = re.search(r"exposure level for \S+: ([\d.]+)", found)
    assert exposure and float(exposure[1]) <= most, found


def test_a_path_or_a_title_can_not_add_a_line(tmp_path: Path) -> None:
    place = Places("camera", True, tmp_path, tmp_path, tmp_path, "multi-user.target")
    evil = "x\nExecStart=/bin/evil"
    text = unit.text(place, unit.Service(evil, evil, evil, (), (), ()))
    assert not [line for line in text.splitlines() if line.startswith("ExecStart=/bin/evil")]


def test_groups_and_devices_are_those_of_what_is_used(models: tuple[str, str]) -> None:
    plain = version(DemoOptions(models[0]))
    assert plain.groups == ("video",) and "char-gpiochip" not in plain.devices
    pins = version(DemoOptions(models[0], sinks=("gpio:17",), delegate="edgetpu"))
    assert pins.groups == ("video", "plugdev", "apex", "gpio")
    assert {"char-gpiochip", "char-usb_device"} <= set(pins.devices)


def test_a_service_of_the_system(board: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files may be read by the user that systemd makes for it, its secrets by systemd alone."""
    monkeypatch.setattr(packages, "_SHUT", ("/nowhere/",))  # the tests' Python may lie in a home folder
    place = Places(
        "camera", True, board / "var", board / ".config/systemd/user", board / ".cache/edgecnn-camera", "x.target"
    )
    service = "import os, socket, time\nsocket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'READY=1\\nSTATUS=' +"
    service += " open(os.environ['CREDENTIALS_DIRECTORY'] + '/0-token').read().encode(),"
    service += " os.environ['NOTIFY_SOCKET'].replace('@', chr(0)))\n"
    texts = {"app.pyz": f"{service}time.sleep(99)", "credentials/0-token": "s3cret"}
    files = {
        name: {"data": base64.b64encode(text.encode()).decode(), "secret": "token" in name}
        for name, text in texts.items()
    }
    request = {"files": files, "title": "t", "model": "m", "groups": ["video", "no such group"], "devices": []}
    state = Deployment(place).install(request)
    assert (state["state"], state["detail"]) == ("active", "s3cret")
    current = place.root / "current"
    modes = {name: stat.S_IMODE((current / name).stat().st_mode) for name in ("app.pyz", "credentials/0-token")}
    assert modes == {"app.pyz": 0o644, "credentials/0-token": 0o600}
    text = (current / UNIT).read_text()
    assert "DynamicUser=yes\n" in text and "SupplementaryGroups=video\n" in text and "s3cret" not in text
    assert not any("linger" in call for call in systemd_double.calls(board))


def test_packages_below_a_home_folder_are_copied_for_a_service_of_the_system(tmp_path, monkeypatch) -> None:
    site, root = tmp_path / "home/site-packages", tmp_path / "root"
    (site / "numpy").mkdir(parents=True)
    (site / "numpy/__init__.py").write_text("")
    (site / "numpy/__init__.py").chmod(0o600)
    monkeypatch.setattr(packages, "_SHUT", (f"{tmp_path}/home/",))
    monkeypatch.setattr("sys.path", ["/usr/lib/python3", str(site)])
    python, copy = packages.of_service(Places("camera", True, tmp_path, tmp_path, tmp_path, "x.target"))
    assert Path(python).is_absolute() and copy is not None
    assert stat.S_IMODE((copy / "numpy/__init__.py").stat().st_mode) == 0o644
    assert packages.of_service(Places("camera", True, tmp_path, tmp_path, tmp_path, "x.target"))[1] == copy
    packages.prune(tmp_path / "camera", {str(copy)})
    assert copy.is_dir()
    packages.prune(tmp_path / "camera", set())
    assert not copy.exists() and not root.exists()
    monkeypatch.setattr(packages, "_SHUT", ("/",))
    with pytest.raises(DeviceError, match="lies in a home folder"):
        packages.of_service(Places("camera", True, tmp_path, tmp_path, tmp_path, "x.target"))


def test_names_of_deployments() -> None:
    assert places("door-2", True).unit == "edgecnn-door-2.service"
    for name in ("", "../x", "Door", "a b", "-x", "x" * 33):
        with pytest.raises(ValueError, match="no name"):
            places(name, False)
