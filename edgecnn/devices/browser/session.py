"""A model that waits in a page: tensors out, raw outputs back."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import numpy as np

from edgecnn.core.errors import DeviceError
from edgecnn.devices.browser.conversation import Conversation
from edgecnn.devices.browser.records import Loaded
from edgecnn.devices.browser.signature import order_of
from edgecnn.devices.model_session import ModelSession
from edgecnn.runtime.model.model_file import ModelFile
from edgecnn.runtime.process.limits import HANG_S
from edgecnn.runtime.run.engine import Interface

_TENSOR_S = 60.0


class PageSession(ModelSession):
    """The first of the models that the page has loaded; until it loads others.

    Args:
        conversation: with the page.
        file: the model.
        loaded: what the page said when it loaded it.
        about: what runs it, as `runtime.measure.system.describe()`.
        threads: of the processor.

    Raises:
        DeviceError: the page has loaded another model.
    """

    def __init__(
        self, conversation: Conversation, file: ModelFile, loaded: Loaded, about: dict[str, Any], threads: int
    ) -> None:
        super().__init__(Interface(file))
        self._conversation, self._name = conversation, file.name
        self._order = order_of(file, [form.name for form in loaded.outputs[0]])
        self.system, self.threads = about, threads

    def answers(self, frame: list[bytes]) -> list[np.ndarray]:
        """See `ModelSession.answers`."""
        told = {"count": len(frame), "order": self._order}
        seconds = HANG_S + len(frame) * _TENSOR_S
        answer = self._conversation.ask("run", told, [b"".join(frame)], seconds, self._name)
        octets = self._bytes(answer)
        if len(octets) != len(frame) * self.raw_bytes:
            raise DeviceError(
                f"{self._conversation.place.name} answered {len(octets):,} bytes of outputs; expected "
                f"{len(frame) * self.raw_bytes:,}. Reload LiteRT.js: edgecnn cache --clear --kind litertjs"
            )
        return list(np.frombuffer(octets, self.raw.dtype).reshape(len(frame), -1))

    def _bytes(self, answer: Any) -> bytes:
        text = answer.get("outputs") if isinstance(answer, dict) else None
        try:
            return base64.b64decode(text if isinstance(text, str) else "!", validate=True)
        except (binascii.Error, ValueError) as error:
            raise DeviceError(f"{self._conversation.place.name} answered outputs that are not base64.") from error

    def close(self) -> None:
        """The page stays open for what comes next; the device closes it."""
