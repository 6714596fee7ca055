"""Two models in turns, and one model over time, here and on a board that gets hot."""

from __future__ import annotations

import dataclasses
import itertools
import json
import time

import pytest
import tiny_models
from commands import run_cli

from edgecnn.core.errors import UsageError
from edgecnn.devices import open_device
from edgecnn.profiling.compare import Comparison, compare
from edgecnn.profiling.noise import judge_company
from edgecnn.profiling.sustained import sustain
from edgecnn.runtime.measure import sustained as runtime_sustain
from edgecnn.runtime.measure.interleaved import compare as in_turns
from edgecnn.runtime.measure.latency import Plan


def test_the_lighter_model_is_the_faster_one():
    light, heavy = tiny_models.classifier(8), tiny_models.classifier(256)
    with open_device() as device:
        found = compare(heavy, light, device, threads=1, runs=100)
    assert found.differs and found.interval[0] > 1
    assert found.sentence().startswith("tiny8.tflite is ")
    assert found.rounds == 20
    assert json.loads(json.dumps(found.to_dict()))["differs"] is True


def test_turns_alternate_and_end_with_the_budget(monkeypatch):
    order = []
    from edgecnn.runtime.measure import interleaved as module

    def note(engine, tensor, runs, budget_s=0.0, clock=None):
        order.append(engine.file.name)
        return [1.0] * runs

    monkeypatch.setattr(module, "timed_runs", note)
    light, heavy = tiny_models.classifier(8), tiny_models.classifier(16)
    rounds = in_turns(light, heavy, Plan(threads=1, runs=1, warmup=1))["rounds"]
    assert len(rounds) == module.MIN_ROUNDS
    assert order[2:8] == [light.name, heavy.name, heavy.name, light.name, light.name, heavy.name]
    assert len(in_turns(light, heavy, Plan(threads=1, budget_s=1e-9))["rounds"]) == module.MIN_ROUNDS // 2


@pytest.mark.parametrize(
    ("ratio", "interval", "words"),
    [
        (1.002, (0.99, 1.01), "No difference between"),
        (2.0, (1.9, 2.1), "b is 2.00 times as fast as a"),
        (0.5, (0.4, 0.6), "a is 2.00 times as fast as b"),
    ],
)
def test_sentences(ratio, interval, words):
    found = Comparison("a", "b", "pi4", "cpu", 1, 20, 10.0, 5.0, ratio, interval, emulated=True)
    assert words in found.sentence()
    assert "EMULATED" in found.sentence()


def _answer(**changes):
    system = {"cores": 2, "emulated": False}
    return {"system": system, "clock": "wall", "disturbed": 0.0, "others": 0.1, "stolen": 0.0, **changes}


@pytest.mark.parametrize(
    ("answer", "threads", "reason"),
    [
        (_answer(), 2, ""),
        (_answer(others=1.0), 1, ""),
        (_answer(others=1.5), 1, "Meanwhile other programs used 1.5 of the 2 processors, and the model needs 1."),
        (_answer(others=1.5, clock="processor"), 1, ""),
        (_answer(others=None, disturbed=0.9), 2, "The system interrupted the model in 90% of the rounds."),
        (_answer(stolen=0.4, clock="processor"), 1, "The hypervisor gave the time of 0.4 processors"),
        (_answer(others=9.0, system={"cores": 2, "emulated": True}), 1, ""),
    ],
)
def test_the_verdict_on_a_machine_with_other_programs(answer, threads, reason):
    found = judge_company(answer, threads)
    assert found.too_noisy == bool(reason) and "".join(found.reasons).startswith(reason)


def test_a_ratio_of_a_busy_machine_is_refused():
    noise = judge_company(_answer(others=1.5), 2)
    found = Comparison("a", "b", "local", "cpu", 2, 20, 10.0, 5.0, 2.0, (1.9, 2.1), False, "wall", noise)
    assert not found.differs and "times as fast" not in found.sentence()
    assert "because the machine was too busy. Meanwhile other programs used 1.5" in found.sentence()
    assert "--threads 1" in found.sentence()


@pytest.mark.parametrize(
    ("threads", "name", "clock"), [(1, "processor", time.thread_time_ns), (2, "wall", time.perf_counter_ns)]
)
def test_one_thread_is_timed_by_a_clock_that_stands_while_other_programs_run(threads, name, clock, monkeypatch):
    from edgecnn.runtime.measure import interleaved as module

    clocks = set()

    def note(engine, tensor, runs, budget_s=0.0, clock=None):
        clocks.add(clock)
        return [1.0] * runs

    monkeypatch.setattr(module, "timed_runs", note)
    found = in_turns(tiny_models.classifier(8), tiny_models.classifier(16), Plan(threads=threads, warmup=1))
    assert found["clock"] == name and clocks - {None} == {clock}


def test_wall_time_leaves_out_rounds_in_which_the_processor_was_taken_away(monkeypatch):
    from edgecnn.runtime.measure import interleaved as module

    counts = itertools.chain([0, 1], itertools.repeat(1))
    monkeypatch.setattr(module, "preemptions", lambda: next(counts))
    found = in_turns(tiny_models.classifier(8), tiny_models.classifier(16), Plan(threads=2, runs=1, warmup=1))
    assert found["clock"] == "wall"
    assert (len(found["rounds"]), found["disturbed"]) == (module.MIN_ROUNDS - 1, 1 / module.MIN_ROUNDS)


def test_sustained_here():
    with open_device() as device:
        found = sustain(tiny_models.classifier(), device, 2, threads=1)
    ends = [window.end_s for window in found.windows]
    assert ends == sorted(ends) and ends[-1] >= 1.9
    assert found.fall == pytest.approx(1 - found.steady_fps / found.initial_fps, abs=1e-3)
    json.dumps(found.to_dict())
    busy = dataclasses.replace(found, noise=judge_company(_answer(others=1.5), 2))
    assert "Too noisy" in busy.sentences()[-1] and "1.5 of the 2 processors" in busy.sentences()[-1]


def test_a_window_of_samples():
    window = runtime_sustain._window([1, 2, 3], 1.0, 0.006)
    assert [window[key] for key in ("end_s", "fps", "median_ms", "p95_ms")] == [1.0, 500.0, 2, 2.9]


def test_less_than_a_second_is_refused():
    with open_device() as device, pytest.raises(UsageError, match="at least 1"):
        sustain(tiny_models.classifier(), device, 0)


def test_command_with_two_models(tmp_path):
    paths = []
    for filters in (8, 256):
        paths.append(tmp_path / f"tiny{filters}.tflite")
        paths[-1].write_bytes(tiny_models.classifier(filters).data)
    done = run_cli("profile", *paths, "--runs", "20", "--sustained", "1", "--json", "-")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [len(found[key]) for key in ("profiles", "comparisons", "sustained")] == [2, 1, 2]
    low, high = found["comparisons"][0]["interval"]
    assert 0 < low <= high
