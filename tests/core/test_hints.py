"""What a person says of a model by others."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from edgecnn.camera.settings import DemoOptions
from edgecnn.core.errors import UsageError
from edgecnn.core.hints import Hints
from edgecnn.core.options import options
from edgecnn.runtime import tasks
from edgecnn.runtime.model.contract import Contract, Preprocessing

CONTRACT = Contract(Preprocessing(32, 32))


def test_every_part_of_the_preprocessing_can_be_said(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    hints = Hints(
        mean=(103.9, 116.8, 123.7), std=(1.0,), color="bgr", fit="stretch", resize="bilinear",
        labels=tmp_path / "labels.txt", output_kind="probabilities", input_size=32,
    )  # fmt: skip
    contract = hints.applied(CONTRACT)
    assert contract.preprocessing == Preprocessing(
        32, 32, color="bgr", fit="stretch", resize="bilinear", mean=(103.9, 116.8, 123.7), std=(1.0,)
    )
    assert contract.labels == ("cat", "dog") and contract.output == "probabilities"


def test_a_crop_share_means_a_crop() -> None:
    stretched = CONTRACT.replace(preprocessing=dataclasses.replace(CONTRACT.preprocessing, fit="stretch"))
    said = Hints(crop=0.5).applied(stretched).preprocessing
    assert (said.fit, said.crop) == ("crop", 0.5)


@pytest.mark.parametrize(
    ("hints", "expected"),
    [
        (Hints(mean=(0.5,), std=(0.5,)), "--mean 127.5 --std 127.5"),
        (Hints(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)), "--mean 123.675,116.28,103.53 --std 58.395"),
        (Hints(mean=(0.0,), std=(1.0,)), ""),
        (Hints(mean=(127.5,), std=(127.5,)), ""),
        (Hints(mean=(0.0,), std=(255.0,)), ""),
        (Hints(fit="stretch"), ""),
    ],
)
def test_values_for_pixels_of_0_to_1_get_a_caution(hints: Hints, expected: str) -> None:
    cautions = hints.applied(CONTRACT).assumed
    assert (expected in cautions[0]) if expected else cautions == ()


@pytest.mark.parametrize(
    ("hints", "expected"),
    [
        (Hints(color="gray"), "3 channels"),
        (Hints(mean=(1.0, 2.0)), "--mean has 2 values"),
        (Hints(std=(0.0,)), "--std contains 0"),
        (Hints(input_size=64), "32 x 32"),
        (Hints(output_kind="boxes"), "expected one of logits, probabilities"),
    ],
)
def test_what_can_not_be_is_refused(hints: Hints, expected: str) -> None:
    with pytest.raises(UsageError, match=expected):
        hints.applied(CONTRACT)


def test_help_names_every_kind_of_output() -> None:
    declared = next(each for each in options(Hints) if each.key == "output_kind")
    assert all(kind in declared.help for kind in tasks.load("classification").outputs)


def test_options_of_the_demo_travel_with_what_was_said() -> None:
    options = DemoOptions(model="m.tflite", hints=Hints(mean=(1.0, 2.0, 3.0), color="bgr", labels=Path("l.txt")))
    assert DemoOptions.from_json(options.to_json()) == options
