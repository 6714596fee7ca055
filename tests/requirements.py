"""What tests do when something outside the project is missing."""

from __future__ import annotations

import os

import pytest


def unavailable(reason: str) -> None:
    """Skip for want of something that is not part of the project; where everything is required, fail instead."""
    if os.environ.get("EDGECNN_REQUIRE_ALL"):
        pytest.fail(f"required here, but {reason}")
    pytest.skip(reason)
