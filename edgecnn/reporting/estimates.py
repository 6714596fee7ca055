"""Estimates for boards that are not at hand, marked as such."""

from __future__ import annotations

from collections.abc import Sequence

from edgecnn.estimation import Estimate, text
from edgecnn.html.page import paragraph, table


def estimated(estimates: Sequence[Estimate]) -> str:
    """The table, and what it rests on."""
    if not estimates:
        return ""
    rows = [[each.device, *row[1:]] for each, row in zip(estimates, text.rows(estimates))]
    notes = [paragraph(sentence, "note") for sentence in text.sentences(estimates)]
    return table(("estimated for", *text.COLUMNS[1:]), rows) + "".join(notes)
