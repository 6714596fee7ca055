"""Where edgecnn 0.1 had `edgecnn.runtime.model.contract`: programs that were written for it import from here."""

from __future__ import annotations

from .model.contract import Contract, Preprocessing

__all__ = ["Contract", "Preprocessing"]
