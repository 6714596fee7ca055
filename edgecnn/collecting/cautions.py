"""What a person should know before training: classes that are blurred, dark, rare, or taken in one setting only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from edgecnn.collecting.pictures import Picture
from edgecnn.collecting.sight import have_one_setting
from edgecnn.core.text import counted

_BAD_SHARE, _FEWEST_BAD = 0.2, 3
_IMBALANCE, _FEWEST_OF_MOST = 3, 10
_FEWEST_OF_A_SETTING = 20


@dataclass(frozen=True)
class Caution:
    """One: its kind ("blur", "dark", "imbalance", "setting"), the class, and a sentence or two for people."""

    kind: str
    place: str
    text: str


def cautions(classes: Mapping[str, Sequence[Picture]]) -> list[Caution]:
    """What is wrong with the images of each class."""
    most = max(classes, key=lambda name: len(classes[name]), default="")
    found = []
    for name, pictures in classes.items():
        found += [*_quality(name, pictures), *_imbalance(name, pictures, most, len(classes[most]))]
        if len(pictures) >= _FEWEST_OF_A_SETTING and have_one_setting([each.sight for each in pictures]):
            text = (
                f"All images of {name} have the same background. Take some in other places, from other sides and in "
                "other light, or the model learns the background."
            )
            found.append(Caution("setting", name, text))
    return found


def _quality(name: str, pictures: Sequence[Picture]) -> Iterator[Caution]:
    blurred, dark = (
        sum(each.sight.is_blurred for each in pictures),
        sum(each.sight.is_dark for each in pictures),
    )
    least = max(_FEWEST_BAD, _BAD_SHARE * len(pictures))
    if blurred >= least:
        remedy = "Move more slowly, clean the lens, or check the focus."
        yield Caution("blur", name, f"{blurred} of {counted(len(pictures), 'image')} of {name} are blurred. {remedy}")
    if dark >= least:
        yield Caution("dark", name, f"{dark} of {counted(len(pictures), 'image')} of {name} are dark. Add light.")


def _imbalance(name: str, pictures: Sequence[Picture], most: str, highest: int) -> Iterator[Caution]:
    if highest >= _FEWEST_OF_MOST and len(pictures) * _IMBALANCE < highest:
        have = counted(len(pictures), "image")
        yield Caution("imbalance", name, f"{name} has {have}, {most} has {highest}. Take more of {name}.")
