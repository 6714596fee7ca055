"""LiteRT.js, Google's TFLite runtime for browsers: its files, from the user's npm or from a folder that has them."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

from edgecnn.core.cache import cached
from edgecnn.core.errors import MissingExtraError, UsageError

VERSION = "2.5.3"
CORE, UTILS = "@litertjs/core", "@litertjs/wasm-utils"
FOLDER_VARIABLE = "EDGECNN_LITERTJS"
"""Names a folder that has LiteRT.js already."""
_SCRIPTS = {"runtime/core.js": f"{CORE}/dist/index.js", "runtime/wasm-utils.js": f"{UTILS}/dist/index.js"}
_ONE_THREAD = ("litert_wasm_internal", "litert_wasm_compat_internal")  # with relaxed SIMD, and for browsers without it
_THREADS = "litert_wasm_threaded_internal"
IMPORT_MAP = json.dumps({"imports": {CORE: "./runtime/core.js", UTILS: "./runtime/wasm-utils.js"}}, sort_keys=True)
"""What a page's `<script type="importmap">` holds, so that LiteRT.js finds its parts."""
_MOST_BYTES = 64 << 20
_KEPT_BYTES = 64 << 20
_SECONDS = 300
_BY_HAND = (
    f"where there is a connection, run `npm install {CORE}@{VERSION}`, and name that folder in the environment "
    f"variable {FOLDER_VARIABLE}, or to `edgecnn export` by --runtime FOLDER."
)


def files(folder: Path | None = None, threads: bool = False) -> tuple[dict[str, bytes], str]:
    """The runtime's files by their names on a page, and its version.

    Args:
        folder: one in which `npm install @litertjs/core` was run, or its `node_modules`; None takes the folder that
            `FOLDER_VARIABLE` names, or asks npm once and keeps the answer.
        threads: also the build that uses several threads.

    Raises:
        UsageError: the folder has no LiteRT.js.
        MissingExtraError: npm isn't there, or can't fetch it.
        DataError: the cache folder can't be written, or the disk is full.
    """
    named = folder or os.environ.get(FOLDER_VARIABLE)
    if named:
        found = _read(Path(named), threads)
        if found is None:
            raise UsageError(
                f"{named} holds no {CORE}. Expected a folder in which `npm install {CORE}@{VERSION}` was run."
            )
        return found
    return cached(
        f"litertjs-{VERSION}", _KEPT_BYTES, lambda kept: _complete(kept, threads), lambda new: install(str(new))
    )


def content_policy(*more: str) -> str:
    """A page's Content-Security-Policy: its own files only, WebAssembly, and the import map by its digest.

    Args:
        more: other directives.
    """
    digest = base64.b64encode(hashlib.sha256(IMPORT_MAP.encode()).digest()).decode()
    own = (
        f"default-src 'none'; script-src 'self' 'wasm-unsafe-eval' 'sha256-{digest}'; style-src 'self'; img-src 'self' "
        "blob:; media-src 'self' blob:; connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; "
        "form-action 'none'"
    )
    return "; ".join((own, *more))


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


def _complete(folder: Path, threads: bool) -> tuple[dict[str, bytes], str]:
    """What `_read` finds; what is not there is none of the cache's."""
    found = _read(folder, threads)
    if found is None:
        raise FileNotFoundError(folder)
    return found


def _read(folder: Path, threads: bool) -> tuple[dict[str, bytes], str] | None:
    builds = (*_ONE_THREAD, _THREADS) if threads else _ONE_THREAD
    names = {f"runtime/wasm/{build}.{end}": f"{CORE}/wasm/{build}.{end}" for build in builds for end in ("js", "wasm")}
    for modules in (folder / "node_modules", folder):
        try:
            version = json.loads((modules / CORE / "package.json").read_text(encoding="utf-8"))["version"]
            found = {name: (modules / source).read_bytes() for name, source in {**_SCRIPTS, **names}.items()}
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if sum(map(len, found.values())) < _MOST_BYTES:
            return found, str(version)
    return None
