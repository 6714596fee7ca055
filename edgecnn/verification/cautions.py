"""Warns of training images in the evaluation set, which make the accuracy optimistic."""

from __future__ import annotations

from edgecnn.data.seen import Seen


class TrainingImages:
    """Counts images that the model was trained on."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self.count = self._checked = self._all = 0

    def look_up(self, digest: str) -> None:
        """One image of the evaluation set, by its SHA-256."""
        self._all += 1
        self.count += digest in self._seen
        self._checked += self._seen.can_check(digest)

    def notes(self) -> list[str]:
        """A warning, or nothing."""
        if self.count:
            of = f"these {self._all:,} images"
            if self._seen.is_sample:
                of = f"the {self._checked:,} of these {self._all:,} images that can be checked"
            return [
                f"The model was trained on {self.count:,} of {of}, so its accuracy is optimistic. Verify on other "
                "images."
            ]
        if self._seen.images and not self._checked:
            seen = f"{self._seen.images:,} training images"
            return [f"It can't be checked whether these images are among the model's {seen}."]
        return []
