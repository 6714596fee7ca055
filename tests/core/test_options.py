"""Settings that are declared once: the check of every value, and what is derived from a declaration."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from edgecnn.core.options import (
    PROGRAMS,
    REQUIRED,
    Key,
    SettingError,
    Settings,
    changes,
    option,
    optional,
    options,
    part,
    same_as,
)


@dataclass(frozen=True)
class Inner(Settings):
    TITLE = "Inner"

    epochs: int = option("Passes.", 10, low=1, high=100)
    rate: float | None = option("Rate.", above=0, below=1, default_help="automatic")
    hidden: int = option("For programs.", 3, low=0, offered=PROGRAMS)


@dataclass(frozen=True)
class Outer(Settings):
    data: str = option("Data.", REQUIRED, metavar="DATA")
    sizes: tuple[int, ...] = option("Sizes.", (), low=8, unit="pixels")
    mode: str = option("Mode.", "fast", choices=lambda: ("fast", "best"), takes_argument=True)
    strict: bool = option("Strict.", False)
    inner: Inner = part(Inner)
    note: str = ""


@dataclass(frozen=True)
class Partly(Settings):
    data: str = same_as(Outer, "data")
    changed: Mapping[str, Any] = changes(Inner, default_help="the method's")


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf, True, "1", None, 0, 101, 2.0, 1.5])
def test_a_whole_number_within_its_range_and_nothing_else(wrong: Any) -> None:
    with pytest.raises(SettingError, match=r"^epochs is .*; expected a whole number from 1 to 100\.$"):
        Inner(epochs=wrong)


@pytest.mark.parametrize("wrong", [math.nan, math.inf, True, "0.5", 0, 1, 1.0, -0.1])
def test_a_finite_number_within_its_range_and_nothing_else(wrong: Any) -> None:
    with pytest.raises(SettingError, match=r"^rate is .*; expected a number above 0 and below 1\.$"):
        Inner(rate=wrong)


def test_numbers_keep_their_kind() -> None:
    assert Inner(rate=None).rate is None
    assert type(Inner(epochs=np.int64(3)).epochs) is int  # type: ignore[arg-type]
    assert type(Inner(rate=np.float32(0.5)).rate) is float  # type: ignore[arg-type]
    assert Outer("x", sizes=16).sizes == (16,) == Outer("x", sizes=[16]).sizes  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"sizes": [16, 4]}, r"sizes is \[16, 4\]; expected whole numbers of at least 8 pixels"),
        ({"mode": "fats"}, r"mode is 'fats'; expected one of: fast, best\. Did you mean fast\?"),
        ({"mode": 1}, "mode is 1; expected one of: fast, best"),
        ({"strict": 1}, "strict is 1; expected true or false"),
        ({"data": 3}, "data is 3; expected text"),
    ],
)
def test_messages_say_what_was_received_and_expected(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        Outer(**{"data": "x", **wrong})


def test_keys_of_parts_stand_beside_the_others() -> None:
    assert [each.key for each in options(Outer)] == ["data", "sizes", "mode", "strict", "epochs", "rate"]
    found = Outer.of({"data": "x", "epochs": 5, "mode": "best:3", "sizes": None}, note="plain")
    assert found == Outer("x", mode="best:3", inner=Inner(epochs=5), note="plain")
    with pytest.raises(SettingError, match="data is missing"):
        Outer.of({})
    with pytest.raises(SettingError, match=r"epoch: unknown key\. Did you mean epochs\? Valid keys: data, "):
        Outer.of({"data": "x", "epoch": 3})


def test_changes_are_checked_but_not_completed() -> None:
    assert Partly.of({"data": "x", "epochs": 3}).changed == {"epochs": 3}
    assert Partly("x", {"hidden": 4}).changed == {"hidden": 4}
    for wrong, message in (({"epochs": 0}, "epochs is 0"), ({"epoch": 1}, "epoch: unknown key. Did you mean epochs")):
        with pytest.raises(SettingError, match=message):
            Partly("x", wrong)
    epochs = next(each for each in options(Partly) if each.key == "epochs")
    assert (epochs.default, epochs.default_help, epochs.inherited) == (None, "the method's", "the method's")
    assert [each.required for each in optional(Outer)] == [False] * 6


def test_a_message_names_keys_as_the_user_writes_them() -> None:
    error = SettingError(Key("batch_size"), " goes with ", Key("epochs"), ".")
    assert str(error) == "batch_size goes with epochs."
    assert error.spelled(lambda key: f"--{key.replace('_', '-')}") == "--batch-size goes with --epochs."


def test_json_schema_of_a_setting() -> None:
    found = {each.key: each.schema() for each in options(Outer)}
    assert found["epochs"] == {"type": "integer", "minimum": 1, "maximum": 100, "description": "Passes.", "default": 10}
    assert found["rate"]["exclusiveMaximum"] == 1 and found["rate"]["description"] == "Rate. Default: automatic."
    assert found["sizes"]["anyOf"][1]["items"] == {"type": "integer", "minimum": 8}
    assert found["mode"]["anyOf"][0]["enum"] == ["fast", "best"]
    assert found["strict"]["type"] == "boolean"


def test_a_type_that_no_setting_can_have_is_told() -> None:
    @dataclass(frozen=True)
    class Odd(Settings):
        values: dict[str, int] = option("Odd.")

    with pytest.raises(TypeError, match="values has the type"):
        options(Odd)
