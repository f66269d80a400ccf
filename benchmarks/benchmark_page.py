"""The page and the chart of the benchmarks."""

import os
import platform
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.api_latency import Latency
from benchmarks.network_rate import NetworkRate
from benchmarks.process_usage import PairedUsage, ProcessUsage

FIGURES: dict[str, tuple[Callable[[ProcessUsage], float], str, str]] = {
    "wall time": (lambda cost: cost.wall_s, "s", ".1f"),
    "processor time": (lambda cost: cost.cpu_s, "s", ".1f"),
    "peak memory": (lambda cost: cost.peak_bytes / 1e6, "MB", ".0f"),
}


@dataclass(frozen=True, slots=True)
class BenchmarkFigures:
    """All measured values.

    Attributes
    ----------
    pairs : Runs of both systems, by duration of the song in seconds.
    hour : stemdrop's run on an hour of audio.
    cold_starts, api_cold_starts : Cold starts of the separator and the API.
    api : Latency of the API's handler.
    rate : Operations per second of the network.
    parity : Table of the comparison with stock Spleeter.
    """

    pairs: Mapping[int, PairedUsage]
    hour: ProcessUsage
    cold_starts: tuple[ProcessUsage, ...]
    api_cold_starts: tuple[ProcessUsage, ...]
    api: Latency
    rate: NetworkRate
    parity: str


def write_page(figures: BenchmarkFigures, folder: Path) -> str:
    """Write benchmarks.md and benchmarks.png into a folder, and return the page."""
    count = len(next(iter(figures.pairs.values())).ours)
    song = max(figures.pairs)
    peak = statistics.median(cost.peak_bytes for cost in figures.pairs[song].ours)
    cold_s = statistics.median(cost.cpu_s for cost in figures.cold_starts)
    api_cold_s = statistics.median(cost.cpu_s for cost in figures.api_cold_starts)
    hour, api, rate = figures.hour, figures.api, figures.rate
    page = f"""# Benchmarks

`make bench` generates this page. It runs `stemdrop separate` and `spleeter separate` (2.4.2) in
turn on the same generated mp3, with wav stems, as whole processes. The values are medians of
{count} pairs, and the ratios are medians of the ratios per pair. Memory is that of the largest
process. {_machine()}

| Song | Metric | stemdrop | Spleeter | Ratio |
|---|---|---|---|---|
{_rows(figures)}

![Wall time, processor time and memory of stemdrop and Spleeter](benchmarks.png)

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
    machine = f"{platform.machine()}, {platform.system()}"
    return f"The machine has {os.cpu_count()} cores ({machine})."


def _rows(figures: BenchmarkFigures) -> str:
    rows = []
    for duration_s, pairs in sorted(figures.pairs.items()):
        for name, (of, unit, form) in FIGURES.items():
            ours, stock, ratio = pairs.median(of)
            rows.append(
                f"| {duration_s} s | {name} | {ours:{form}} {unit} | {stock:{form}} {unit} "
                f"| 1 : {1 / ratio:.1f} |"
            )
    return "\n".join(rows)


def _draw(figures: BenchmarkFigures, path: Path) -> None:
    from matplotlib.figure import Figure

    picture = Figure(figsize=(9, 2.6), dpi=100, layout="constrained")
    panels = picture.subplots(1, len(FIGURES))
    for panel, (name, (of, unit, _)) in zip(panels, FIGURES.items(), strict=True):
        labels, values, colors = [], [], []
        for duration_s, pairs in sorted(figures.pairs.items(), reverse=True):
            ours, stock, _ = pairs.median(of)
            labels += [f"Spleeter, {duration_s} s", f"stemdrop, {duration_s} s"]
            values += [stock, ours]
            colors += ["#b0b0b0", "#2a7f8e"]
        bars = panel.barh(labels, values, color=colors)
        panel.bar_label(bars, fmt="%.0f", padding=3, fontsize="small")
        panel.set_xlabel(f"{name} ({unit})")
        panel.spines[["top", "right"]].set_visible(False)
        panel.margins(x=0.15)
        if panel is not panels[0]:
            panel.set_yticks([])
    picture.savefig(path)
