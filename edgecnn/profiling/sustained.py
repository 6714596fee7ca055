"""Does a model stay that fast? Frames a second over minutes, and what the board's heat and power did to them."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import Annotated, Any

from edgecnn.core.errors import UsageError
from edgecnn.devices import Device
from edgecnn.profiling.noise import NO_VERDICT, Verdict, judge_company
from edgecnn.runtime.model.model_file import AnyFile
from edgecnn.runtime.model.validation import Length, Range, Record

HELD = 0.03  # a smaller fall is no fall


@dataclass(frozen=True)
class Window(Record):
    """Some seconds of it.

    Attributes:
        end_s: since the start.
        fps: inferences a second.
        median_ms, p95_ms: of one inference.
        temperature_c, clock_mhz: at the end; None is what the board doesn't tell.
        throttled_now: flags that were up.
        extra: what else `runtime.measure.system.conditions` says.
    """

    EXTRA = "extra"

    end_s: float
    fps: Annotated[float, Range(0, 1e9)]
    median_ms: float
    p95_ms: float
    temperature_c: float | None = None
    clock_mhz: float | None = None
    throttled_now: tuple[str, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Sustained(Record):
    """A model that ran without a pause.

    Attributes:
        seconds: for how long.
        windows: in order.
        initial_fps: median of the windows in the first tenth.
        steady_fps: median of the windows in the last third.
        fall: 1 - steady / initial; below 0 where it became faster.
        throttled: flags that were up at some time, e.g. "under-voltage".
        emulated: whether the device is an emulator, whose times say nothing about a real board.
        noise: whether other programs used the processors meanwhile.
    """

    model: str
    device: str
    delegate: str
    threads: int
    seconds: float
    windows: Annotated[tuple[Window, ...], Length(least=1)]
    initial_fps: float
    steady_fps: float
    fall: float
    throttled: tuple[str, ...]
    emulated: bool
    noise: Verdict = NO_VERDICT

    def sentences(self) -> list[str]:
        """The result for a person."""
        where = f"{self.model} on {self.device}"
        marked = " (EMULATED)" if self.emulated else ""
        change = f"{abs(self.fall):.0%} {'below' if self.fall > 0 else 'above'} the {self.initial_fps:.1f} at the start"
        held = "as at the start" if abs(self.fall) < HELD else change
        lines = [f"Sustained, {where}: {self.steady_fps:.1f} fps in the steady state{marked}, {held}."]
        heat = [window.temperature_c for window in self.windows if window.temperature_c is not None]
        clock = [window.clock_mhz for window in self.windows if window.clock_mhz is not None]
        lines += [f"Temperature {heat[0]:.0f} to {max(heat):.0f} °C."] if heat else []
        lines += [f"Clock {min(clock):.0f} to {max(clock):.0f} MHz."] if clock else []
        lines += [f"The board throttled its clock: {', '.join(self.throttled)}."] if self.throttled else []
        if self.noise.too_noisy:
            lines.append(
                f"Too noisy ({where}, sustained): {' '.join(self.noise.reasons)} The change may be due to this."
            )
        return lines


def sustain(model: AnyFile, device: Device, seconds: float, **options: Any) -> Sustained:
    """Run a model on a device without a pause.

    Args:
        model: the model.
        device: where.
        seconds: for how long; ten minutes show what a closed case does.
        **options: delegate, threads (one number or None) and warmup of `edgecnn.runtime`.

    Raises:
        UsageError: less than a second.
        EdgecnnError: the device or the model can't be used.
    """
    if seconds < 1:
        raise UsageError(f"--sustained is {seconds} s; expected at least 1 s.")
    answer = device.run("sustained", [model], seconds=seconds, **options)
    windows = tuple(Window.from_dict(values) for values in answer["windows"])
    fps = [window.fps for window in windows]
    initial = statistics.median(fps[: max(1, len(fps) // 10)])
    steady = statistics.median(fps[-max(1, len(fps) // 3) :])
    return Sustained(
        model=model.name,
        device=device.name,
        delegate=options.get("delegate") or "cpu",
        threads=answer["threads"],
        seconds=seconds,
        windows=windows,
        initial_fps=round(initial, 3),
        steady_fps=round(steady, 3),
        fall=round(1 - steady / initial, 4),
        throttled=tuple(sorted({flag for window in windows for flag in window.throttled_now})),
        emulated=answer["system"]["emulated"],
        noise=judge_company(answer, answer["threads"]),
    )
