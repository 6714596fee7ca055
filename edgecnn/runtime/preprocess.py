"""Where edgecnn 0.1 had `runtime.run.preprocess` and `runtime.run.decode`: programs written for it import from here."""

from __future__ import annotations

from .run.decode import decode
from .run.preprocess import apply_table, fit, input_table

__all__ = ["apply_table", "decode", "fit", "input_table"]
