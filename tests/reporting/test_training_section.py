"""The page's account of training: figures against the record, names from outside escaped."""

from __future__ import annotations

import re
from html import unescape

import pytest

from edgecnn.reporting.training import trained
from edgecnn.training.record import TrainingRecord


def record() -> TrainingRecord:
    epochs = [
        {
            "epoch": number,
            "loss": 2.0 / number,
            "accuracy_percent": 40.0 + 10 * number,
            "validation_loss": 2.5 / number,
            "validation_accuracy_percent": 35.0 + 10 * number,
            "learning_rate": 1e-3,
            "wall_s": 1.0,
        }
        for number in (1, 2, 3)
    ]
    measured = {"loss": 0.5, "top1_percent": 75.0, "confusion": [[5, 1], [2, 4]]}
    stage = {"name": "finetune", "settings": {}, "history": {"epochs": epochs, "best_epoch": 3}}
    data = {"counts": {"train": {"<ant>": 20, "bee": 20}}, "unreadable": {}, "tiny": {}}
    values = {"classes": ["<ant>", "bee"], "stages": [stage], "validation": measured, "test": measured, "data": data}
    return TrainingRecord.from_dict(values)


def test_confusions_are_those_of_the_matrix_largest_first() -> None:
    html = trained(record())
    assert "<ant>" not in html
    cells = [unescape(cell) for cell in re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", html)]
    assert cells[:9] == ["truth", "taken for", "pictures", "bee", "<ant>", "2", "<ant>", "bee", "1"]
    assert "75.0 % top-1 on 12 test images (95 % confidence interval 46.8 to 91.1 %)" in html


def test_curves_have_a_point_for_every_epoch() -> None:
    pytest.importorskip("matplotlib")
    curves = re.findall(r'<g class="curve"><path d="([^"]*)"', trained(record()))
    points = [re.findall(r"[ML] ([\d.]+) ([\d.]+)", curve) for curve in curves]
    assert len(curves) == 4 and all(len(curve) == 3 for curve in points)
    heights = [float(y) for _, y in points[0]]
    assert heights == sorted(heights, reverse=True)  # accuracy rises: nearer to the top


def test_not_trained_here_says_nothing() -> None:
    assert trained(None) == ""
