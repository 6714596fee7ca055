"""What `edgecnn visualize` takes."""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.core.errors import UsageError
from edgecnn.core.options import Settings, option

PANELS = ("filters", "features", "levels", "gradcam", "occlusion", "patches", "int8", "translation")
_NEEDS = {"patches": "data", "int8": "against"}


@dataclass(frozen=True)
class Request(Settings):
    """What to draw; without `panels`, all that the other settings allow."""

    panels: tuple[str, ...] = option(
        "Draw only these panels.",
        (),
        key="only",
        choices=PANELS,
        metavar="NAME[,NAME...]",
        default_help="all",
    )
    layers: tuple[str, ...] = option(
        "Draw the feature maps of this layer; repeatable.",
        (), key="layer", repeated=True, metavar="NAME", default_help="the last layer of every map size",
    )  # fmt: skip
    classes: tuple[str, ...] = option(
        "Explain this class, given by name or number; repeatable.",
        (), key="class", repeated=True, metavar="CLASS", default_help="the two most probable",
    )  # fmt: skip
    against: str | None = option("Float model to compare a quantized MODEL with.", metavar="FLOAT")
    data: str | None = option("Images to search for patches that activate a channel most.", metavar="DATA")
    samples: int = option("Number of these images.", 200, low=1, metavar="N")
    shift: int = option("Largest shift of the image.", 16, low=1, high=64, unit="pixels", metavar="N")
    trust: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        lacking = {panel: name for panel, name in _NEEDS.items() if not getattr(self, name)}
        if not self.panels:
            object.__setattr__(self, "panels", tuple(panel for panel in PANELS if panel not in lacking))
        for panel in self.panels:
            if panel in lacking:
                raise UsageError(f"--only {panel} needs the option --{lacking[panel]}. Add it.")
