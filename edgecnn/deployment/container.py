"""`edgecnn deploy --container`: the same service as a container, for those who want one."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

from edgecnn.camera.settings import DemoOptions
from edgecnn.core import folders
from edgecnn.core.files import sha256
from edgecnn.deployment.board.unit import CREDENTIALS
from edgecnn.deployment.version import Version, version

_LIBRARIES = ("ai-edge-litert", "numpy", "opencv-python-headless")
_IMAGE = "docker.io/library/python:3.11-slim-bookworm"
_FILE = """\
# Written by edgecnn deploy --container; README.md says how to build and run it.
FROM {image}
RUN pip install --no-cache-dir {libraries} \\
 && useradd --system --no-create-home edgecnn \\
 && mkdir /cache && chown edgecnn /cache
WORKDIR /app
COPY {files} ./
ENV PYTHONUNBUFFERED=1 OPENBLAS_NUM_THREADS=1 CACHE_DIRECTORY=/cache CREDENTIALS_DIRECTORY=/run/credentials
USER edgecnn
VOLUME /cache
CMD ["python3", "-B", "app.pyz", "serve"]
"""
_README = """\
# {title}

Build it on the board, or on a machine of the board's architecture (`docker` takes the same words):

    podman build -t edgecnn .

Run it, from now on and after failures:

    podman run -d --name edgecnn --restart=always --read-only --tmpfs /tmp \\
      --cap-drop=all --security-opt=no-new-privileges \\
      {devices} --group-add keep-groups \\
      -v edgecnn-cache:/cache{secrets} edgecnn

With `docker`, write `--group-add video` in place of `--group-add keep-groups`. What it writes to its log:
`podman logs -f edgecnn`. If no answers come for a minute, the process ends and is started again.{note}
"""
_SECRETS = """

The files in `credentials/` hold passwords. They are not in the image (`.containerignore`) but mounted when it runs; the
user in the container must be able to read them."""


def write(options: DemoOptions, folder: str | Path) -> list[str]:
    """Write the folder, or replace one that was written like this; returns the names of its files.

    Args:
        options: as of `edgecnn.deployment.version.version`.
        folder: its path.

    Raises:
        UsageError: an option makes no sense for a service, or something else is in the folder's place.
        EdgecnnError: the model or a sink's file can't be read, or the folder can't be written.
    """
    folders.check_ours(folder)
    made = version(options)
    files = {**made.files, "Containerfile": _text(made).encode(), "README.md": _readme(made).encode()}
    files[".containerignore"] = f"{CREDENTIALS}\nREADME.md\n".encode()
    files |= {f"{CREDENTIALS}/{name}": content for name, content in made.secrets.items()}
    mark = {"deploys": made.title, "files": {name: sha256(content) for name, content in files.items()}}
    folders.write(folder, {**files, folders.MARK: json.dumps(mark, indent=2).encode()})
    for name in made.secrets:
        (Path(folder) / CREDENTIALS / name).chmod(0o600)
    return sorted(files)


def _text(made: Version) -> str:
    libraries = " ".join(f"{name}=={metadata.version(name)}" for name in _LIBRARIES)
    return _FILE.format(image=_IMAGE, libraries=libraries, files=" ".join(sorted(made.files)))


def _readme(made: Version) -> str:
    source = made.options.source
    device = f"/dev/video{source}" if source.isdecimal() else source if source.startswith("/dev/") else "/dev/video0"
    secrets = f" \\\n      -v ./{CREDENTIALS}:/run/credentials:ro" if made.secrets else ""
    return _README.format(
        title=made.title, devices=f"--device {device}", secrets=secrets, note=_SECRETS if made.secrets else ""
    )
