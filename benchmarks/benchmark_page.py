"""The page and the chart of the benchmarks."""

import os
import platform
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from benchmarks.api_latency import Latency
from benchmarks.network_rate import NetworkRate
from benchmarks.process_usage import ProcessUsage, median, median_ratio
from stemdrop_local.deployment import ROOT
from stemdrop_model.blocked_graph import block_here

FIGURES: dict[str, tuple[Callable[[ProcessUsage], float], str, str]] = {
    "wall time": (lambda cost: cost.wall_s, "s", ".1f"),
    "processor time": (lambda cost: cost.cpu_s, "s", ".1f"),
    "peak memory": (lambda cost: cost.peak_bytes / 1e6, "MB", ".0f"),
}


class System(StrEnum):
    """What is measured."""

    STEMDROP = "stemdrop"
    SPLEETER = "Spleeter"
    SHERPA = "sherpa-onnx"


COLORS = {System.STEMDROP: "#2a7f8e", System.SPLEETER: "#b0b0b0", System.SHERPA: "#d9c48f"}


@dataclass(frozen=True, slots=True)
class BenchmarkFigures:
    """All measured values.

    Attributes
    ----------
    runs : Runs of all systems, by duration of the song in seconds.
    hour : stemdrop's run on an hour of audio.
    cold_starts, api_cold_starts : Cold starts of the separator and the API.
    api : Latency of the API's handler.
    rate : Operations per second of the network.
    parity : Table of the comparison with stock Spleeter.
    """

    runs: Mapping[int, Mapping[System, tuple[ProcessUsage, ...]]]
    hour: ProcessUsage
    cold_starts: tuple[ProcessUsage, ...]
    api_cold_starts: tuple[ProcessUsage, ...]
    api: Latency
    rate: NetworkRate
    parity: str


def write_page(figures: BenchmarkFigures, folder: Path) -> str:
    """Write benchmarks.md and benchmarks.png into a folder, and return the page."""
    song = max(figures.runs)
    ours = figures.runs[song][System.STEMDROP]
    peak = median(ours, lambda cost: cost.peak_bytes)
    cold_s = statistics.median(cost.cpu_s for cost in figures.cold_starts)
    api_cold_s = statistics.median(cost.cpu_s for cost in figures.api_cold_starts)
    hour, api, rate = figures.hour, figures.api, figures.rate
    page = f"""# Benchmarks

`make bench` generates this page. It runs `stemdrop separate`, `spleeter separate` (2.4.2) and
sherpa-onnx ({_version("sherpa-onnx")}) in turn on the same generated mp3, with wav stems, as whole
processes. sherpa-onnx gets the network that stemdrop builds, and decodes with libsndfile. The
values are medians of {len(ours)} rounds, and the ratios to stemdrop are medians of the ratios per
round. Memory is that of the largest process. {_machine()}

| Song | Metric | stemdrop | Spleeter | sherpa-onnx |
|---|---|---|---|---|
{_rows(figures)}

![Wall time, processor time and memory of stemdrop, Spleeter and sherpa-onnx](benchmarks.png)

## Memory by song length

- {song} seconds of audio peak at {peak / 1e6:.0f} MB.
- An hour of audio peaks at {hour.peak_bytes / 1e6:.0f} MB ({hour.peak_bytes / peak - 1:+.0%}) and
  takes {hour.wall_s:.0f} s.

## Network

The network takes more than half of the processor time, nearly all of it for convolutions.
In one thread they make {rate.network / 1e9:.0f} billion operations per second.
That is {rate.share:.0%} of the rate of large matrix products, so more speed needs fewer operations.

## Cold start

| Function | Processor time |
|---|---|
| Separator: import the handler and load the 2stems model | {cold_s:.1f} s |
| API: import the handler | {api_cold_s:.1f} s |

## API latency

`GET /jobs/{{id}}` of a completed job, through the handler, with S3 on the same machine:

| Requests | Median | 99th percentile |
|---|---|---|
| {api.calls:,} | {api.median_ms:.1f} ms | {api.p99_ms:.1f} ms |

## Parity

Stock Spleeter separates an eleven-minute song at once, and stemdrop separates it as a stream. The
columns are the largest difference in 16-bit steps and the signal-to-difference ratio in dB.

```
{figures.parity.strip()}
```
"""
    (folder / "benchmarks.md").write_text(page)
    _draw(figures, folder / "benchmarks.png")
    return page


def _machine() -> str:
    vectors = {8: " with AVX2, as on Lambda", 16: " with AVX-512"}.get(block_here() or 0, "")
    machine = f"{platform.machine()}{vectors}, {platform.system()}"
    return f"The machine has {os.cpu_count()} cores ({machine})."


def _version(package: str) -> str:
    lock = (ROOT / "infra" / "sherpa" / "requirements.txt").read_text()
    return lock.partition(f"\n{package}==")[2].split()[0]


def _rows(figures: BenchmarkFigures) -> str:
    rows = []
    for duration_s, runs in sorted(figures.runs.items()):
        for name, (of, unit, form) in FIGURES.items():
            cells = [f"{median(runs[System.STEMDROP], of):{form}} {unit}"]
            for system in (System.SPLEETER, System.SHERPA):
                ratio = median_ratio(runs[system], runs[System.STEMDROP], of)
                cells.append(f"{median(runs[system], of):{form}} {unit} (1 : {ratio:.1f})")
            rows.append(f"| {duration_s} s | {name} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _draw(figures: BenchmarkFigures, path: Path) -> None:
    from matplotlib.figure import Figure

    picture = Figure(figsize=(9, 3.2), dpi=100, layout="constrained")
    panels = picture.subplots(1, len(FIGURES))
    for panel, (name, (of, unit, _)) in zip(panels, FIGURES.items(), strict=True):
        labels, values, colors = [], [], []
        for duration_s, runs in sorted(figures.runs.items(), reverse=True):
            for system in reversed(System):
                labels.append(f"{system}, {duration_s} s")
                values.append(median(runs[system], of))
                colors.append(COLORS[system])
        bars = panel.barh(labels, values, color=colors)
        panel.bar_label(bars, fmt="%.0f", padding=3, fontsize="small")
        panel.set_xlabel(f"{name} ({unit})")
        panel.spines[["top", "right"]].set_visible(False)
        panel.margins(x=0.15)
        if panel is not panels[0]:
            panel.set_yticks([])
    picture.savefig(path)
