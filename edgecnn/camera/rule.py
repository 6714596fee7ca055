"""Rules in one line: which answers are an event. One implementation for every sink.

    person>=0.8 for 3, cooldown 10

The class `person` is seen once its probability was at least 0.8 in 3 answers in a row, and gone once it was less in 3
in a row; after it was seen, it is not seen again for 10 seconds. `*` is any class: the surest answer counts. Where the
answer is "none of these", no class is seen; a rule may name that answer, without a probability.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgecnn.core.errors import UsageError
from edgecnn.core.ranges import Range
from edgecnn.core.text import did_you_mean, printable
from edgecnn.runtime.model.rejection import NONE_OF_THESE, is_rejected

SYNTAX = "CLASS[>=PROBABILITY] [for ANSWERS] [cooldown SECONDS]"
EXAMPLE = "person>=0.8 for 3, cooldown 10"
ANY = "*"
DEFAULT = "* for 3"
_NUMBER = r"-?[0-9.]+(?:e-?[0-9]+)?"
_RULE = re.compile(
    rf"(?P<label>.+?)(?:\s*>=\s*(?P<threshold>{_NUMBER}))?(?:,?\s+for\s+(?P<count>{_NUMBER}))?"
    rf"(?:,?\s+cooldown\s+(?P<cooldown>{_NUMBER}))?",
    re.DOTALL,
)
_RANGES = {
    "threshold": Range(low=0, high=1),
    "count": Range(whole=True, low=1, high=10_000),
    "cooldown": Range(low=0, high=1e6, unit="seconds"),
}


@dataclass(frozen=True)
class Rule:
    """Which answers are an event.

    Attributes:
        label: of the class; `*` for any.
        threshold: smallest probability; None for the demo's.
        count: so many equal answers in a row are needed.
        cooldown_s: for so long after a class was seen, none is seen again.
    """

    label: str = ANY
    threshold: float | None = None
    count: int = 3
    cooldown_s: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Rule:
        """What a person wrote; what is left out is the demo's threshold, 1 answer, and no cooldown.

        Raises:
            UsageError: it is no rule.
        """
        match = _RULE.fullmatch(text.strip())
        if match is None:
            raise UsageError(f"the rule is {text!r}; expected {SYNTAX}, for example {EXAMPLE!r}.")
        values = {name: _number(name, match[name], text) for name in _RANGES if match[name] is not None}
        return cls(match["label"], values.get("threshold"), int(values.get("count", 1)), values.get("cooldown", 0.0))

    def check(self, labels: Sequence[str], rejects: bool = False) -> None:
        """Refuse a class that the model doesn't have.

        Args:
            labels: of the model; empty where its classes have only numbers.
            rejects: whether its contract has a rejection, so that it may answer "none of these".

        Raises:
            UsageError: there is no such class.
        """
        if self.label == NONE_OF_THESE and self.threshold is not None and NONE_OF_THESE not in labels:
            raise UsageError(
                f"the rule gives {NONE_OF_THESE!r} the probability {self.threshold}, but that answer has none. Remove "
                f">={self.threshold}; the threshold of its score is set by edgecnn open-set."
            )
        if self.label == ANY or not labels or self.label in labels or (rejects and self.label == NONE_OF_THESE):
            return
        meant = did_you_mean(self.label, labels)
        raise UsageError(
            f"the rule names the class {printable(self.label)!r}, which is none of the model's "
            f"{len(labels):,} classes. {meant}{' ' if meant else ''}Expected {SYNTAX}, with a label of the model "
            "(edgecnn inspect lists them) or * for any class."
        )


def _number(name: str, text: str, rule: str) -> float:
    try:
        return _RANGES[name].parsed(text)
    except ValueError:
        raise UsageError(
            f"the rule is {rule!r}, whose {name} is {text}; expected {_RANGES[name]}, for example {EXAMPLE!r}."
        ) from None


@dataclass(frozen=True)
class Change:
    """A class came or went.

    Attributes:
        seen: whether it came.
        label: of the class.
        probability: of the answer that decided it; None where the class went, and for "none of these".
    """

    seen: bool
    label: str
    probability: float | None = None


class Trigger:
    """A rule at work: told every answer, it says when something changed.

    Args:
        rule: the rule.
        threshold: for a rule that has none.
    """

    def __init__(self, rule: Rule, threshold: float) -> None:
        self.current: str | None = None
        self._rule = rule
        self._threshold = threshold if rule.threshold is None else rule.threshold
        self._newest: str | None = None
        self._repeated = 0
        self._seen_at: float | None = None

    def __call__(self, answers: Sequence[Mapping[str, Any]], at: float) -> Change | None:
        """What changed with these answers, the surest first, at a time in seconds."""
        found = self._matching(answers)
        label = None if found is None else str(found["label"])
        self._repeated = self._repeated + 1 if label == self._newest else 1
        self._newest = label
        if self._repeated < self._rule.count:
            return None
        if label != self.current and self._is_cooling(at):
            label = None
        if label == self.current:
            return None
        before, self.current = self.current, label
        if found is None or label is None:
            return Change(False, before or "")
        self._seen_at = at
        return Change(True, label, found["probability"])

    def _matching(self, answers: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
        if is_rejected(answers):  # what comes behind is no answer
            return answers[0] if self._rule.label == answers[0]["label"] else None
        fitting = (each for each in answers if self._rule.label in (ANY, each["label"]))
        return next((each for each in fitting if each["probability"] >= self._threshold), None)

    def _is_cooling(self, at: float) -> bool:
        """A time before the last one is that of a video that started again."""
        return self._seen_at is not None and 0 <= at - self._seen_at < self._rule.cooldown_s
