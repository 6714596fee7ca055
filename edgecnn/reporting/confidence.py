"""How far the probabilities can be trusted, and how often the answer is "none of these"."""

from __future__ import annotations

from edgecnn.html import charts
from edgecnn.html.page import chart, facts, paragraph, side_by_side
from edgecnn.runtime.model.rejection import NONE_OF_THESE
from edgecnn.tasks.confidence import Confidence
from edgecnn.verification.record import Verification


def trusted(found: Verification | None) -> str:
    """Calibration error, risk-coverage curve, rejections and false alarms; empty where nothing of it is known."""
    if found is None or (found.confidence is None and found.rejected is None):
        return ""
    rows = _calibration(found.confidence) if found.confidence else []
    if found.rejected is not None:
        rows.append((f"answered “{NONE_OF_THESE}”", f"{found.rejected} of the evaluation images"))
    if found.false_alarms is not None:
        rows.append(("false alarms", f"{found.false_alarms} of {found.others} accepted as a class"))
    return (_curve(found.confidence) if found.confidence else "") + facts(rows)


def _calibration(confidence: Confidence) -> list[tuple[str, str]]:
    before = confidence.ece_without_temperature_percent
    plain = f"; {before:.1f} points without the temperature of {confidence.temperature:g}" if before is not None else ""
    return [
        ("expected calibration error", f"{confidence.ece_percent:.1f} points{plain}"),
        ("area under the risk-coverage curve", f"{confidence.aurc:.4f}"),
    ]


def _curve(confidence: Confidence) -> str:
    shares = [[100 * share for share in values] for values in (confidence.coverage, confidence.risk)]
    drawn = charts.lines(
        shares[0],
        [("risk", shares[1])],
        "coverage: percent of the images that are answered",
        "wrong answers in percent",
    )
    ranked = confidence.ranked_by.replace("_", " ")
    explained = (
        f"Left: only the surest images are answered (ranked by {ranked}), and the others are rejected. Right: all are "
        "answered."
    )
    return side_by_side(chart(drawn, "Risk-coverage curve")) + paragraph(explained, "note")
