"""What tests do when something outside the project is missing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from chromium import PROGRAM

# Real images and models by others, which nothing here fetches: they stay optional where everything else is required.
SHARED = Path(os.environ.get("EDGECNN_SHARED", "/nowhere")) / "data"
CORAL = SHARED / "coral"
WITHOUT_SHARED = "needs real images and models by others: set EDGECNN_SHARED to their folder"
needs_shared = pytest.mark.skipif(not CORAL.is_dir(), reason=WITHOUT_SHARED)


# Where everything is required, its tests run, and fail without it.
needs_chromium = pytest.mark.skipif(
    PROGRAM is None and not os.environ.get("EDGECNN_REQUIRE_ALL"),
    reason="needs Chromium (Debian: apt install chromium)",
)


def unavailable(reason: str) -> None:
    """Skip for want of something that is not part of the project; where everything is required, fail instead."""
    if os.environ.get("EDGECNN_REQUIRE_ALL"):
        pytest.fail(f"required here, but {reason}")
    pytest.skip(reason)


def stand_in_pi() -> None:
    """Make the emulated Pi's userland; where the tests must run (also by EDGECNN_REQUIRE_FAKE_PI=1), fail without."""
    import fake_pi

    try:
        fake_pi.prepare()
    except fake_pi.CantMakeError as error:
        if os.environ.get("EDGECNN_REQUIRE_FAKE_PI"):
            raise
        unavailable(f"there is no stand-in Pi: {error}")


def litertjs_folder() -> Path:
    """The folder of LiteRT.js, which npm fetches once and the cache keeps."""
    from edgecnn.core.cache import cache_folder
    from edgecnn.core.errors import MissingExtraError
    from edgecnn.web import litertjs

    try:
        litertjs.files(threads=True)
    except MissingExtraError as error:
        unavailable(str(error))
    return Path(os.environ.get(litertjs.FOLDER_VARIABLE) or cache_folder() / f"litertjs-{litertjs.VERSION}")


NOTHING_SHARED = [pytest.param(None, marks=pytest.mark.skip(reason=WITHOUT_SHARED), id="not shared")]
"""In place of a list of cases that is empty for that reason."""
