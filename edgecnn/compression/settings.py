"""What every method of compression takes: how it is chosen, and how the model is fine-tuned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgecnn.core.hints import Hints
from edgecnn.core.options import REQUIRED, Settings, changes, option, part, plugin_options
from edgecnn.core.registry import COMPRESSION
from edgecnn.data.settings import SplitSettings
from edgecnn.training.settings import FitSettings

_QAT = "Quantization-aware training is `edgecnn train --qat`; in a recipe it is the section [qat]."


def _pruning() -> list[str]:
    return [name for name in COMPRESSION.names() if name != "qat"]


@dataclass(frozen=True)
class Tuning(SplitSettings):
    """Data and fine-tuning of a compressed model.

    `overrides` are fields of `FitSettings` that replace the method's own. The learning rate is that of all layers, as
    none of them is new, unless `backbone_learning_rate` is given too.
    """

    overrides: Mapping[str, Any] = changes(FitSettings, default_help="the method's")
    distill: bool = option("Distill from the original model.", True)
    hints: Hints = part(Hints)

    def settings(self, defaults: FitSettings) -> FitSettings:
        """A method's defaults with these changes."""
        rate = self.overrides.get("learning_rate")
        return defaults.replace(**{"backbone_learning_rate": rate, **self.overrides})


@dataclass(frozen=True)
class Pruning(Settings):
    """A method and its own options."""

    method: str = option(
        "Method: channels removes whole channels, magnitude sets weights to zero, clusters makes weights share "
        "values, swap replaces swish.",
        REQUIRED, choices=_pruning, metavar="METHOD", instead={"qat": _QAT},
    )  # fmt: skip
    options: Any = plugin_options(COMPRESSION, chosen_by="method")
