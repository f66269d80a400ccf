"""The report of the demo: a picture and a table of the stems, and the usage."""

from math import inf
from pathlib import Path

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.metrics import si_sdr_db
from benchmarks.songs.instruments import Waveform
from benchmarks.songs.song import GeneratedSong
from benchmarks.spectrograms import draw
from stemdrop.job_record import Job, Usage
from stemdrop.keys import RECORD_NAME
from stemdrop_separate.audio.decode import Decoder
from stemdrop_separate.audio.ffmpeg import find_ffmpeg
from stemdrop_separate.audio.probe import probe

PICTURE = "stems.svg"


def decode(path: Path, scratch: Path) -> Waveform:
    """Return a file's samples, float32, shape (samples, 2), memory-mapped from a file."""
    ffmpeg = find_ffmpeg(None)
    raw = scratch / f"{path.name}.f32"
    source = probe(path, ffmpeg)
    with Decoder(path, source, ffmpeg, max_duration_s=inf) as blocks, raw.open("wb") as file:
        file.writelines(block.tobytes() for block in blocks)
    return np.memmap(raw, np.float32, "r").reshape(-1, 2)


def save_picture(song: Path, job: Job, out: Path, scratch: Path) -> None:
    """Draw the spectrograms of the mix and its stems."""
    waveforms = {"mix": decode(song, scratch)}
    for stem in job.stems:
        waveforms[stem.stem] = decode(out / Path(stem.key).name, scratch)
    draw(waveforms, out / PICTURE)


def print_report(job: Job, known: GeneratedSong | None, out: Path, scratch: Path) -> None:
    """Print a row per stem, and the usage.

    Parameters
    ----------
    known : The true stems of a generated song, to print SI-SDR.
    """
    console = Console()
    table = Table(box=box.SIMPLE)
    for column in ("stem", "file", "seconds", "peak dBFS", *(["SI-SDR"] if known else [])):
        is_text = column in {"stem", "file"}
        table.add_column(column, justify="left" if is_text else "right", no_wrap=True)
    for stem in job.stems:
        file = out / Path(stem.key).name
        peak = "silent" if stem.peak_dbfs is None else f"{stem.peak_dbfs:.1f}"
        row = [stem.stem, file.name, f"{stem.duration_s:.1f}", peak]
        if known:
            row.append(_gain(known, stem.stem, decode(file, scratch)))
        table.add_row(*row)
    console.print(table)
    if job.usage:
        _print_usage(console, job.usage)
    for warning in job.warnings:
        console.print(warning)
    console.print(f"All of it, with {PICTURE} and {RECORD_NAME}, is in {out}.", highlight=False)


def _gain(known: GeneratedSong, stem: str, estimate: Waveform) -> str:
    """Return the SI-SDR of the mix and of the separated stem."""
    truth: Waveform = getattr(known, stem)
    return f"{si_sdr_db(truth, known.mix):.1f} dB -> {si_sdr_db(truth, estimate):.1f} dB"


def _print_usage(console: Console, usage: Usage) -> None:
    stages = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in usage.timings_s.items())
    console.print(f"Time: {stages}")
    console.print(
        f"Memory: {usage.peak_rss_bytes / 1e6:.0f} MB at most   "
        f"AWS: {usage.gb_seconds:.1f} GB-s, {usage.cost_usd:.6f} USD"
    )
