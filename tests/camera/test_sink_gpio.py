"""The GPIO sink on gpiozero's own mock pins, a test double: no pin of a board is switched here."""

from __future__ import annotations

import importlib.util
import re
import sys

import pytest
from requirements import unavailable
from sink_doubles import Delivered, answer

from edgecnn.camera.sink import Surroundings
from edgecnn.camera.sink_choice import chosen
from edgecnn.core.errors import EdgecnnError, MissingExtraError, UsageError


@pytest.fixture
def mock_pins():
    if importlib.util.find_spec("gpiozero") is None:
        unavailable('gpiozero is not installed: pip install "edgecnn[gpio]"')
    from gpiozero import Device
    from gpiozero.pins.mock import MockFactory

    before, Device.pin_factory = Device.pin_factory, MockFactory()
    yield Device.pin_factory
    Device.pin_factory.reset()
    Device.pin_factory = before


def opened(text):
    choice = chosen(text)
    return choice.plugin.open_sink(choice.options, Surroundings("m", (), choice.rule))


@pytest.mark.parametrize(("active", "levels"), [("high", [0, 1, 0, 1, 0]), ("low", [1, 0, 1, 0, 1])])
def test_the_pin_is_on_while_a_class_is_seen(mock_pins, active, levels):
    text = f"gpio:17,active={active},when=person>=0.8 for 2"
    sink = opened(text)
    pin = mock_pins.pin(17)
    pin.clear_states()
    with Delivered(sink, text) as delivered:
        for number, label in enumerate(["person"] * 3 + ["dog"] * 2 + ["person"] * 2):
            delivered.delivery.show(answer(label, 0.9, number))
    assert [int(state.state) for state in pin.states][: len(levels)] == levels
    assert pin.states[-1].state == (active == "low")  # off at the end


def test_a_pin_that_is_in_use(mock_pins):
    sink = opened("gpio:17")
    with pytest.raises(EdgecnnError, match=r"pin 17 can't be opened: .*Expected a free pin"):
        opened("gpio:17")
    sink.close()
    opened("gpio:17").close()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gpio:", "no pin is given; expected a GPIO number"),
        ("gpio:17.5", "pin is 17.5; expected a whole number"),
        ("gpio:99", "pin is 99; expected a whole number"),
        ("gpio:17,active=up", "active is 'up'; expected one of: high, low"),
    ],
)
def test_bad_settings_are_refused(text, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        chosen(text)


def test_a_missing_library_says_what_mends_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "gpiozero", None)
    with pytest.raises(MissingExtraError, match=r'pip install "edgecnn\[gpio\]"'):
        opened("gpio:17")
