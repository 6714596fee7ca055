"""A browser as a device: LiteRT.js does there what `edgecnn.runtime` does elsewhere."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from edgecnn.core.errors import DeviceError
from edgecnn.core.text import counted
from edgecnn.devices import Listener
from edgecnn.devices.browser import systems
from edgecnn.devices.browser.conversation import Conversation
from edgecnn.devices.browser.fitness import refuse, refuse_delegate, refuse_job
from edgecnn.devices.browser.place import Place
from edgecnn.devices.browser.records import Loaded, Timed
from edgecnn.devices.browser.session import PageSession
from edgecnn.devices.browser.user_agent import browser_of
from edgecnn.runtime.measure.latency import Latencies, Measurement, test_inputs
from edgecnn.runtime.measure.others import Others
from edgecnn.runtime.measure.samples import summary, thinned
from edgecnn.runtime.measure.sustained import MIN_WINDOW_S, WINDOWS
from edgecnn.runtime.model.model_file import AnyFile, ModelFile
from edgecnn.runtime.process import lock
from edgecnn.runtime.process.limits import HANG_S, measuring_s
from edgecnn.runtime.run import golden
from edgecnn.runtime.run.engine import Interface, stored
from edgecnn.runtime.run.golden import GoldenResult
from edgecnn.runtime.run.program import safe_threads

_DEFAULT_THREADS = 4  # at most, as on boards
_WAIT_S = 600.0
_DEFAULTS = {"runs": 100, "warmup": 10, "budget": 60.0}  # of `edgecnn.runtime`
Values = dict[str, Any]


class BrowserDevice:
    """Runs jobs in a page.

    Args:
        place: where the browser is.
        note: told what a person has to do, and how far a job is.
    """

    def __init__(self, place: Place, note: Listener) -> None:
        self.name, self._place, self._note = place.name, place, note
        self._page = Conversation(place, note)
        self._jobs: Mapping[str, Callable[[Sequence[AnyFile], Values], Values]] = {
            "info": self._info, "check": self._check, "measure": self._measure, "compare": self._compare,
            "sustained": self._sustained,
        }  # fmt: skip

    def run(self, job: str, files: Sequence[AnyFile] = (), **options: Any) -> Values:
        """See `Device.run`."""
        refuse_job(job, self._jobs, self.name)
        refuse_delegate(options.get("delegate"), self.name)
        for file in files:
            refuse(file, self.name)
        given = {key: value for key, value in options.items() if value is not None}
        with self._alone(given) if files else contextlib.nullcontext():
            return self._jobs[job](files, {**_DEFAULTS, **given})

    def outputs(self, file: ModelFile, tensors: Iterable[np.ndarray], **options: Any) -> Iterator[np.ndarray]:
        """See `Device.outputs`."""
        with self.session(file, **options) as run:
            yield from run(tensors)

    def session(self, file: ModelFile, **options: Any) -> PageSession:
        """See `Device.session`."""
        refuse_delegate(options.get("delegate"), self.name)
        refuse(file, self.name)
        [threads] = self._threads([file], options)[:1]
        return self._session(file, self._load([file], threads), threads)

    def _session(self, file: ModelFile, loaded: Loaded, threads: int) -> PageSession:
        return PageSession(self._page, file, loaded, self._system([threads]), threads)

    def _alone(self, options: Values) -> contextlib.AbstractContextManager[None]:
        """The lock of this machine, if it is this one that measures."""
        return lock.measuring(float(options.get("wait", _WAIT_S))) if self._place.HERE else contextlib.nullcontext()

    def _system(self, threads: Sequence[int]) -> Values:
        return systems.describe(self._place, self._page.describe(), self._page.server.litertjs, threads)

    def _info(self, files: Sequence[AnyFile], options: Values) -> Values:
        threads = self._threads([], options)[:1]
        return {"system": self._system(threads), "conditions": systems.conditions(self._place)}

    def _check(self, files: Sequence[AnyFile], options: Values) -> Values:
        told = self._page.describe()
        page = {"one_thread": self._why_one_thread(), "clock_step_ms": told.clock_step_ms}
        return {**self._info(files, options), "browser": page}

    def _threads(self, files: Sequence[AnyFile], options: Values) -> list[int]:
        """Numbers of threads that are asked for, or fit; one where several would lose boxes.

        Raises:
            DeviceError: several, but the page has one.
        """
        told, asked = self._page.describe(), options.get("threads")
        counts = [asked] if isinstance(asked, int) else list(asked or ())
        if not counts:
            counts = [1 if self._why_one_thread() else min(_DEFAULT_THREADS, told.cores)]
        if max(counts) > 1 and self._why_one_thread():
            raise DeviceError(f"{self.name}: {max(counts)} threads were requested, but {self._why_one_thread()}")
        if max(counts) > told.cores:
            raise DeviceError(
                f"{self.name}: {max(counts)} threads were requested, but LiteRT.js has only as many as there are "
                f"processors, {told.cores}. Use --threads {told.cores}."
            )
        return [min([count, *(safe_threads(file.model.graph, count) for file in files)]) for count in counts]

    def _why_one_thread(self) -> str:
        """Why there is one thread only, and what to do; empty where there may be several."""
        told = self._page.describe()
        if not told.isolated:
            return f"the page is not cross-origin isolated, so that WebAssembly has one. {self._place.ONE_THREAD}"
        if not told.relaxed_simd:
            return (
                f"{browser_of(told.user_agent)} has no relaxed SIMD, which LiteRT.js's threads need. Use --threads 1, "
                "or a newer browser."
            )
        return ""

    def _load(self, files: Sequence[AnyFile], threads: int) -> Loaded:
        self._page.describe()
        for file in files:
            self._page.server.give(f"/model/{file.sha256}", file.data)
        told = {"models": [file.sha256 for file in files], "threads": threads}
        found: Loaded = self._page.ask("load", told, seconds=HANG_S, model=files[0].name)
        return found

    def _ask(self, job: str, files: Sequence[AnyFile], options: Values, limit_s: float, **more: Any) -> Any:
        told = {"clock_step_ms": self._page.describe().clock_step_ms, **more}
        for key in ("runs", "warmup"):
            told[key] = int(options[key])
        return self._page.ask(job, told, [_test_input(file) for file in files], limit_s, files[0].name)

    def _measure(self, files: Sequence[AnyFile], options: Values) -> Values:
        [file], replayed, measurements, import_ms = files, None, [], 0.0
        counts, budget = self._threads(files, options), float(options["budget"])
        for threads in counts:
            loaded, before = self._load(files, threads), systems.conditions(self._place)
            timed: Timed = self._ask(
                "measure", files, options, measuring_s(budget), name=_stage(file, threads), budget_s=budget
            )
            measurements.append(_measurement(loaded, timed, threads, before, systems.conditions(self._place)))
            self._tell(file, measurements[-1], timed)
            import_ms = import_ms or loaded.runtime_ms
            replayed = replayed or self._replay(file, loaded, threads)
        return {
            "system": self._system(counts),
            "import_ms": round(import_ms, 3),
            "measurements": [each.to_dict() for each in measurements],
            "golden": replayed.to_dict() if replayed else None,
        }

    def _tell(self, file: AnyFile, found: Measurement, timed: Timed) -> None:
        self._page.say(f"{_stage(file, found.threads)}: {found.latency_ms.median:.3g} ms")
        if timed.inferences_per_sample > 1:
            step = self._page.describe().clock_step_ms
            self._note(
                f"The browser's clock moves in steps of {step:.3g} ms, so each of the {found.runs} samples is the mean "
                f"of {timed.inferences_per_sample} inferences."
            )

    def _replay(self, file: AnyFile, loaded: Loaded, threads: int) -> GoldenResult | None:
        if not isinstance(file, ModelFile) or not file.contract.golden:
            return None
        with self._session(file, loaded, threads) as run:
            found = golden.replay(Interface(file), run)
        self._page.say(f"{found.identical} of {found.count} golden vectors are identical to the host's.")
        return found

    def _compare(self, files: Sequence[AnyFile], options: Values) -> Values:
        [threads], budget = self._threads(files, options)[:1], float(options["budget"])
        self._load(files, threads)
        others, names = Others(), [file.name for file in files]
        found = self._ask("compare", files, options, measuring_s(budget), names=names, budget_s=budget)
        return {
            "system": self._system([threads]), "threads": threads, "rounds": [list(each) for each in found.rounds],
            "clock": "wall", "disturbed": 0.0, **self._company(others),
        }  # fmt: skip

    def _sustained(self, files: Sequence[AnyFile], options: Values) -> Values:
        [threads], seconds = self._threads(files, options)[:1], float(options["seconds"])
        self._load(files, threads)
        others, length_s = Others(), max(MIN_WINDOW_S, seconds / WINDOWS)
        name = files[0].name
        found = self._ask("sustain", files, options, seconds + HANG_S, name=name, seconds=seconds, window_s=length_s)
        windows = [{**each.to_dict(), **systems.UNKNOWN} for each in found.windows]
        return {"system": self._system([threads]), "threads": threads, "windows": windows, **self._company(others)}

    def _company(self, others: Others) -> Values:
        """Nothing: the browser's own processes count as others here, and a phone's are unknown."""
        return {"others": None, "stolen": others.figures()["stolen"] if self._place.HERE else None}

    def close(self) -> None:
        """End the page, and the browser if it was started for this."""
        self._page.close()

    def __enter__(self) -> BrowserDevice:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _stage(file: AnyFile, threads: int) -> str:
    return f"{file.name}, {counted(threads, 'thread')}"


def _test_input(file: AnyFile) -> bytes:
    """The bytes of all inputs that are timed, one after the other."""
    graph = file.model.graph
    inputs = [stored(graph, index) for index in graph.inputs]
    return b"".join(tensor.tobytes() for tensor in test_inputs(file, inputs))


def _measurement(loaded: Loaded, timed: Timed, threads: int, before: Values, after: Values) -> Measurement:
    samples = list(timed.samples_ms)
    return Measurement(
        delegate="cpu",
        threads=threads,
        warmup_runs=timed.warmup_runs,
        runs=len(samples),
        read_ms=round(loaded.read_ms, 3),
        init_ms=round(loaded.init_ms, 3),
        warm_start_ms=round(timed.warm_start_ms, 3),
        latency_ms=Latencies(round(timed.first_ms, 4), **summary(samples)),
        samples_ms=[round(value, 5) for value in thinned(samples)],
        throughput_fps=round(1000 * len(samples) / sum(samples), 3),
        peak_rss_bytes=timed.memory_bytes,
        model_rss_bytes=timed.memory_bytes - loaded.memory_before_bytes,
        cpu_share=None,
        preemptions=None,
        before=before,
        after=after,
        not_finite=timed.not_finite,
    )
