"""Leaderboards from records whose numbers are known."""

from __future__ import annotations

import base64
import dataclasses
import json

import numpy as np
import pytest
import tiny_models
from commands import check_clean_failure, run_cli

import edgecnn
from edgecnn.comparison.candidate import Candidate, candidates
from edgecnn.comparison.leaderboard import Leaderboard, leaderboard
from edgecnn.comparison.page import leaderboard_page
from edgecnn.comparison.settings import CompareSettings
from edgecnn.comparison.text import sentences, table
from edgecnn.core.errors import UsageError
from edgecnn.core.files import write_json
from edgecnn.core.statistics import paired_drop, share
from edgecnn.estimation.record import Basis, Estimate
from edgecnn.runtime.model.records import Metric
from edgecnn.tasks import load
from edgecnn.verification import Verification

IMAGES = 200


def verification(file, right: np.ndarray, data: str = "d" * 64) -> Verification:
    accuracy = share(int(right.sum()), len(right))
    return Verification(
        model=file.name, model_sha256=file.sha256, against="float", data="pictures", data_sha256=data, device="local",
        pictures=len(right), agreement=share(len(right), len(right)), snr_db=20.0, calibrated_on=0, flipped=(),
        answers=(), skipped={}, metrics={"top1": Metric(accuracy, accuracy)},
        right=base64.b64encode(np.packbits(right).tobytes()).decode(),
    )  # fmt: skip


def answers(count: int, seed: int) -> np.ndarray:
    right = np.zeros(IMAGES, bool)
    right[np.random.default_rng(seed).permutation(IMAGES)[:count]] = True
    return right


def candidate(filters: int, right: np.ndarray | None, tmp_path, **changes) -> Candidate:
    file = tiny_models.classifier(filters)
    path = tmp_path / file.name
    path.write_bytes(file.data)
    found = None if right is None else verification(file, right, **changes)
    return Candidate(f"m{filters}", file, path, found)


def estimated(ms: float) -> Estimate:
    basis = Basis("4x Core", "TFLite 9", "cpu", 4, 20, "Somebody")
    return Estimate("m", "int8", "raspberry_pi_4", basis, ms, (ms * 0.9, ms * 1.1), ms * 6, (ms * 5, ms * 7))


def test_rows_are_sorted_and_each_is_tested_against_the_first_on_the_same_images(tmp_path):
    right = {8: answers(120, 1), 16: answers(190, 2), 24: answers(186, 3)}
    board = leaderboard([candidate(filters, each, tmp_path) for filters, each in right.items()], CompareSettings())
    assert [row.model for row in board.rows] == ["m16", "m24", "m8"]
    assert board.rows[0].behind is None and board.rows[0].accuracy == share(190, IMAGES)
    assert board.rows[1].behind == paired_drop(right[16], right[24])
    assert board.rows[2].behind == paired_drop(right[16], right[8])
    shown = table(board)[1]
    assert "no difference shown" in shown[1][2] and shown[2][2].endswith("points")
    assert len(board.notes) == 1 and "--measure DEVICE" in board.notes[0], "why there is no latency"


def test_other_images_are_not_compared_and_that_is_said(tmp_path):
    found = [candidate(8, answers(180, 1), tmp_path), candidate(16, answers(120, 2), tmp_path, data="e" * 64)]
    board = leaderboard(found, CompareSettings())
    assert board.rows[1].behind is None and "same images" in board.notes[0]


def test_a_model_without_labels_stands_last_without_accuracy(tmp_path):
    board = leaderboard([candidate(8, None, tmp_path), candidate(16, answers(20, 1), tmp_path)], CompareSettings())
    assert [row.model for row in board.rows] == ["m16", "m8"] and board.rows[1].accuracy is None


def test_columns_in_which_nobody_has_anything_are_left_out(tmp_path):
    board = leaderboard([candidate(8, None, tmp_path), candidate(16, None, tmp_path)], CompareSettings())
    columns, rows = table(board)
    assert columns == ["model", "size"] and [len(row) for row in rows] == [2, 2]
    assert any(note.startswith("No model has an accuracy: --verification FILE") for note in board.notes)
    board = leaderboard([candidate(8, None, tmp_path), candidate(16, answers(9, 1), tmp_path)], CompareSettings())
    assert table(board)[0] == ["model", "accuracy", "size"]


@pytest.mark.parametrize(
    ("settings", "left"),
    [
        (CompareSettings(min_accuracy=80.0), ["m24"]),
        (CompareSettings(max_latency_ms=15.0), ["m8"]),
        (CompareSettings(sort="latency"), ["m8", "m24"]),
        (CompareSettings(sort="size"), ["m8", "m24"]),
        (CompareSettings(), ["m24", "m8"]),
    ],
)
def test_order_and_bounds(settings, left, tmp_path):
    found = [candidate(8, answers(120, 1), tmp_path), candidate(24, answers(190, 2), tmp_path)]
    latency = {"m8": 10.0, "m24": 20.0}
    board = leaderboard(found, settings, lambda each: [estimated(latency[each.name])])
    assert [row.model for row in board.rows] == left
    assert set(board.left_out) == {"m8", "m24"} - set(left)
    assert all(
        each.kind == "estimated" and each.energy_mj == each.latency_ms * 6
        for row in board.rows
        for each in row.latencies
    )
    assert any("not measured" in line for line in sentences(board))
    assert Leaderboard.from_dict(json.loads(json.dumps(board.to_dict()))) == board


def test_latencies_of_one_place_decide_and_what_has_none_says_why(tmp_path):
    """m8 is fast on another board, which says nothing; m40 was refused an estimate."""
    found = [candidate(filters, answers(150, filters), tmp_path) for filters in (8, 16, 24, 32, 40)]
    other = dataclasses.replace(estimated(1.0), device="raspberry_pi_5")
    refused = dataclasses.replace(
        estimated(1.0),
        latency_ms=None,
        interval_ms=None,
        energy_mj=None,
        energy_interval_mj=None,
        refusal="GELU is new.",
    )
    latency = {
        "m8": [other],
        "m16": [other, estimated(30.0)],
        "m24": [estimated(20.0)],
        "m32": [estimated(40.0), refused],
        "m40": [refused],
    }
    board = leaderboard(found, CompareSettings(sort="latency"), lambda each: latency[each.name])
    assert [row.model for row in board.rows][:3] == ["m24", "m16", "m32"]
    notes = "\n".join(board.notes)
    assert "by their latency on raspberry_pi_4 with 4 threads" in notes
    assert "m8 has no latency on raspberry_pi_4" in notes and "m40 has no latency that decides: not estimated" in notes
    assert "m32 is not estimated: GELU is new." in notes and notes.count("GELU is new") == 2, "said once of each"


def test_two_runs_with_the_same_file_have_a_row_each(tmp_path):
    first = candidate(8, answers(120, 1), tmp_path)
    second = dataclasses.replace(first, name="again", verification=verification(first.file, answers(150, 2)))
    board = leaderboard([first, second], CompareSettings())
    assert [(row.model, row.accuracy.percent) for row in board.rows] == [("again", 75.0), ("m8", 60.0)]
    assert board.rows[1].behind.percent == 15.0 and not board.left_out


def test_what_cannot_be_estimated_is_refused_before_anything_is_measured(tmp_path):
    path = candidate(8, None, tmp_path).path
    done = run_cli("compare", path, "--measure", "local", "--device", "nowhere")
    assert "nowhere is not calibrated" in check_clean_failure(done, 1) and "Measuring" not in done.stderr


def test_threads_of_a_measurement_ask_for_no_estimate(tmp_path):
    done = run_cli("compare", candidate(8, None, tmp_path).path, "--measure", "local", "--threads", "1")
    assert done.returncode == 0 and "measured" in done.stdout, done.stderr


def test_the_page_marks_estimates(tmp_path):
    found = [candidate(8, answers(120, 1), tmp_path), candidate(24, answers(190, 2), tmp_path)]
    page = leaderboard_page(leaderboard(found, CompareSettings(), lambda each: [estimated(12.0)]))
    assert (
        "Latency on raspberry_pi_4, 4 threads, estimated" in page
        and "no difference" not in page
        and "<script" not in page
    )


def test_records_are_matched_by_the_digest_of_the_file(tmp_path):
    made = candidate(8, answers(120, 1), tmp_path)
    write_json(tmp_path / "v.json", made.verification.to_dict())
    (found,) = candidates([str(made.path)], [str(tmp_path / "v.json")])
    assert found.verification == made.verification
    other = dataclasses.replace(made.verification, model_sha256="0" * 64)
    write_json(tmp_path / "v.json", other.to_dict())
    with pytest.raises(UsageError, match="none of these models"):
        candidates([str(made.path)], [str(tmp_path / "v.json")])


def test_the_command_over_folders_of_runs(tmp_path):
    for filters, count in ((8, 120), (16, 190)):
        folder = tmp_path / f"run{filters}"
        folder.mkdir()
        made = candidate(filters, answers(count, filters), folder)
        write_json(folder / "verification.json", made.verification.to_dict())
    done = run_cli(
        "compare",
        *sorted(map(str, tmp_path.glob("run*"))),
        "--json",
        tmp_path / "c.json",
        "--html",
        tmp_path / "c.html",
    )
    assert done.returncode == 0, done.stderr
    board = Leaderboard.from_dict(json.loads((tmp_path / "c.json").read_text()))
    assert [row.model for row in board.rows] == ["run16", "run8"] and board.rows[1].behind.percent == 35.0
    assert done.stdout.index("run16") < done.stdout.index("run8") and (tmp_path / "c.html").exists()
    again = edgecnn.compare(sorted(tmp_path.glob("run*")), tmp_path / "python.html", max_size_mb=50)
    assert again == board and (tmp_path / "python.html").read_text() == (tmp_path / "c.html").read_text()
    with pytest.raises(UsageError, match="no models to compare"):
        edgecnn.compare([])
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "holds no .tflite file" in check_clean_failure(run_cli("compare", empty), 2)


def test_a_classifier_is_right_where_its_best_class_is_the_true_one():
    scores, truths = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32), np.arange(50) % 4
    contract = tiny_models.classifier().contract
    right = load("classification").right([[each] for each in scores], list(truths), contract)
    assert right.tolist() == [int(np.argmax(each)) == truth for each, truth in zip(scores, truths)]
