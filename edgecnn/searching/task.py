"""What is searched for, checked before anything takes long."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecnn.core.errors import DeviceError, EdgecnnError, RecipeError, UsageError
from edgecnn.core.files import MAX_RECORD_BYTES, parse_toml, sha256
from edgecnn.core.options import options
from edgecnn.data.settings import SplitSettings
from edgecnn.data.split import Splits, open_splits
from edgecnn.devices import open_device
from edgecnn.devices.check import problems
from edgecnn.estimation import known
from edgecnn.estimation.law import Laws
from edgecnn.estimation.settings import EstimateSettings
from edgecnn.recipe import sections
from edgecnn.recipe.search_settings import PlaceSettings, SearchSettings
from edgecnn.runtime.regular_file import read_regular
from edgecnn.searching.candidate import Candidate
from edgecnn.searching.finalist import recipe_of
from edgecnn.searching.space import candidates

_PACE = ("budget", "workers", "ray")
"""Settings that change how long a search takes, or where, but not what it is."""
_SHARED = ("train", "prune", "quantize", "verify")


@dataclass(frozen=True)
class Task:
    """A search.

    Attributes:
        settings: what was asked for.
        template: sections that all recipes share; "train" has the data.
        laws: of the device or board.
        candidates: the whole space.
        classes: how many the data has.
        images: for training.
        digest: of the images.
    """

    settings: SearchSettings
    template: dict[str, Any]
    laws: Laws
    candidates: tuple[Candidate, ...]
    classes: int
    images: int
    digest: str

    @property
    def threads(self) -> int:
        """Of the device."""
        return self.settings.place.threads or self.laws.threads

    @property
    def guessing(self) -> float:
        """Accuracy, in percent, of who names a class at random."""
        return 100 / self.classes

    def identity(self) -> dict[str, Any]:
        """What makes it this search and no other, as JSON values."""
        asked = dataclasses.asdict(self.settings)
        effort = {name: value for name, value in asked.pop("effort").items() if name not in _PACE}
        return {
            **{name: value for name, value in asked.items() if name not in ("place", "space", "constraints")},
            **{**asked["place"], **asked["space"], **asked["constraints"], **effort},
            "other sections": {name: keys for name, keys in self.template.items() if name != "train"},
            "train": {name: value for name, value in self.template["train"].items() if name not in asked},
            "candidates": [candidate.key for candidate in self.candidates],
            "calibration of the device": sha256(repr(sorted(self.laws.to_dict().items())).encode()),
            "images": self.digest,
        }


def read_recipe(path: str | Path) -> dict[str, Any]:
    """The sections of a recipe with a [search], as TOML values.

    Raises:
        RecipeError: the file can't be read, or has no [search].
    """
    try:
        values = parse_toml(read_regular(path, MAX_RECORD_BYTES).decode("utf-8-sig"))
    except (OSError, UnicodeDecodeError, EdgecnnError) as error:
        raise RecipeError(f"Can't read the recipe {path}: {error}") from error
    if not isinstance(values.get("search"), dict):
        raise RecipeError(f"The recipe {path} has no section [search]. Start a run with: edgecnn run {path}")
    return values


def settings_of(recipe: Mapping[str, Any], given: Mapping[str, Any]) -> SearchSettings:
    """The settings of a recipe's [search]; what was given replaces its keys, and its [train] may name the data.

    Raises:
        SettingError: a key is unknown, missing or not valid.
    """
    splits = {each.key for each in options(SplitSettings)}
    train = {key: value for key, value in recipe.get("train", {}).items() if key in splits}
    return SearchSettings.of({**train, **recipe.get("search", {}), **given})


def task_of(settings: SearchSettings, recipe: Mapping[str, Any]) -> Task:
    """The search that settings and the other sections of a recipe ask for.

    Raises:
        UsageError: a section or the space is wrong.
        DataError: the data can't be trained on.
        EdgecnnError: nothing is known of the device.
    """
    unknown = sorted({*recipe} - {"search", *_SHARED})
    if unknown:
        raise RecipeError(
            f"A search takes the sections search, {', '.join(_SHARED)}; received {', '.join(unknown)}. Remove the "
            "others: the search finds the model, and measures by itself."
        )
    laws = laws_of(settings.place)
    if settings.constraints.max_energy_mj is not None and not any(law.power for law in laws.laws.values()):
        raise UsageError(
            f"--max-energy-mj is {settings.constraints.max_energy_mj:g}, but nobody measured the power of "
            f"{laws.device}. Use --max-latency-ms, or a board with power figures: --board raspberry_pi_4."
        )
    splits = open_splits(
        settings.data, validation=settings.validation, test=settings.test, share=settings.validation_share
    )
    if splits.train.task:
        raise UsageError(f"{settings.data} is for {splits.train.task}, but only classification is searched.")
    template = {name: dict(recipe[name]) for name in _SHARED if name in recipe}
    template["train"] = {**template.get("train", {}), **_data_keys(settings)}
    found = candidates(settings.space, splits.train)
    sections.validated(recipe_of(found[0], template, settings.effort.seed), "that all candidates share")
    digest = sha256("".join([*splits.digests[0], *splits.digests[1]]).encode())
    return Task(settings, template, laws, found, len(splits.train.classes), _count(splits), digest)


def _count(splits: Splits) -> int:
    return len(splits.train)


def _data_keys(settings: SearchSettings) -> dict[str, Any]:
    """What was said of the data, without what is the default anyway."""
    defaults = {each.key: each.default for each in options(SplitSettings)}
    values = {key: getattr(settings, key) for key in defaults}
    return {key: value for key, value in values.items() if value != defaults[key]}


def laws_of(place: PlaceSettings) -> Laws:
    """The laws of the device, or else of the board.

    Raises:
        UsageError: neither was named.
        EdgecnnError: the device isn't calibrated, or nobody has measured the board.
    """
    if place.device is None and place.board is None:
        boards = "|".join(known.measured_boards())
        raise UsageError(f"Name the device to search for: --device NAME, or --board {boards} without one at hand.")
    if place.board is None or (place.device is not None and known.of_device(place.device)):
        return known.chosen(EstimateSettings(device=place.device, threads=place.threads))
    return known.chosen(EstimateSettings(board=place.board, threads=place.threads))


def check_device(name: str) -> None:
    """Refuse a device that would fail after hours.

    Raises:
        DeviceError: it can't be reached, or lacks something.
    """
    with open_device(name) as device:
        found = problems(device.run("check"), name)
    if found:
        raise DeviceError(f"{name} can't run a model yet. {found[0]}")
