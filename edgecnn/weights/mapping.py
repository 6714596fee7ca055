"""How a PyTorch library names the weights of a family of models, and how its arrays become Keras's.

A file of `edgecnn/weights/mappings/` is a table of names: our layers' on the left, the library's modules on the right.
Everything else follows from the kind of the layer: which tensors it has and how their axes are turned.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from edgecnn.core.compat import keras_graph

Array = np.ndarray[Any, Any]


class Share(NamedTuple):
    """One of several equal parts of a tensor, along its first axis: queries, keys and values are often one tensor."""

    name: str
    place: int
    of: int = 3


Parts = Mapping[str, "str | Share"]


@dataclass(frozen=True)
class Names:
    """A library's names of one family's modules.

    A name is that of a module, to which the tensor's is added (`conv1` has `conv1.weight`); `{}` stands for the
    tensor's where it is not the last part (`attention.in_proj_{}`). Layers that are one tensor have its full name.

    Attributes:
        ends: layer of ours that is no part of a block -> the library's name.
        block: regular expression of the names of the library's blocks, which are ours in their natural order.
        parts: for each kind of block: rest of our layer's name -> rest of the library's. The first kind that has all
            parts of our block, in names that the file has, applies. An empty rest is the block itself.
        ours: regular expression of our blocks' names.
        ignored: regular expression of keys that no layer of ours takes, such as auxiliary heads.
    """

    ends: Mapping[str, str]
    block: str
    parts: tuple[Parts, ...]
    ours: str = r"block\d+"
    ignored: str = ""

    def known(self, keys: Iterable[str]) -> float:
        """The share of a file's keys that this table knows by their beginnings, to choose among tables."""
        ends = tuple(name for name in self.ends.values() if name)
        pattern = re.compile(rf"(?:{self.block})\.")
        hits = [key.startswith(ends) or bool(pattern.match(key)) for key in keys]
        return sum(hits) / max(len(hits), 1)

    def modules(self, layers: Iterable[str], keys: Iterable[str]) -> dict[str, str | Share | None]:
        """Our layer -> the library's module; None where the library has no such block or part.

        Args:
            layers: names of our layers with weights, from input to output.
            keys: names of the library's tensors.
        """
        layers, keys = list(layers), list(keys)
        parts: dict[str, list[str]] = {}
        for layer in layers:
            if layer not in self.ends and (found := re.match(self.ours, layer)):
                parts.setdefault(found.group(), []).append(layer)
        matches = (re.match(rf"({self.block})\.", key) for key in keys)
        theirs = sorted({found.group(1) for found in matches if found}, key=_natural)
        modules: dict[str, str | Share | None] = {layer: self.ends.get(layer) for layer in layers}
        for (block, members), other in zip(parts.items(), theirs):
            rests = {layer: layer.removeprefix(block).lstrip("_") for layer in members}
            kinds: list[dict[str, str | Share | None]] = [
                {layer: _joined(other, kind[rest]) for layer, rest in rests.items()}
                for kind in self.parts
                if set(rests.values()) <= set(kind)
            ]
            if kinds:
                best = max(range(len(kinds)), key=lambda number: _share_of(kinds[number].values(), keys))
                modules |= kinds[best]
        return modules


class WeightMapping(Protocol):
    """A file of `edgecnn/weights/mappings/`."""

    @property
    def FAMILIES(self) -> tuple[str, ...]:  # noqa: N802
        """The families of models, files of `edgecnn/models/families/`, that it has names for."""

    @property
    def LIBRARIES(self) -> tuple[str, ...]:  # noqa: N802
        """The libraries that name them so: "timm", "torchvision"."""

    @property
    def NAMES(self) -> Names:  # noqa: N802
        """The names."""


def conv_bn(ours: str, conv: str, norm: str) -> dict[str, str]:
    """The two entries of a convolution and its batch norm."""
    return {f"{ours}_conv": conv, f"{ours}_bn": norm}


def _joined(block: str, rest: str | Share) -> str | Share:
    if isinstance(rest, Share):
        return rest._replace(name=f"{block}.{rest.name}")
    return f"{block}.{rest}" if rest else block


def _share_of(modules: Iterable[str | Share | None], keys: list[str]) -> float:
    """The share of modules that a file has tensors of."""
    names = [module.name if isinstance(module, Share) else str(module) for module in modules]
    beginnings = [name.partition("{")[0] for name in names]
    return sum(any(key.startswith(name) for key in keys) for name in beginnings) / max(len(names), 1)


def _natural(name: str) -> list[tuple[int, str]]:
    """Sorts numbers as numbers: block 10 after block 9."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", name)]


_TENSORS = {
    "BatchNormalization": ("weight", "bias", "running_mean", "running_var"),
    "StarReLU": ("scale", "bias"),
    "LayerScale": ("",),
    "ClassToken": ("",),
    "PositionEmbedding": ("",),
}


def tensors(layer: Any, module: str | Share) -> list[str]:
    """The full names of the tensors of one of our layers, in the order of its weights."""
    name = module.name if isinstance(module, Share) else module
    kinds = _TENSORS.get(type(layer).__name__, ("weight", "bias"))[: len(layer.weights)]
    return [name.format(kind) if "{}" in name else f"{name}.{kind}".rstrip(".") for kind in kinds]


def converted(layer: Any, module: str | Share, array: Array) -> Array:
    """A library's tensor as the layer has it, float32: (height, width, in, out), depthwise (height, width, out, 1)."""
    array = np.asarray(array, np.float32)
    if isinstance(module, Share):
        array = np.split(array, module.of)[module.place] if len(array) % module.of == 0 else array
    kind = type(layer).__name__
    if kind in ("LayerScale", "ClassToken", "PositionEmbedding") or array.ndim not in (2, 4):
        return array
    if kind == "Dense":
        return _dense(layer, array)
    if array.ndim == 2:
        return array.T
    return array.transpose((2, 3, 0, 1) if kind == "DepthwiseConv2D" else (2, 3, 1, 0))


def _dense(layer: Any, array: Array) -> Array:
    """A dense kernel, (in, out); what it flattens, PyTorch has as (channels, height, width)."""
    shape = flattened(layer)
    if array.ndim == 2 and shape and array.shape[1] == np.prod(shape):
        array = array.reshape(len(array), shape[2], *shape[:2])
    return array.T if array.ndim == 2 else array.transpose(2, 3, 1, 0).reshape(-1, len(array))


def flattened(layer: Any) -> tuple[int, int, int] | None:
    """(height, width, channels) of the map that is flattened to a dense layer's input; None if there is none."""
    producer = keras_graph.maker(layer.input)
    while type(producer).__name__ == "Dropout":
        producer = keras_graph.maker(producer.input)
    if type(producer).__name__ != "Flatten" or len(producer.input_shape) != 4:
        return None
    _, height, width, channels = producer.input_shape
    return height, width, channels
