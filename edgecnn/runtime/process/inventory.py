"""What a board has and lacks, for `edgecnn devices check`. Standard library only: it answers on a bare board."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from .. import home
from ..delegates import coral, libedgetpu
from ..measure import system
from ..portable import processes
from . import isolation

# Video nodes of a Pi that are no cameras: its codecs and image processors.
_NO_CAMERAS = ("codec", "isp", "hevc", "rpivid", "pispbe", "decoder", "encoder")
_LOADING_S = 30.0
OPENCV = ("opencv-python-headless", "opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless")


def take() -> dict[str, Any]:
    """Everything, as JSON values."""
    return {
        "system": system.describe(),
        "conditions": system.conditions(),
        "virtual_environment": sys.prefix if sys.prefix != sys.base_prefix else None,
        "has_pip": importlib.util.find_spec("ensurepip") is not None,
        "numpy": _version("numpy"),
        "opencv": next(filter(None, map(_version, OPENCV)), None) or _unnamed("cv2"),
        "free_disk_bytes": shutil.disk_usage(home.folder()).free,
        "cameras": cameras(),
        "edgetpus": [{**device.to_dict(), "warning": device.warning} for device in coral.find()],
        "libedgetpu": _libedgetpu(),
    }


def cameras(root: Path = Path("/")) -> list[dict[str, str]]:
    """Cameras that Video4Linux knows: node and name."""
    found: dict[str, str] = {}
    folders = (root / "sys/class/video4linux").glob("video*")
    for folder in sorted(folders, key=lambda path: (len(path.name), path.name)):  # video9 before video10
        try:
            name = (folder / "name").read_text(errors="replace").strip()
        except OSError:
            continue
        if not any(word in name.lower() for word in _NO_CAMERAS):
            found.setdefault(name, f"/dev/{folder.name}")  # one camera may have several nodes; the first gives images
    return [{"node": node, "name": name} for name, node in found.items()]


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _unnamed(module: str) -> str | None:
    """A module that came without a package's name, as Debian's python3-opencv does."""
    return "of the system" if importlib.util.find_spec(module) else None


def _libedgetpu() -> dict[str, Any] | None:
    """Loaded in a child: a library that was built for another system may end the process."""
    try:
        answer, status = isolation.called(libedgetpu.look, (), _LOADING_S, None)
    except isolation.OutOfTimeError:
        return libedgetpu.Library("", libedgetpu.package(), f"no answer in {_LOADING_S} s").to_dict()
    if not answer:
        return libedgetpu.Library("", libedgetpu.package(), processes.why(status)).to_dict()
    kind, value = json.loads(answer)
    return value if kind == "result" else None
