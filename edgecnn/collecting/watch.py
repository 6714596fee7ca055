"""Active learning: what a model is unsure of goes into the review queue, where a person says what it is."""

from __future__ import annotations

import time

from edgecnn.camera.recognize import Answer
from edgecnn.collecting.live import blue_green_red, said
from edgecnn.collecting.pictures import REVIEW
from edgecnn.collecting.store import MOST_REVIEW, Store

_EVERY_S = 1.0


class Watch:
    """Looks at a model's answers while it is on.

    Args:
        store: with the review queue.
        threshold: probability below which an answer is unsure.

    Attributes:
        is_on: whether it keeps anything.
    """

    def __init__(self, store: Store, threshold: float) -> None:
        self.is_on = False
        self._store, self._threshold = store, threshold
        self._last = ""
        self._kept_at = 0.0

    def __call__(self, answer: Answer) -> None:
        """Keep a frame whose answer is unsure, or differs from that of the frame before; at most one a second.

        Those that look like one that waits already are passed over.

        Raises:
            EdgecnnError: it can't be written.
        """
        if not answer.classes:
            return
        now, new = time.monotonic(), said(answer)
        changed, self._last = bool(self._last) and new.label != self._last, new.label
        unsure = new.share is None or new.share < self._threshold
        if not self.is_on or not (unsure or changed) or now - self._kept_at < _EVERY_S:
            return
        self._kept_at = now
        if self._store.waiting < MOST_REVIEW:
            self._store.add(REVIEW, blue_green_red(answer.frame), said=new)
