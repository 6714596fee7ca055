"""GPIO: a pin of a Raspberry Pi is on while a class is seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgecnn.camera.sink import Event, SinkError, SinkOptions, Surroundings
from edgecnn.core.errors import EdgecnnError, MissingExtraError, UsageError
from edgecnn.core.options import option

SUMMARY = "pin of a Raspberry Pi: on while a class is seen"
EXAMPLE = "gpio:17,when=person>=0.8 for 3"
ARGUMENT = "pin"
GROUPS = ("gpio",)
DEVICES = ("char-gpiochip", "char-gpiomem")


@dataclass(frozen=True)
class Options(SinkOptions):
    """Which pin."""

    pin: int | None = option("The pin, by its GPIO (BCM) number.", low=0, high=53, default_help="none: it is needed")
    active: str = option("Level of the pin while the class is seen.", "high", choices=("high", "low"))


def check(options: Options) -> None:
    """There is no pin that would be a good guess."""
    if options.pin is None:
        raise UsageError("no pin is given; expected a GPIO number, for example gpio:17.")


class Pin:
    """An output that is off at first and at the end."""

    def __init__(self, device: Any, number: int) -> None:
        self.name = f"pin {number}"
        self._device = device

    def send(self, event: Event) -> None:
        """Switch it."""
        if event.change is None:
            return
        try:
            self._device.value = event.change.seen
        except Exception as error:  # every pin library has exceptions of its own
            raise SinkError(str(error) or type(error).__name__) from error

    def close(self) -> None:
        """Switch it off and release it."""
        self._device.off()
        self._device.close()


def open_sink(options: Options, surroundings: Surroundings) -> Pin:
    """Reserve the pin."""
    try:
        import gpiozero
    except ImportError as error:
        raise MissingExtraError(
            f'--sink gpio needs gpiozero: pip install "edgecnn[gpio]", or on a Raspberry Pi sudo apt install '
            f"python3-gpiozero ({error})."
        ) from error
    try:
        device = gpiozero.DigitalOutputDevice(options.pin, active_high=options.active == "high")
    except Exception as error:  # no pins here, a pin that is in use, no permission: each library has its own
        raise EdgecnnError(
            f"--sink gpio: pin {options.pin} can't be opened: {error or type(error).__name__}. Expected a free pin "
            "of a Raspberry Pi, and a user in the group gpio (sudo usermod -aG gpio $USER)."
        ) from error
    assert options.pin is not None
    return Pin(device, options.pin)
