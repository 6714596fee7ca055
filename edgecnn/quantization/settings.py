"""What `edgecnn quantize` takes: the scheme, its calibration, and the level of improvement."""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.core.hints import Hints
from edgecnn.core.options import Key, SettingError, Settings, option, part
from edgecnn.core.registry import SCHEMES
from edgecnn.data import DataSet, open_data

LEVELS = ("none", "fast", "best")
SAMPLES = {"none": 100, "fast": 100, "best": 256}
"""How many calibration images a level takes, unless the user says how many."""


@dataclass(frozen=True)
class Calibration(Settings):
    """The calibration images, and the level of `edgecnn.quantization.levels`."""

    data: str = option(
        "Calibration images; in a recipe with [train], its training images are the default.",
        "photos",
        key="calibration",
        also=("calib", "representative-data", "representative-dataset"),
        metavar="DATA",
    )
    samples: int | None = option(
        "Number of calibration images.",
        low=1,
        metavar="N",
        default_help="100; 256 for improve = best and for an accuracy bound",
    )
    seed: int = option("Seed for choosing the calibration images.", 0, low=0, high=2**32 - 1, metavar="N")
    improve: str | None = option(
        "Level of improvement of weight rounding, activation ranges and biases.",
        choices=LEVELS,
        default_help="the default of the scheme, which is fast for int8",
    )

    def pictures(self, level: str) -> DataSet:
        """Those that a level of improvement is given."""
        return open_data(self.data).part("train").sample(self.samples or SAMPLES[level], self.seed)


@dataclass(frozen=True)
class QuantizeSettings(Settings):
    """How a model becomes an artifact."""

    scheme: str = option(
        "Quantization scheme.",
        choices=SCHEMES.names, takes_argument=True, metavar="SCHEME", default_help="int8",
        also=("dtype", "format", "precision", "type"),
    )  # fmt: skip
    calibration: Calibration = part(Calibration)
    io: str | None = option(
        "Type of the input and output tensors.",
        choices=("uint8", "int8", "int16", "float32"),
        default_help="uint8 for int8 schemes, float32 for int8_mixed:SHARE% and all others",
    )  # fmt: skip
    raw: bool = option(
        "Leave non-maximum suppression out of a detector: its outputs are corrections of anchors, and scores.", False
    )
    keep_float: tuple[str, ...] = option(
        "Keep these layers and their consumers in float; only for the scheme int8_mixed, which then becomes "
        "the default.",
        (), metavar="LAYER,...", default_help="chosen automatically",
    )  # fmt: skip

    probabilities: bool = option(
        "Give probabilities instead of logits, by a softmax or sigmoid in the graph, for programs that expect them. In "
        "8 bits, classes closer than 1/256 become equal; the first one then counts as the best.",
        False,
    )
    hints: Hints = part(Hints)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "scheme", self.scheme or ("int8_mixed" if self.keep_float else "int8"))
        if self.keep_float and self.scheme != "int8_mixed":
            raise SettingError(Key("keep_float"), " needs ", Key("scheme"), f" int8_mixed; received {self.scheme}.")
        types = SCHEMES.load(self.scheme).IO if self.io is not None else ()
        if self.io not in (None, *types):
            raise SettingError(
                Key("io"),
                f" is {self.io!r}; expected one of the types of the scheme {self.scheme}: {', '.join(types)}.",
            )

    @property
    def plugin(self) -> str:
        """The scheme by its full name, with the layers that stay in float."""
        return f"{self.scheme}:{','.join(self.keep_float)}" if self.keep_float else self.scheme
