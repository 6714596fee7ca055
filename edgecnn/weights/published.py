"""What timm and torchvision publish of the models whose weights fit ours: the tables that `tools/published` writes."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecnn.core.errors import UsageError, WeightsError
from edgecnn.core.text import did_you_mean
from edgecnn.models.spec import ModelSpec

LIBRARIES = ("timm", "torchvision")
IMAGENET_CLASSES = 1000


@dataclass(frozen=True)
class Published:
    """Weights that a library publishes, or its defaults for a model's weights by others.

    Attributes:
        library: "timm" or "torchvision".
        version: of the library that the table was made from.
        model: the library's name of the architecture.
        tag: which of its weights; empty where only the architecture is known.
        variant: the name of the architecture here.
        width: our width multiplier.
        arguments: of our family's `build`, where the library's model differs from our default.
        input_size: height and width in pixels.
        mean: per channel, of pixel values from 0 to 1.
        std: see `mean`.
        crop: share of the image's largest centered square that is kept.
        fit: of an image of another aspect ratio, as in the contract.
        interpolation: the library's name of it.
        classes: of the published head; 0 for none.
        license: of the weights; empty where the library doesn't say.
        hub: repository of the weights on the hub; empty for none.
        file: name of the published file; empty for none.
        top1: as the library publishes it, in percent; None where it doesn't say.
    """

    library: str
    version: str
    model: str
    tag: str
    variant: str
    width: float
    arguments: Mapping[str, Any]
    input_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    crop: float
    fit: str
    interpolation: str
    classes: int
    license: str = ""
    hub: str = ""
    file: str = ""
    top1: float | None = None

    def __str__(self) -> str:
        return f"{self.library}:{self.model}.{self.tag}".rstrip(".")

    @property
    def setup(self) -> tuple[Any, ...]:
        """What the logits of an image depend on, beside the weights."""
        changed = json.dumps(self.arguments, sort_keys=True)
        return self.width, changed, self.input_size, self.mean, self.std, self.crop, self.fit

    def spec(self, spec: ModelSpec) -> ModelSpec:
        """Our row of the variant, with what these weights were trained with.

        Resizing stays "area": Pillow's filters, which the libraries resize with, average over what they shrink, and of
        OpenCV's methods "area" alone does.
        """
        return dataclasses.replace(
            spec,
            input_size=self.input_size,
            mean=tuple(255 * value for value in self.mean),
            std=tuple(255 * value for value in self.std),
            crop=self.crop,
            fit=self.fit,
            license=self.license or "unknown",
            arguments={**spec.arguments, **self.arguments},
        )

    def configured(self, config: Mapping[str, Any]) -> Published:
        """The same with what a file's own configuration says, in timm's words.

        Raises:
            WeightsError: a value is none that it can have.
        """
        try:
            return dataclasses.replace(self, **_from_config(config))
        except (TypeError, ValueError, KeyError, IndexError) as error:
            raise WeightsError(
                f"The weights' config.json has an invalid value: {str(error)[:120]}. Correct it, or download it again."
            ) from error


def _from_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of `Published` that a `pretrained_cfg` of timm names."""
    fits = {"center": "crop", "squash": "stretch", "border": "pad"}
    readers = {
        "input_size": lambda value: ("input_size", int(value[1])),
        "mean": lambda value: ("mean", _three(value)),
        "std": lambda value: ("std", _three(value)),
        "crop_pct": lambda value: ("crop", float(value)),
        "crop_mode": lambda value: ("fit", fits[value]),
        "interpolation": lambda value: ("interpolation", str(value)),
        "num_classes": lambda value: ("classes", int(value)),
        "license": lambda value: ("license", str(value)[:80]),
        "tag": lambda value: ("tag", str(value)[:80]),
    }
    return dict(reader(config[key]) for key, reader in readers.items() if config.get(key) is not None)


def _three(values: Any) -> tuple[float, ...]:
    numbers = tuple(float(value) for value in values)
    if len(numbers) != 3 or not all(map(math.isfinite, numbers)):
        raise ValueError(f"{numbers}; expected one finite number per color")
    return numbers


@functools.cache
def table() -> tuple[Published, ...]:
    """All rows of both libraries; the first of a model is the library's default."""
    return tuple(row for library in LIBRARIES for row in _rows(library))


def _rows(library: str) -> Iterable[Published]:
    content = json.loads(Path(__file__).with_name(f"published_{library}.json").read_text())
    for model, entry in content["models"].items():
        shared = {key: entry[key] for key in ("variant", "width", "arguments")}
        for tag, row in entry["tags"].items():
            values = {**row, "mean": tuple(row["mean"]), "std": tuple(row["std"])}
            yield Published(library, content["version"], model, tag, **shared, **values)


def of_variant(name: str) -> list[Published]:
    """The published weights, and models without any, of one variant of ours."""
    return [row for row in table() if row.variant == name]


def named(text: str) -> Published:
    """A row by its name: `timm:MODEL.TAG`, `torchvision:MODEL.WEIGHTS`; without the tag, the library's default of it.

    Raises:
        UsageError: there is no such row.
    """
    library, _, rest = text.partition(":")
    model, _, tag = rest.partition(".")
    rows = [row for row in table() if row.library == library and row.model == model]
    found = [row for row in rows if row.tag == tag] if tag else [dataclasses.replace(row, tag="") for row in rows[:1]]
    if found:
        return found[0]
    known = [str(row) for row in rows] or [str(row) for row in table()]
    close = f" {did_you_mean(text, known)}" if did_you_mean(text, known) else ""
    choices = f" {model} has the tags {_listed([row.tag for row in rows])}." if rows else ""
    raise UsageError(
        f"{text!r} is not a model of timm or torchvision that edgecnn has.{close}{choices} `edgecnn models --json "
        "FILE` lists all."
    )


def of_file(path: Path) -> Published | None:
    """The row that a file's name says: as published, or MODEL.TAG with any of the suffixes."""
    # timm lists files of torchvision's too, for other input sizes.
    rows = [row for row in reversed(table()) if row.file == path.name and row.file]
    stem = path.name.partition(".safetensors")[0].removesuffix(path.suffix)
    rows += [row for row in table() if row.tag and stem == f"{row.model}.{row.tag}"]
    return rows[0] if rows else None


def only(rows: list[Published], path: Path) -> Published:
    """The row that a file without a name can only be of.

    Raises:
        WeightsError: rows differ in what the logits depend on, or there is none.
    """
    if len({row.setup for row in rows}) == 1:
        return rows[0] if len(rows) == 1 else dataclasses.replace(rows[0], tag="")
    if not rows:
        raise WeightsError(
            f"{path} does not fit: neither timm nor torchvision has weights for this model at this width with "
            "such names. `edgecnn models` shows which models accept their weights."
        )
    raise WeightsError(
        f"{path} does not tell which published weights it has or was fine-tuned from (there is no config.json of "
        "timm beside it), but padding or preprocessing depend on that. Add --weights-of with one of "
        f"{_listed(map(str, rows))}."
    )


def _listed(names: Iterable[str], limit: int = 6) -> str:
    names = list(names)
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
