"""What `edgecnn export` takes: the target, and its own options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgecnn.core.options import REQUIRED, Settings, option, plugin_options
from edgecnn.core.registry import EXPORTS


@dataclass(frozen=True)
class ExportSettings(Settings):
    """A target and its options."""

    target: str = option("Program or device to export for.", REQUIRED, key="for", choices=EXPORTS.names)
    options: Any = plugin_options(EXPORTS, chosen_by="target")
