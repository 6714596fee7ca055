"""Weights from PyTorch: which published model they belong to, and putting them into ours."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgecnn.core.errors import RecordError, WeightsError
from edgecnn.core.registry import WEIGHT_MAPPINGS
from edgecnn.models import catalog
from edgecnn.models.blocks import HEAD
from edgecnn.models.spec import ModelSpec
from edgecnn.runtime.model.json_text import parse_json
from edgecnn.weights import hub, mapping, published, state_dict
from edgecnn.weights.assign import assign, fitted
from edgecnn.weights.mapping import Names, WeightMapping
from edgecnn.weights.published import Published
from edgecnn.weights.torch_pickle import Arrays

CONFIG = "config.json"
LARGEST_CONFIG_BYTES = 1 << 22
_COUNTERS = ".num_batches_tracked"


@dataclass(frozen=True)
class Foreign:
    """Weights that were read, and what they need of the model.

    Attributes:
        state: tensor name -> array.
        names: the table of names that is used.
        row: what is published of them.
        is_published: whether they are that row's very weights, not only of its architecture.
        origin: where they came from, for the contract.
        source: the same for messages.
    """

    state: Arrays
    names: Names
    row: Published
    is_published: bool
    origin: dict[str, Any]
    source: str

    @property
    def classes(self) -> int | None:
        """How many the head has; None without a head."""
        head = self.state.get(f"{self.names.ends[HEAD]}.weight")
        return None if head is None else len(head)

    @property
    def is_imagenet(self) -> bool:
        """Whether the classes are ImageNet's 1,000, in their usual order."""
        return self.is_published and self.classes == self.row.classes == published.IMAGENET_CLASSES

    def spec(self, spec: ModelSpec) -> ModelSpec:
        """Our row of the variant, as these weights need it."""
        return dataclasses.replace(self.row.spec(spec), license=self.origin["license"])

    def put_into(self, model: Any, *, new_head: bool) -> None:
        """Set all of a model's weights.

        Args:
            model: the Keras model, built as `spec` says.
            new_head: leave the layer of the logits as it is where it has another class count than the weights.

        Raises:
            WeightsError: names what is missing, what is surplus, and what has another shape; nothing was changed.
        """
        skipped = new_head and self.classes != model.output_shape[-1]
        fit = _fit(model, self.names, self.state, skipped)
        if not fit.is_whole:
            raise WeightsError(
                f"{self.source} does not fit {model.name}, which corresponds to {self.row}: {fit}. Choose weights "
                "of the same model, width, input size and (unless --classes is given) class count."
            )
        assign(model, fit.layers, self.source, new_head=new_head)


@dataclass
class Fit:
    """How a file's tensors fit a model."""

    layers: dict[str, list[mapping.Array]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    surplus: list[str] = field(default_factory=list)
    reshaped: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether every tensor has its place, and every place its tensor."""
        return not (self.missing or self.surplus or self.reshaped)

    def __str__(self) -> str:
        kinds = {"missing": self.missing, "surplus": self.surplus, "of another shape": self.reshaped}
        return "; ".join(f"{len(keys)} {kind} ({listed(keys)})" for kind, keys in kinds.items() if keys)


def listed(names: Iterable[str], limit: int = 5) -> str:
    """The first names, and how many more there are."""
    names = [name[:100] for name in names]
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")


def open_weights(weights: str, name: str, width: float, weights_of: str | None) -> Foreign:
    """Read weights and find out what they are.

    Args:
        weights: a file of PyTorch's, `timm:NAME.TAG` or `hf:ORG/NAME[@REVISION]`.
        name: of our variant.
        width: its width multiplier.
        weights_of: the published model that they are or began as; None to find out.

    Raises:
        UsageError: `weights_of` or the tag is unknown.
        WeightsError: they can't be had or read, are of another model, or could be of several.
    """
    fetched = hub.fetch(weights) if hub.is_remote(weights) else hub.Fetched(Path(weights), weights)
    state = state_dict.read(fetched.path)
    row, is_published = _identified(fetched, state, name, width, weights_of)
    _check_variant(row, name, width, fetched.source)
    digests = state_dict.digests(fetched.path)
    origin: dict[str, Any] = {"source": "file", "file": fetched.path.name, "sha256": digests.pop(fetched.path.name)}
    origin |= {"published": str(row), "table": f"{row.library} {row.version}", "license": row.license or "unknown"}
    origin |= {"interpolation": row.interpolation, **({"shards": digests} if digests else {}), **fetched.origin}
    return Foreign(state, names_of(row, state), row, is_published, origin, fetched.source)


def names_of(row: Published, keys: Iterable[str]) -> Names:
    """The table of names for a published model's file that knows most of its keys."""
    keys = list(keys)
    fitting = [names for names, libraries in _tables(catalog.family(row.variant)) if row.library in libraries]
    return max(fitting, key=lambda names: names.known(keys))


def _tables(family: str) -> list[tuple[Names, tuple[str, ...]]]:
    """The tables of names of a family, with the libraries that use them."""
    found = [WEIGHT_MAPPINGS.plugin(name, WeightMapping) for name in WEIGHT_MAPPINGS.names()]
    return [(one.NAMES, one.LIBRARIES) for one in found if family in one.FAMILIES]


def _identified(
    fetched: hub.Fetched, state: Arrays, name: str, width: float, weights_of: str | None
) -> tuple[Published, bool]:
    """What the weights are: as said, as their configuration or name says, or the only row that they can be of."""
    if weights_of or fetched.tag:
        row = published.named(weights_of or fetched.tag)
        return row, bool(row.tag)
    config = _config(fetched.path)
    if config:
        row = published.named(f"timm:{config['architecture']}")
        return row.configured(config.get("pretrained_cfg") or config), _says_published(config)
    by_name = published.of_file(fetched.path)
    if by_name:
        return by_name, True
    tables = _tables(catalog.family(name))
    known = max((names.known(state) for names, _ in tables), default=0)
    libraries = {library for names, all_ in tables for library in all_ if known and names.known(state) == known}
    rows = [row for row in published.of_variant(name) if row.library in libraries and row.width == width]
    return published.only(rows, fetched.path), False


def _config(path: Path) -> Mapping[str, Any]:
    """timm's configuration beside a file, or nothing.

    Raises:
        WeightsError: there is one, but it is damaged.
    """
    beside = path.with_name(CONFIG)
    try:
        if not beside.is_file() or beside.stat().st_size > LARGEST_CONFIG_BYTES:
            return {}
        config = parse_json(beside.read_bytes())
    except (OSError, RecordError) as error:
        raise WeightsError(f"Can't read {beside}, the configuration of the weights: {error}") from error
    usable = isinstance(config, dict) and isinstance(config.get("architecture"), str)
    if usable and not isinstance(config.get("pretrained_cfg") or {}, dict):
        raise WeightsError(f"{beside} is damaged: its pretrained_cfg is not an object. Download it again.")
    return config if usable else {}


def _says_published(config: Mapping[str, Any]) -> bool:
    """Whether a configuration is that of published weights: its architecture has its tag."""
    tag = (config.get("pretrained_cfg") or {}).get("tag")
    return any(row.model == config["architecture"] and row.tag == tag for row in published.table() if tag)


def _check_variant(row: Published, name: str, width: float, source: str) -> None:
    if row.variant != name:
        raise WeightsError(
            f"{source} has the weights of {row}, which is {row.variant} in edgecnn, but {name} was requested. "
            f"Build {row.variant}, or choose other weights."
        )
    if row.width != width:
        raise WeightsError(f"{source} has the weights of {row}, which has width {row.width}. Add --width {row.width}.")


def _fit(model: Any, names: Names, state: Arrays, without_head: bool) -> Fit:
    """Compare a model's layers with the tensors of a file."""
    fit, used = Fit(), set()
    layers = [layer for layer in model.layers if layer.weights]
    modules = names.modules([layer.name for layer in layers], state)
    for layer in layers:
        module = modules[layer.name]
        if module is None:
            fit.missing.append(f"the tensors of the layer {layer.name}")
            continue
        keys = mapping.tensors(layer, module)
        used.update(keys)
        missing = [key for key in keys if key not in state]
        if without_head and layer.name == HEAD:
            continue
        fit.missing += missing
        if not missing:
            _compare(fit, layer, [(key, mapping.converted(layer, module, state[key])) for key in keys], state)
    ignored = re.compile(names.ignored) if names.ignored else None
    surplus = [key for key in state if key not in used and not key.endswith(_COUNTERS)]
    fit.surplus = [key for key in surplus if not (ignored and ignored.match(key))]
    return fit


def _compare(fit: Fit, layer: Any, arrays: list[tuple[str, mapping.Array]], state: Arrays) -> None:
    """Add a layer's arrays, or their keys to those of another shape."""
    fit.layers[layer.name] = [array for _, array in arrays]
    for (key, array), weight in zip(arrays, layer.weights):
        wanted = tuple(weight.shape)
        if fitted(array, wanted) is None:
            fit.reshaped.append(f"{key} {list(state[key].shape)} instead of {list(wanted)}")
