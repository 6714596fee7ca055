"""Profiles for people: the table on the terminal and the sentences below it."""

from __future__ import annotations

from pathlib import Path

from edgecnn.core.text import counted
from edgecnn.profiling.latency import Profile, Row

EMULATED = "emulated"
DROP_FIRST = ("std", "p90", "init", "GMAC/s", "MB", "first", "min", "peak MB", "p99", "delegate")
"""Columns that a narrow terminal does without, the least important first."""
_COLUMNS = ("first", "min", "median", "p90", "p95", "p99", "std")


def table(profiles: list[Profile]) -> tuple[list[str], list[list[str]]]:
    """Columns and rows, one row per model, device and number of threads; a column with one value is left out."""
    columns = ["model", "device", "delegate", "threads", "init", *_COLUMNS, "fps", "GMAC/s", "peak MB", "MB"]
    columns += ["verdict"]
    rows = [_cells(profile, row) for profile in profiles for row in profile.rows]
    single = [
        index
        for index in range(3)
        if len({row[index] for row in rows}) == 1 and not rows[0][index].startswith(EMULATED)
    ]
    keep = [index for index in range(len(columns)) if index not in single]
    return [columns[index] for index in keep], [[row[index] for index in keep] for row in rows]


def _cells(profile: Profile, row: Row) -> list[str]:
    measurement = row.measurement
    device = f"{EMULATED}: {profile.device}" if profile.emulated else profile.device
    return [
        Path(profile.model.name).stem,
        device,
        profile.delegate,
        str(measurement.threads),
        digits(measurement.init_ms),
        *(digits(getattr(measurement.latency_ms, name)) for name in _COLUMNS),
        digits(measurement.throughput_fps),
        digits(row.gmac_per_s),
        f"{measurement.peak_rss_bytes / 1e6:.1f}",
        f"{profile.model.size_bytes / 1e6:.2f}",
        EMULATED if profile.emulated else "too noisy" if row.noise.too_noisy else "steady",
    ]


def digits(value: float) -> str:
    """Three significant digits without an exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def remarks(profiles: list[Profile]) -> list[str]:
    """What was measured on what, and what is not as it should be."""
    lines: list[str] = []
    for profile in profiles:
        lines += [line for line in _remarks(profile) if line not in lines]
    x86 = [profile for profile in profiles if profile.system["machine"] in ("x86_64", "AMD64", "i686")]
    if len({profile.model.sha256 for profile in x86}) > 1:
        lines.append(
            "These latencies are of an x86 processor; on a Pi's ARM cores another model may be faster. Measure "
            "there with --device."
        )
    return lines


def _remarks(profile: Profile) -> list[str]:
    runs = profile.rows[0].measurement
    lines = [
        machine(profile),
        (f"{profile.model.name}: {runs.runs} runs after {runs.warmup_runs} warm-up runs, delegate {profile.delegate}."),
    ]
    if runs.delegated_operators is not None:
        lines.append(
            f"The delegate runs {runs.delegated_operators} of the model's {profile.model.operators} operators."
        )
    if runs.without_xnnpack:
        lines.append(
            f"XNNPACK can't prepare {profile.model.name}, so the TFLite runtime's own kernels ran it: several times as "
            "slow on most processors. Convert the model again with a newer TensorFlow."
        )
    lines += [_memory(profile), *_golden(profile)]
    if runs.not_finite:
        lines.append(f"{profile.model.name} outputs {runs.not_finite:,} NaN or infinite values for the test input.")
    for row in profile.rows:
        if row.noise.too_noisy and not profile.emulated:
            where = f"{profile.model.name}, {counted(row.measurement.threads, 'thread')}"
            lines.append(f"Too noisy ({where}): {' '.join(row.noise.reasons + row.noise.causes)}")
    return lines


def machine(profile: Profile) -> str:
    """The device in one sentence."""
    system, before = profile.system, profile.rows[0].measurement.before
    parts = [system.get("browser"), system["board"], system["cpu"], counted(system["cores"], "core"), system["os"]]
    parts += [system["runtime"], None if system.get("browser") else f"governor {system['governor'] or 'unknown'}"]
    parts += [f"load {before['load_1min']}"] if before["load_1min"] is not None else []
    text = f"{profile.device}: {', '.join(part for part in parts if part)}."
    return f"{text} EMULATED: these latencies are not representative of a real board." if profile.emulated else text


def _memory(profile: Profile) -> str:
    best, arena_mb = profile.best, profile.model.arena_bytes_estimated / 1e6
    grown = "memory of WebAssembly" if profile.system.get("browser") else "process"
    return (
        f"Cold start {digits(best.cold_start_ms)} ms (of which importing {digits(profile.import_ms)} ms), warm "
        f"start {digits(best.measurement.warm_start_ms)} ms. Activations take {arena_mb:.2f} MB (estimated); the "
        f"{grown} grew by {best.measurement.model_rss_bytes / 1e6:.1f} MB."
    )


def _golden(profile: Profile) -> list[str]:
    golden = profile.golden
    if not golden:
        return []
    if golden.identical == golden.count:
        return [f"Golden vectors on {profile.device}: all {golden.count} outputs are identical to the host's."]
    apart = (
        f"the others differ by up to {golden.max_steps} quantization steps; {golden.same_answer} of "
        f"{golden.count} have the same answer"
    )
    return [f"Golden vectors on {profile.device}: {golden.identical} of {golden.count} identical, {apart}."]
