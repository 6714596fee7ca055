"""The search: estimates discard, trials rank, finalists are trained and measured; every step is kept on disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgecnn.core import files
from edgecnn.core.errors import BoundNotMetError, EdgecnnError, WeightsError
from edgecnn.core.progress import Progress, silent
from edgecnn.devices import open_device
from edgecnn.estimation import Estimate
from edgecnn.estimation.estimating import of_totals
from edgecnn.parallel.opening import opened as workers_opened
from edgecnn.recipe.search_settings import SearchSettings
from edgecnn.searching import outcome, sampler
from edgecnn.searching.candidate import Candidate
from edgecnn.searching.constraints import Miss, discarded
from edgecnn.searching.finalist import measure
from edgecnn.searching.front import promoted
from edgecnn.searching.journal import Journal, opened
from edgecnn.searching.outcome import Found
from edgecnn.searching.page import search_page
from edgecnn.searching.record import Finalist, Measured, Network, SearchResult
from edgecnn.searching.steps import Steps, points
from edgecnn.searching.task import Task, check_device, task_of

RESULT, PAGE, BEST = "search.json", "search.html", "best.toml"


def search(
    settings: SearchSettings,
    recipe: Mapping[str, Any] | None = None,
    *,
    folder: str | Path,
    restart: bool = False,
    progress: Progress = silent,
) -> SearchResult:
    """Search for the most accurate model that meets the constraints on a device.

    Args:
        settings: what to search for.
        recipe: other sections that all candidates share, as TOML values: train, prune, quantize, verify.
        folder: where the search is kept: `search.json`, `search.html`, `best.toml`, and all steps; a stopped search
            goes on there.
        restart: forget what was done there.
        progress: called with (stage, done, total).

    Raises:
        UsageError: a setting is wrong, or the folder holds another search.
        BoundNotMetError: no candidate meets the constraints, or no finalist; the nearest is named.
        WeightsError: no candidate's pretrained weights can be had.
        EdgecnnError: nothing is known of the device, or the time limit ended before a finalist was trained; what was
            done is kept.
    """
    sampler.check_installed()
    task = task_of(settings, recipe or {})
    with opened(Path(folder), task.identity(), restart=restart) as journal:
        if settings.place.device is not None and not journal.read(RESULT, SearchResult):
            check_device(settings.place.device)
        return _searched(task, journal, progress)


def _searched(task: Task, journal: Journal, progress: Progress) -> SearchResult:
    effort = task.settings.effort
    with workers_opened(effort.ray, effort.workers) as executor:
        steps = Steps(task, journal, progress, executor.slots)
        networks = steps.appraisals(executor)
        estimates, misses = _estimated(task, networks)
        _refuse_nothing(task, networks, misses)
        fastest = _fastest(task, estimates, misses)
        latencies = {key: float(estimates[each.key].latency_ms or 0.0) for key, each in fastest.items()}
        trials = steps.trials(executor, fastest, latencies)
    chosen = _chosen(task, estimates, misses, {key: trial for key, trial in trials.items() if not trial.error})
    with workers_opened(effort.ray, effort.workers, whole=True) as executor:
        finalists = steps.finalists(executor, chosen)
    measured = _measured(steps, finalists)
    found = Found(task, networks, estimates, misses, trials, finalists, measured)
    result = outcome.result(found, steps.spent_s())
    _write(result, task, journal)
    _refuse_no_best(result, found, steps)
    return result


def _estimated(task: Task, networks: Mapping[str, Network]) -> tuple[dict[str, Estimate], dict[str, Miss]]:
    """The estimate of each candidate that could be built, and why some can't meet the constraints; by key."""
    estimates, misses = {}, {}
    for candidate in task.candidates:
        network, form = networks[candidate.network_key], candidate.number_format
        estimate = None if network.error else of_totals(candidate.name, form, {form: network.amounts}, task.laws)
        if estimate is not None:
            estimates[candidate.key] = estimate
        miss = discarded(candidate, network, estimate, task.settings.constraints)
        if miss is not None:
            misses[candidate.key] = miss
    return estimates, misses


def _refuse_nothing(task: Task, networks: Mapping[str, Network], misses: Mapping[str, Miss]) -> None:
    """Say what is nearest where no candidate can meet the constraints."""
    if len(misses) < len(task.candidates):
        return
    errors = [network.error for network in networks.values() if network.error]
    if len(errors) == len(networks):
        raise WeightsError(f"None of the {len(errors)} networks can be built. The first: {errors[0]}")
    nearest = min(task.candidates, key=lambda candidate: misses[candidate.key].ratio)
    raise BoundNotMetError(
        f"None of the {len(misses)} candidates can meet the constraints. The nearest is {nearest.name}: "
        f"{misses[nearest.key].sentence} Relax the constraint, or add smaller --widths, --input-sizes or --keeps."
    )


def _fastest(task: Task, estimates: Mapping[str, Estimate], misses: Mapping[str, Miss]) -> dict[str, Candidate]:
    """Of each network that may be tried, the candidate with the scheme that is fastest."""
    found: dict[str, Candidate] = {}
    for each in task.candidates:
        before = found.get(each.network_key)
        if each.key in misses:
            continue
        if before is None or (estimates[each.key].latency_ms or 0) < (estimates[before.key].latency_ms or 0):
            found[each.network_key] = each
    return found


def _chosen(
    task: Task, estimates: Mapping[str, Estimate], misses: Mapping[str, Miss], trials: Mapping[str, Any]
) -> list[Candidate]:
    """The finalists, the most valuable first: of those on the most images, then of the others."""
    bound_ms, effort = task.settings.constraints.latency_ms, task.settings.effort
    open_ones = [each for each in task.candidates if each.key not in misses and each.network_key in trials]
    chosen: list[Candidate] = []
    for images in sorted({trial.images for trial in trials.values()}, reverse=True):
        group = [each for each in open_ones if trials[each.network_key].images == images]
        latencies = {each.key: float(estimates[each.key].latency_ms or 0.0) for each in group}
        known = list(points({each.key: trials[each.network_key] for each in group}, latencies).values())
        places = promoted(known, effort.finalists - len(chosen), bound_ms, task.guessing)
        chosen += [group[row] for row in places]
    return chosen


def _measured(steps: Steps, finalists: Mapping[str, Finalist]) -> dict[str, Measured]:
    """Each finalist on the device, one at a time; nothing else of the search runs meanwhile."""
    settings, journal = steps.task.settings, steps.journal
    good = [key for key, each in finalists.items() if not each.error]
    done = {key: journal.read(f"finalists/{key}/measured.json", Measured) for key in good}
    left = [key for key in good if done[key] is None]
    if settings.place.device is None or not left:
        return {key: record for key, record in done.items() if record is not None}
    with open_device(settings.place.device, progress=steps.progress) as device:
        for number, key in enumerate(left):
            steps.progress(f"Measuring on {settings.place.device}", number, len(left))
            record = measure(journal.folder / "finalists" / key, device, steps.task.threads)
            if not record.error:
                journal.write(f"finalists/{key}/measured.json", record)
            done[key] = record
        steps.progress(f"Measuring on {settings.place.device}", len(left), len(left))
    return {key: record for key, record in done.items() if record is not None}


def _write(result: SearchResult, task: Task, journal: Journal) -> None:
    journal.write(RESULT, result)
    files.write_text(journal.folder / PAGE, search_page(result))
    if result.best:
        files.write_text(journal.folder / BEST, outcome.best_recipe(result, task))
    else:
        (journal.folder / BEST).unlink(missing_ok=True)


def _refuse_no_best(result: SearchResult, found: Found, steps: Steps) -> None:
    if result.best:
        return
    effort, good = found.task.settings.effort, [each for each in found.finalists.values() if not each.error]
    if good:
        raise BoundNotMetError(outcome.nearest(result, found.task))
    if found.finalists:
        raise EdgecnnError(f"No finalist could be made. The first: {next(iter(found.finalists.values())).error}")
    raise EdgecnnError(
        f"The time limit of {effort.budget:g} minutes ended before a finalist was trained; {len(found.trials)} trials "
        f"are done and kept in {steps.journal.folder}. Give the same command with a larger --budget: it goes on there."
    )
