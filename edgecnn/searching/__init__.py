"""The most accurate model that meets a constraint on a board: candidates, estimates, trials, finalists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.lazy import exports

if TYPE_CHECKING:
    from edgecnn.searching.pipeline import search
    from edgecnn.searching.record import SearchResult

__all__ = ["SearchResult", "search"]
__getattr__ = exports(__name__, pipeline="search", record="SearchResult")
