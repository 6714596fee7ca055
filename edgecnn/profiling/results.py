"""All that one call of `edgecnn profile` measured, as it is written and read again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgecnn.profiling import Profile
from edgecnn.profiling.compare import Comparison
from edgecnn.profiling.per_op import PerOperator
from edgecnn.profiling.sustained import Sustained
from edgecnn.runtime.model.validation import Record


@dataclass(frozen=True)
class Results(Record):
    """What was measured; in JSON only what was asked for.

    Attributes:
        profiles: of each model on each device.
        comparisons: of the first model with each other one, on each device.
        sustained: runs for minutes.
        per_op: times operator by operator.
    """

    SPARSE = True

    profiles: tuple[Profile, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    sustained: tuple[Sustained, ...] = ()
    per_op: tuple[PerOperator, ...] = ()

    @classmethod
    def upgraded(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """A run of a recipe writes its one profile by itself."""
        return {"profiles": [values]} if "rows" in values and "profiles" not in values else values
