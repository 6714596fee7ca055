"""Pretrained weights: of a source that publishes them, or of a file that was saved before."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from edgecnn.core.errors import UsageError, WeightsError
from edgecnn.core.registry import WEIGHT_SOURCES
from edgecnn.models.spec import ModelSpec
from edgecnn.weights import hub, published, safetensors, state_dict


class WeightSource(Protocol):
    """A file of `edgecnn/weights/sources/`; a variant names those that have its ImageNet weights."""

    def available(self, name: str) -> str:
        """Whether a variant's weights are here ("yes"), can be fetched by `load` ("download"), or neither ("no")."""

    def widths(self, name: str) -> tuple[float, ...]:
        """Width multipliers that a variant has weights for."""

    def load(
        self, model: Any, spec: ModelSpec, name: str, *, width: float = ..., new_head: bool = ...
    ) -> dict[str, str]:
        """Put them into a model; where they came from, for the contract.

        Raises:
            WeightsError: they are not at hand, or don't fit.
        """


def available(spec: ModelSpec, name: str) -> str:
    """Whether a variant's ImageNet weights are at hand: "yes", "download" or "no". Imports no TensorFlow."""
    answers = [WEIGHT_SOURCES.plugin(source, WeightSource).available(name) for source in spec.weights]
    return next((answer for answer in ("yes", "download") if answer in answers), "no")


def widths(spec: ModelSpec, name: str) -> tuple[float, ...]:
    """Width multipliers that a variant has ImageNet weights for, from the sources that are at hand; ascending."""
    sources = [WEIGHT_SOURCES.plugin(source, WeightSource) for source in spec.weights]
    return tuple(sorted({width for each in sources if each.available(name) != "no" for width in each.widths(name)}))


def check(spec: ModelSpec, name: str, weights: str) -> None:
    """Refuse what can't be had, before a model is built in vain.

    Raises:
        UsageError: nobody publishes ImageNet weights of this variant in a form that can be read here.
        WeightsError: there is no such file of weights.
    """
    if weights == "imagenet" and not spec.weights:
        raise UsageError(
            f"There are no ImageNet weights of {name}, neither installed nor to download. Use --weights none, "
            f"--weights {_from_timm(name)}FILE, or a model that `edgecnn models` shows with weights."
        )
    if weights not in ("none", "imagenet") and not hub.is_remote(weights):
        from edgecnn.weights import file

        file.check(weights)


def _from_timm(name: str) -> str:
    """For a message: what timm has of a variant, and "or"."""
    on_hub = [str(row) for row in published.of_variant(name) if row.hub and row.width == 1.0]
    return f"{on_hub[0]}, --weights " if on_hub else ""


def is_foreign(weights: str) -> bool:
    """Whether weights are PyTorch's: a file of one of its formats, or something to download from the hub."""
    return hub.is_remote(weights) or weights.endswith(state_dict.SUFFIXES)


def own_files(weights: str) -> list[Path]:
    """The files of a person's own that a value of `--weights` stands for: also those beside it that it depends on."""
    if weights in ("none", "imagenet") or hub.is_remote(weights):
        return []
    path = Path(weights)
    beside = [path.with_name(hub.CONFIG)] if is_foreign(weights) else []
    if path.name.endswith(".index.json") and path.is_file():
        beside += sorted(set(safetensors.shards(path).values()))
    return [path, *(file for file in beside if file.is_file())]


def load(
    model: Any, spec: ModelSpec, name: str, weights: str, *, width: float = 1.0, new_head: bool = False
) -> dict[str, str]:
    """Put weights into a model that was just built.

    Args:
        model: the Keras model.
        spec: its row of the table of variants.
        name: its name in that table.
        weights: "imagenet", or the path of a file that was saved before.
        width: its width multiplier.
        new_head: leave the layer of the logits as it is where the file's has another class count.

    Returns:
        Where the weights came from: source, file, sha256 as far as they apply.

    Raises:
        UsageError: as `check`.
        WeightsError: the weights are not at hand, or don't fit.
    """
    check(spec, name, weights)
    if weights != "imagenet":
        from edgecnn.weights import file

        return file.load(model, weights, new_head=new_head)
    return _first(model, spec, name, width=width, new_head=new_head)


def _first(model: Any, spec: ModelSpec, name: str, **options: Any) -> dict[str, str]:
    """The first source that has the weights; if none has, the first one's reason."""
    errors = []
    for source in spec.weights:
        try:
            found: dict[str, str] = WEIGHT_SOURCES.plugin(source, WeightSource).load(model, spec, name, **options)
            return found
        except WeightsError as error:
            errors.append(error)
    raise errors[0]
