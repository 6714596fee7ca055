"""`edgecnn.runtime` as one file that any Python can run."""

from __future__ import annotations

import functools
import hashlib
import io
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from edgecnn import runtime

PACKAGE = "edgecnn_runtime"
_DATE = (1980, 1, 1, 0, 0, 0)
# Even Python 2 can read this; what it imports needs 3.9.
_MAIN = f"""\
import sys
if sys.version_info < (3, 9):
    sys.stdout.write('{{"error": {{"kind": "DeviceError", "message": "The board has Python %d.%d; edgecnn needs 3.9 or '
                     'newer. Upgrade its system."}}}}\\n' % tuple(sys.version_info[:2]))
    sys.exit(1)
from {PACKAGE}.__main__ import main
sys.exit(main())
"""


@functools.cache
def build() -> bytes:
    """The runtime's archive."""
    root = Path(runtime.__file__).parent
    return pack(_MAIN, below(root, root.rglob("*.py"), PACKAGE))


def below(root: Path, files: Iterable[Path], package: str) -> dict[str, Path]:
    """Files under `root` by their names in an archive, as parts of a package."""
    return {f"{package}/{path.relative_to(root).as_posix()}": path for path in files}


def pack(main: str, files: Mapping[str, Path]) -> bytes:
    """A zipapp of files by their names in it; the same sources give the same bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(zipfile.ZipInfo("__main__.py", _DATE), main)
        for name, path in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())
    return stream.getvalue()


@functools.cache
def digest() -> str:
    """SHA-256 of the runtime's archive."""
    return hashlib.sha256(build()).hexdigest()
