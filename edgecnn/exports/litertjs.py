"""LiteRT.js, Google's TFLite runtime for browsers: its files, from the user's npm or from a folder that has them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from edgecnn.core import temporary
from edgecnn.core.errors import MissingExtraError, UsageError

VERSION = "2.5.3"
CORE, UTILS = "@litertjs/core", "@litertjs/wasm-utils"
_FILES = {
    "runtime/core.js": f"{CORE}/dist/index.js",
    "runtime/wasm-utils.js": f"{UTILS}/dist/index.js",
    **{
        f"runtime/wasm/{name}": f"{CORE}/wasm/{name}"
        for build in ("litert_wasm_internal", "litert_wasm_compat_internal")
        for name in (f"{build}.js", f"{build}.wasm")
    },
}
"""Name in the export -> name below `node_modules`: one thread, with relaxed SIMD and for browsers without it."""
IMPORTS = {CORE: "./runtime/core.js", UTILS: "./runtime/wasm-utils.js"}
_MOST_BYTES = 64 << 20
_SECONDS = 300
_BY_HAND = f"where there is a connection, run `npm install {CORE}@{VERSION}`, and give that folder: --runtime FOLDER."


def files(folder: Path | None) -> tuple[dict[str, bytes], str]:
    """The runtime's files by their names in the export, and its version.

    Args:
        folder: one in which `npm install @litertjs/core` was run, or its `node_modules`; None asks npm.

    Raises:
        UsageError: the folder has no LiteRT.js.
        MissingExtraError: npm isn't there, or can't fetch it.
    """
    if folder is not None:
        return _read(folder)
    with temporary.folder() as place:
        install(place)
        return _read(Path(place))


def install(place: str) -> None:
    """Let npm install LiteRT.js into a folder; no script of a package is run.

    Raises:
        MissingExtraError: npm isn't there, or can't fetch it.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise MissingExtraError(
            f"npm, which fetches LiteRT.js, isn't installed (Debian: apt install npm). Or, {_BY_HAND}"
        )
    command = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--prefix", place]
    try:
        done = subprocess.run(
            [*command, f"{CORE}@{VERSION}", f"{UTILS}@{VERSION}"],
            cwd=place, capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MissingExtraError(f"npm can't fetch LiteRT.js: {error}. Try again, or, {_BY_HAND}") from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "code" in line or "rror" in line]
        reason = " ".join((lines or ["no reason given"])[0].split())[:160]
        raise MissingExtraError(f"npm can't fetch LiteRT.js: {reason}. Try again, or, {_BY_HAND}")


def _read(folder: Path) -> tuple[dict[str, bytes], str]:
    for modules in (folder / "node_modules", folder):
        try:
            version = json.loads((modules / CORE / "package.json").read_text(encoding="utf-8"))["version"]
            found = {name: (modules / source).read_bytes() for name, source in _FILES.items()}
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if sum(map(len, found.values())) < _MOST_BYTES:
            return found, str(version)
    raise UsageError(f"{folder} holds no {CORE}. Expected a folder in which `npm install {CORE}@{VERSION}` was run.")
