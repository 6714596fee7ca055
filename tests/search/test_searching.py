"""A whole search whose jobs are formulas: what it finds is held against all candidates, one by one."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import fake_jobs
import pytest
from color_pictures import write_pictures
from fake_jobs import ARCHITECTURES, SIZES, WIDTHS, Inline, KilledError

from edgecnn.core.errors import BoundNotMetError, EdgecnnError, RecipeError, UsageError
from edgecnn.core.files import parse_toml
from edgecnn.estimation import known
from edgecnn.parallel import opening
from edgecnn.recipe.search_settings import SearchSettings
from edgecnn.searching import pipeline, steps
from edgecnn.searching.front import Point, hypervolume
from edgecnn.searching.record import Row, SearchResult
from edgecnn.searching.task import laws_of, settings_of

SPACE = {"architectures": ARCHITECTURES, "widths": WIDTHS, "input_sizes": SIZES, "weights": "none", "device": "local"}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_pictures(tmp_path_factory.mktemp("data") / "colors", 12))


@pytest.fixture(autouse=True)
def fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    known.keep("local", fake_jobs.laws())
    monkeypatch.setattr(steps, "appraise", fake_jobs.appraise)
    monkeypatch.setattr(steps, "try_out", fake_jobs.try_out)
    monkeypatch.setattr("edgecnn.searching.finalist.make", fake_jobs.make)
    monkeypatch.setattr(pipeline, "measure", fake_jobs.measured_by(1.05))
    monkeypatch.setattr(pipeline, "check_device", lambda name: None)
    use(monkeypatch)


def use(monkeypatch: pytest.MonkeyPatch, slots: int = 3, stop_after: int | None = None) -> None:
    Inline.done = 0
    monkeypatch.setattr(opening, "open_executor", lambda *args, **options: Inline(slots, stop_after))


def searched(pictures: str, folder: Path, **given: Any) -> SearchResult:
    return pipeline.search(SearchSettings.of({"data": pictures, **SPACE, **given}), folder=folder)


def truth(row: Row, factor: float = 1.05) -> Point:
    images = fake_jobs.IMAGES
    return Point(factor * fake_jobs.latency_ms(row.candidate), fake_jobs.right(row.candidate, images))


def test_the_best_under_a_bound_is_the_best_of_all(
    pictures: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "measure", fake_jobs.measured_by(1.0))
    found = searched(pictures, tmp_path / "out", max_latency_ms=3.0, trials=40)
    best = found.rows[0]
    possible = [truth(row, 1.0) for row in found.rows if truth(row, 1.0).latency_ms <= 3.0]
    assert best.state == "best" and best.candidate.key == found.best
    assert best.accuracy is not None
    assert best.accuracy.percent == pytest.approx(max(point.accuracy for point in possible), abs=0.1)
    assert best.latency_kind == "measured" and best.latency_ms == pytest.approx(truth(best, 1.0).latency_ms)
    for row in found.rows:  # exactly those whose optimistic end is beyond the bound
        low = fake_jobs.latency_ms(row.candidate) / 1.2
        assert (row.state == "discarded") == (low > 3.0)
        assert ("at best, estimated), more than 3 ms" in row.reason) == (low > 3.0) or row.accuracy_kind == "artifact"
    recipe = parse_toml((tmp_path / "out/best.toml").read_text())
    assert recipe["model"]["name"] == best.candidate.architecture and recipe["train"]["data"] == pictures
    assert recipe["model"]["width"] == best.candidate.width and recipe["profile"] == {"device": "local", "threads": [1]}
    assert SearchResult.from_dict(json.loads((tmp_path / "out/search.json").read_text())) == found


def test_the_front_of_few_measurements_is_most_of_the_whole_front(pictures: str, tmp_path: Path) -> None:
    found = searched(pictures, tmp_path / "out", finalists=4, trials=18)
    reference = Point(2 * max(truth(row).latency_ms for row in found.rows), 20.0)
    whole = hypervolume([truth(row) for row in found.rows], reference)
    finalists = [truth(row) for row in found.rows if row.accuracy_kind == "artifact"]
    assert found.board_runs == len(finalists) == 4
    assert hypervolume(finalists, reference) >= 0.9 * whole
    assert sum(row.state == "not tried" for row in found.rows) == len(found.rows) - 18


def test_stopped_after_any_job_it_goes_on_to_the_same_result(
    pictures: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"fps": 250.0, "trials": 10, "finalists": 3}
    whole = searched(pictures, tmp_path / "whole", **options)
    jobs = Inline.done
    for stop in range(0, jobs, 4):
        folder = tmp_path / f"stopped{stop}"
        use(monkeypatch, slots=1 + stop % 4, stop_after=stop)
        with pytest.raises(KilledError):
            searched(pictures, folder, **options)
        assert not (folder / "search.json").exists()
        use(monkeypatch, slots=2)
        found = searched(pictures, folder, **options)
        assert dataclasses.replace(found, seconds=whole.seconds) == whole
        assert Inline.done == jobs - stop, "what was done is not done again"
        assert (folder / "best.toml").read_text() == (tmp_path / "whole/best.toml").read_text()


def test_a_damaged_record_is_made_again(pictures: str, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    found = searched(pictures, folder, trials=6, finalists=2)
    damaged = next(folder.glob("trials/*/*.json"))
    damaged.write_text(damaged.read_text()[:40])
    Inline.done = 0
    assert searched(pictures, folder, trials=6, finalists=2) == found and Inline.done == 1


def test_constraints_that_nothing_meets_name_the_nearest(pictures: str, tmp_path: Path) -> None:
    with pytest.raises(
        BoundNotMetError, match=r"None of the 36 candidates .* nearest is mobilenet_v1 0\.25, 32 px, int8"
    ):
        searched(pictures, tmp_path / "fast", max_latency_ms=0.01)
    with pytest.raises(BoundNotMetError, match=r"mobilenet_v1 0\.25.* 0\.25 MB"):
        searched(pictures, tmp_path / "small", max_size_mb=0.1)
    with pytest.raises(UsageError, match="nobody measured the power"):
        searched(pictures, tmp_path / "energy", max_energy_mj=1.0)


def test_finalists_that_miss_the_bound_when_measured(
    pictures: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "measure", fake_jobs.measured_by(40.0))
    with pytest.raises(BoundNotMetError, match=r"None of the 2 finalists meets the constraints\. The nearest is"):
        searched(pictures, tmp_path / "out", max_latency_ms=3.0, trials=6, finalists=2)
    found = SearchResult.from_dict(json.loads((tmp_path / "out/search.json").read_text()))
    assert found.best == "" and not (tmp_path / "out/best.toml").exists() and (tmp_path / "out/search.html").exists()
    assert any("outside the interval of the estimate" in note for note in found.notes)


def test_an_edge_tpu_takes_whole_int8_graphs_only(pictures: str, tmp_path: Path) -> None:
    found = searched(pictures, tmp_path / "out", edge_tpu=True, schemes=("int8", "float32"), trials=6, finalists=2)
    discarded = [row for row in found.rows if row.state == "discarded"]
    assert all(row.candidate.architecture != "mobilenet_v3_small" for row in found.rows if row not in discarded)
    assert any("SOFTMAX: not here" in row.reason for row in discarded)
    assert any("it computes in float32" in row.reason for row in discarded)


def test_a_time_limit_keeps_what_was_done(pictures: str, tmp_path: Path) -> None:
    with pytest.raises(EdgecnnError, match=r"time limit of 0\.1 minutes ended .* larger --budget"):
        searched(pictures, tmp_path / "out", budget=0.1)
    found = searched(pictures, tmp_path / "out", budget=60.0)
    assert found.best and found == dataclasses.replace(searched(pictures, tmp_path / "other"), seconds=found.seconds)


def test_without_a_device_all_is_estimated(pictures: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgecnn.searching.task.laws_of", lambda place: fake_jobs.laws())
    found = searched(pictures, tmp_path / "out", device=None, board="raspberry_pi_4", trials=6, finalists=2)
    assert found.board_runs == 0 and found.rows[0].latency_kind == "estimated"
    assert "No device was measured: all latencies are estimated." in found.notes
    assert "[profile]" not in (tmp_path / "out/best.toml").read_text()


def test_another_search_in_the_same_folder_is_refused(pictures: str, tmp_path: Path) -> None:
    searched(pictures, tmp_path / "out", trials=4, finalists=1)
    with pytest.raises(UsageError, match=r"holds a search with other settings \(trials\)"):
        searched(pictures, tmp_path / "out", trials=5, finalists=1)


def test_a_device_that_is_not_calibrated(pictures: str) -> None:
    with pytest.raises(EdgecnnError, match="edgecnn devices calibrate pi4"):
        laws_of(SearchSettings.of({"data": pictures, "device": "pi4"}).place)
    assert laws_of(SearchSettings.of({"data": "x", "device": "pi4", "board": "raspberry_pi_4"}).place).threads == 4
    with pytest.raises(UsageError, match="Name the device to search for"):
        laws_of(SearchSettings.of({"data": pictures}).place)


def test_settings_come_from_the_recipe_and_from_options(pictures: str, tmp_path: Path) -> None:
    recipe = {"search": {"fps": 30, "trials": 9}, "train": {"data": pictures, "epochs": 3}}
    settings = settings_of(recipe, {"trials": 5})
    assert (settings.data, settings.constraints.latency_ms, settings.effort.trials) == (pictures, 1000 / 30, 5)
    settings = SearchSettings.of({"data": pictures, **SPACE, "trials": 4, "finalists": 1})
    pipeline.search(settings, recipe, folder=tmp_path / "out")
    assert parse_toml((tmp_path / "out/best.toml").read_text())["train"]["epochs"] == 3
    with pytest.raises(RecipeError, match="received model"):
        pipeline.search(settings, {"model": {"name": "vgg16"}}, folder=tmp_path / "other")
    with pytest.raises(RecipeError, match="epochz"):
        pipeline.search(settings, {"train": {"epochz": 3}}, folder=tmp_path / "other")


def test_the_page_tells_measured_from_estimated_by_shape(pictures: str, tmp_path: Path) -> None:
    found = searched(pictures, tmp_path / "out", max_latency_ms=5.0)
    page = (tmp_path / "out/search.html").read_text()
    assert "artifact, latency measured" in page and "short trial, latency estimated" in page
    assert found.rows[0].candidate.name in page and "more than 5 ms" in page
