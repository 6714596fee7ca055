"""The Python of an environment that holds MediaPipe, which brings another OpenCV."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from requirements import unavailable

VERSION = "1.2.2"


def found_python() -> Path:
    """Of the environment, which is made where there is none; skips the test where that is not possible."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = cache / "edgecnn" / f"mediapipe-{VERSION}-py{sys.version_info.major}{sys.version_info.minor}"
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", f"mediapipe=={VERSION}"]
        if subprocess.run(install, capture_output=True, check=False).returncode:
            unavailable(f"mediapipe {VERSION} can't be installed")
        (folder / "ready").touch()
    if subprocess.run([str(python), "-c", "import mediapipe"], capture_output=True, check=False).returncode:
        unavailable("mediapipe lacks system libraries (on Debian: libgl1 libegl1 libgles2)")
    return python
