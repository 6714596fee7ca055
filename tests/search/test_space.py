"""Which candidates there are."""

from __future__ import annotations

from pathlib import Path

import pytest
from color_pictures import write_pictures

from edgecnn.core.errors import UsageError
from edgecnn.data import DataSet, open_data
from edgecnn.models import variants
from edgecnn.recipe.search_settings import SpaceSettings
from edgecnn.searching.space import candidates, sensible_sizes


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    return open_data(str(write_pictures(tmp_path_factory.mktemp("data") / "colors", 3)))


def test_the_default_is_what_has_weights_and_is_small_enough(data: DataSet) -> None:
    found = candidates(SpaceSettings(), data)
    names = {candidate.architecture for candidate in found}
    assert {"mobilenet_v1", "mobilenet_v2", "efficientnet_lite0"} <= names
    assert all(variants()[name].macs <= 1e9 and variants()[name].weights for name in names)
    assert {candidate.width for candidate in found if candidate.architecture == "mobilenet_v2"} == {
        *(0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
    }
    assert all(candidate.weights == "imagenet" and candidate.scheme == "int8" for candidate in found)
    assert len({candidate.key for candidate in found}) == len(found)


def test_sizes_suit_the_images(data: DataSet, tmp_path: Path) -> None:
    assert sensible_sizes(data) == (96, 128, 160)  # of 40 px: up to four times as many
    assert sensible_sizes(open_data(str(write_pictures(tmp_path / "large", 2, side=300)))) == (96, 128, 160, 192, 224)
    assert sensible_sizes(open_data(str(write_pictures(tmp_path / "small", 2, side=8)))) == (96,)


def test_auto_trains_from_random_weights_where_none_are_installed(data: DataSet) -> None:
    space = SpaceSettings(
        ("mobilenet_v1", "efficientnet_lite0"), (0.5, 1.0), (64,), (1.0, 0.5), ("int8", "float32"), "auto"
    )
    found = candidates(space, data)
    assert len(found) == 2 * 2 * 2 * 2
    pretrained = {(each.architecture, each.width) for each in found if each.weights == "imagenet"}
    assert pretrained == {("efficientnet_lite0", 1.0)}


def test_what_cannot_be_searched(data: DataSet) -> None:
    with pytest.raises(UsageError, match=r"The space is empty: no ImageNet weights of efficientnet_lite0"):
        candidates(SpaceSettings(("efficientnet_lite0",), (0.5,)), data)
    with pytest.raises(UsageError, match="is an object detector"):
        candidates(SpaceSettings(("mobilenet_v1_ssd",)), data)
