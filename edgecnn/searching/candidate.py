"""One point of the space: what a recipe needs to know to make a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from edgecnn.models.settings import BuildSettings
from edgecnn.recipe.search_settings import SCHEMES
from edgecnn.runtime.model.validation import Range, Record

Factor = Annotated[float, Range(0.01, 4.0)]


@dataclass(frozen=True)
class Candidate(Record):
    """One model that could be made.

    Attributes:
        architecture: its name.
        width: factor on the channel counts.
        input_size: height and width, in pixels.
        keep: share of the multiply-accumulates that channel pruning keeps; 1 for none.
        scheme: of quantization.
        weights: that it starts from, "imagenet" or "none".
    """

    architecture: str
    width: Factor
    input_size: Annotated[int, Range(1)]
    keep: Factor = 1.0
    scheme: str = "int8"
    weights: str = "imagenet"

    @property
    def key(self) -> str:
        """For file names; no other candidate of a search has it."""
        return f"{self.network_key}-{self.scheme}"

    @property
    def network_key(self) -> str:
        """Of the network before it is quantized, which candidates that differ in the scheme share."""
        pruned = "" if self.keep == 1 else f"-k{self.keep:g}"
        return f"{self.architecture}-w{self.width:g}-{self.input_size}{pruned}"

    @property
    def name(self) -> str:
        """For people."""
        pruned = "" if self.keep == 1 else f", {self.keep:g} of its MACs"
        return f"{self.architecture} {self.width:g}, {self.input_size} px{pruned}, {self.scheme}"

    @property
    def number_format(self) -> str:
        """In which it computes."""
        return SCHEMES[self.scheme]

    def build_settings(self, classes: int, seed: int) -> dict[str, Any]:
        """Arguments of `edgecnn.build` that make the untrained model."""
        settings = BuildSettings(self.input_size, width=self.width, classes=classes, weights=self.weights, seed=seed)
        return {name: getattr(settings, name) for name in ("input_size", "width", "classes", "weights", "seed")}
