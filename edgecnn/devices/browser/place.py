"""Where a browser is, and how it is told the page's address."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar


class Place(ABC):
    """A browser somewhere.

    Attributes:
        name: of the device, for messages and records.
        HERE: whether the browser runs on this machine, so that its processor and its load are this machine's.
        HOST, PORT: what the page's server listens on; port None takes the first free one from 8000.
        SPELLED: how host and port are written in messages.
        ARRIVES_S: how long it may take until the page is open.
        ONE_THREAD: what to do about a page that is not cross-origin isolated, a sentence.
    """

    name: str
    HERE: ClassVar[bool] = True
    HOST: str = "127.0.0.1"
    PORT: int | None = 0
    SPELLED: ClassVar[tuple[str, str]] = ("--device browser, address ", "port ")
    ARRIVES_S: ClassVar[float] = 60.0
    ONE_THREAD: ClassVar[str] = "Use --threads 1."

    @abstractmethod
    def invite(self, addresses: list[str], note: Callable[[str], None]) -> None:
        """Let the browser open the page.

        Args:
            addresses: of the page, the likeliest first.
            note: told what a person has to do.

        Raises:
            DeviceError: there is no browser, or it can't be reached.
        """

    def check(self) -> None:  # noqa: B027 (optional)
        """Called now and then while the page works.

        Raises:
            DeviceError: the browser has ended.
        """

    def about(self) -> Mapping[str, Any]:
        """What is known of the machine, beside what the page tells: keys of `runtime.measure.system.describe()`."""
        return {}

    def close(self) -> None:  # noqa: B027 (optional)
        """End the browser, if it was started for this."""
