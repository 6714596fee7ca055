"""What an artifact is worth: what `verify`, `profile`, `doctor`, `devices` and `inspect --target` do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecnn.api.notebook import progress_or
from edgecnn.core.hints import NO_HINTS, Hints
from edgecnn.core.progress import Progress
from edgecnn.profiling.settings import ProfileSettings
from edgecnn.runtime.model import model_file

if TYPE_CHECKING:
    from edgecnn.devices.check import Finding
    from edgecnn.devices.known import Entry
    from edgecnn.estimation import Estimate
    from edgecnn.estimation.calibration import Calibration
    from edgecnn.profiling import Profile
    from edgecnn.profiling.compare import Comparison
    from edgecnn.profiling.per_op import PerOperator
    from edgecnn.profiling.sustained import Sustained
    from edgecnn.targets import TargetReport
    from edgecnn.verification import Verification
    from edgecnn.verification.doctor import Diagnosis


def verify(
    model: str | Path,
    against: Any,
    data: str,
    *,
    others: str | None = None,
    hints: Hints = NO_HINTS,
    trust: bool = False,
    progress: Progress | None = None,
) -> Verification:
    """Compare an artifact with the float model it was made from, on the same images.

    Args:
        model: the `.tflite` file.
        against: what `build` gives, a Keras model, a model file, a SavedModel folder, or another `.tflite` file.
        data: the evaluation set; calibration images in it are named in the result.
        others: images of other things, for an artifact that can answer "none of these".
        hints: what is known of models by others.
        trust: run code that the float model's file carries.
        progress: called with (stage, done, total).

    Raises:
        UsageError: the models don't go together.
        DataError: the data can't be read or doesn't match the labels.
    """
    from edgecnn.verification import verify as stage

    return stage(model, against, data, others=others, hints=hints, trust=trust, progress=progress_or(progress))


def diagnose(
    model: str | Path,
    against: Any,
    data: str,
    *,
    samples: int = 32,
    hints: Hints = NO_HINTS,
    trust: bool = False,
    progress: Progress | None = None,
) -> Diagnosis:
    """Why an int8 artifact is worse than its float model, layer by layer, and what helps; see `edgecnn doctor`.

    Args:
        model: the `.tflite` file.
        against: as of `verify`.
        data: images to look at; a sample of them is.
        samples: how many.
        hints: what is known of models by others.
        trust: run code that the float model's file carries.
        progress: called with (stage, done, total).

    Raises:
        UsageError: the models don't go together.
        DataError: the data can't be read.
    """
    from edgecnn.data import open_data
    from edgecnn.verification.doctor import diagnose as stage

    images = open_data(data).sample(samples)
    found, _ = stage(hints.read(model), against, images, hints=hints, trust=trust, progress=progress_or(progress))
    return found


def profile(
    model: str | Path,
    device: str = "local",
    *,
    delegate: str = "cpu",
    threads: int | tuple[int, ...] | None = None,
    runs: int = ProfileSettings.runs,
    warmup: int = ProfileSettings.warmup,
    budget_s: float = ProfileSettings.budget,
) -> Profile:
    """Measure the latency and memory of a `.tflite` model on a device.

    Args:
        model: ours, or by others.
        device: "local", "browser", "phone", "adb", a name from devices.toml, or `[user@]host[:port]`.
        delegate: "cpu", "edgetpu[:usb|:pci|:N]" or the path of a delegate's library on the device.
        threads: one number or several (a row each); None lets the device take its processors, at most 4.
        runs: measured inferences.
        warmup: inferences before them.
        budget_s: seconds after which the runs end early.

    Raises:
        UsageError: a number makes no sense.
        DeviceError: the device can't be reached or lacks something.
        CrashError: the runtime crashed on the model.
    """
    from edgecnn.devices import delegates
    from edgecnn.profiling import profile as stage

    return stage(model, device, delegates.resolve(delegate), threads, runs, warmup, budget_s)


def compare_latency(
    first: str | Path,
    second: str | Path,
    device: str = "local",
    *,
    delegate: str = "cpu",
    threads: int | None = None,
    budget_s: float = ProfileSettings.budget,
) -> Comparison:
    """Time two models in interleaved runs on a device; arguments and errors as of `profile`."""
    from edgecnn.devices import delegates, open_device
    from edgecnn.profiling.compare import compare

    one, other = model_file.read_any(first), model_file.read_any(second)
    with open_device(device) as opened:
        return compare(
            one, other, opened, delegate=delegates.resolve(delegate), threads=threads, budget=budget_s,
            runs=ProfileSettings.runs, warmup=ProfileSettings.warmup,
        )  # fmt: skip


def profile_operators(
    model: str | Path,
    device: str = "local",
    *,
    delegate: str = "cpu",
    threads: int | None = None,
    budget_s: float = ProfileSettings.budget,
) -> PerOperator:
    """Time every operator of a model on a device; arguments and errors as of `profile`."""
    from edgecnn.devices import delegates, open_device
    from edgecnn.profiling.per_op import measure

    with open_device(device) as opened:
        return measure(
            model_file.read_any(model), opened, delegate=delegates.resolve(delegate), threads=threads, budget=budget_s,
            runs=ProfileSettings.runs, warmup=ProfileSettings.warmup,
        )  # fmt: skip


def profile_sustained(
    model: str | Path, seconds: float, device: str = "local", *, delegate: str = "cpu", threads: int | None = None
) -> Sustained:
    """Run a model on a device without a pause, to see heat and throttling.

    Args:
        model: ours, or by others.
        seconds: for how long; ten minutes show what a closed case does.
        device: as of `profile`.
        delegate: as of `profile`.
        threads: as of `profile`, one number.

    Raises:
        DeviceError: the device can't be reached or lacks something.
        CrashError: the runtime crashed on the model.
    """
    from edgecnn.devices import delegates, open_device
    from edgecnn.profiling.sustained import sustain

    with open_device(device) as opened:
        options = {"delegate": delegates.resolve(delegate), "threads": threads, "warmup": ProfileSettings.warmup}
        return sustain(model_file.read_any(model), opened, seconds, **options)


def estimate(
    model: str | Path,
    *,
    board: str | None = None,
    device: str | None = None,
    threads: int | None = None,
    runtime: str | None = None,
    delegate: str | None = None,
    trust: bool = False,
    **build: Any,
) -> tuple[Estimate, ...]:
    """Estimate latency and energy on a board that is not at hand, or on a calibrated device; nothing is run.

    Args:
        model: a name that `list_models` gives, a Keras file, a SavedModel or a `.tflite` file.
        board: for example "raspberry_pi_4", from published measurements.
        device: one that `calibrate_device` has calibrated; instead of a board.
        threads: of the processor; by default those of the measurements.
        runtime: of the measurements, or a part of its name; by default the newest TFLite.
        delegate: of the measurements, "cpu" or what the device was calibrated with; by default cpu, if it was measured.
        trust: run code that a Keras file carries.
        **build: input_size, width, classes and color of a model that is given by name, as of `build`.

    Returns:
        One estimate for a `.tflite` file, for any other model one as float32 and one as int8. An estimate without
        latency says in `refusal` why: what was not measured is not estimated.

    Raises:
        UsageError: there is no such model, or the arguments make no sense.
        ModelFileError: the file is missing or damaged.
        EdgecnnError: nobody has measured the board, or the device isn't calibrated.
    """
    from edgecnn.estimation import estimate as stage
    from edgecnn.estimation.settings import EstimateSettings
    from edgecnn.models.settings import BuildSettings

    place = EstimateSettings(board, device, threads, runtime, delegate)
    return stage(model, place, BuildSettings.of(build), trust=trust)


def calibrate_device(
    device: str = "local", *, delegate: str = "cpu", threads: int | None = None, progress: Progress | None = None
) -> Calibration:
    """Probe a device for a minute and keep the laws under its name, for `estimate`.

    Args:
        device: as of `profile`.
        delegate: as of `profile`.
        threads: as of `profile`, one number.
        progress: called with (stage, done, total).

    Raises:
        DeviceError: the device can't be reached or lacks something.
        EdgecnnError: it runs none of the probe networks.
    """
    from edgecnn.devices import delegates
    from edgecnn.estimation.calibration import calibrate_and_keep

    return calibrate_and_keep(device, delegates.resolve(delegate), threads, progress_or(progress))


def check_target(model: str | Path, target: str = "edgetpu") -> TargetReport:
    """Which operators of any `.tflite` file an accelerator would run, by its rules; needs no accelerator.

    Raises:
        UsageError: there is no such target.
        ModelFileError: the file is damaged.
    """
    from edgecnn.targets import check
    from edgecnn.targets.model import read

    return check(read(model).model, target, Path(model).name)


def list_devices() -> dict[str, Entry]:
    """The boards that have names, as `edgecnn devices list` shows them.

    Raises:
        EdgecnnError: devices.toml can't be read.
    """
    from edgecnn.devices import known

    return known.entries()


def check_device(device: str = "local") -> list[Finding]:
    """What a machine has and lacks, and what to do about it.

    Raises:
        DeviceError: it can't be reached.
    """
    from edgecnn.devices import open_device
    from edgecnn.devices.fix import examine

    with open_device(device) as opened:
        return examine(opened).findings
