"""Pictures of a separation: the spectrograms of the mix and its stems."""

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from benchmarks.songs.instruments import SAMPLE_RATE_HZ, Waveform

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

FRAME = 4096
COLUMNS = 900
ROWS = 160
LEVELS = 64
# Frames per column: enough to show every beat, regardless of the song's length.
FRAMES_PER_COLUMN = 4
LOWEST_HZ, HIGHEST_HZ = 50.0, 20_000.0
TICKS_KHZ = (0.1, 0.3, 1, 3, 10)
RANGE_DB = 75
SILENCE_DBFS = -200.0
TIME_STEPS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30)
TIME_STEPS_MIN = (1, 2, 5, 10, 15, 30, 60)


def draw(stems: Mapping[str, Waveform], path: Path, sample_rate_hz: int = SAMPLE_RATE_HZ) -> None:
    """Draw the spectrogram of each waveform with common scales of time, frequency and level.

    Parameters
    ----------
    stems : Name to float32, shape (samples, channels), all of one length, in drawing order. The mix
        is first.
    path : the PNG file.
    sample_rate_hz : of all waveforms.
    """
    from PIL import Image

    full_colour = BytesIO()
    figure(stems, sample_rate_hz).savefig(
        full_colour, format="png", pil_kwargs={"compress_level": 1}
    )
    picture = Image.open(full_colour).convert("RGB")
    # A palette makes the file less than half as large without a visible difference.
    picture.quantize(dither=Image.Dither.NONE).save(path, "PNG", optimize=True)


def figure(stems: Mapping[str, Waveform], sample_rate_hz: int = SAMPLE_RATE_HZ) -> "Figure":
    """Return the picture of `draw` as a Matplotlib figure, outside of pyplot's global state."""
    from matplotlib.figure import Figure

    levels = {name: spectrogram(waveform, sample_rate_hz) for name, waveform in stems.items()}
    loudest_dbfs = 5 * np.ceil(max(float(level.max()) for level in levels.values()) / 5)
    duration_s = max(len(waveform) for waveform in stems.values()) / sample_rate_hz
    picture = Figure(figsize=(12, 0.9 + 1.75 * len(levels)), dpi=100, layout="constrained")
    panels = picture.subplots(len(levels), 1, sharex=True, squeeze=False)[:, 0]
    for panel, (name, level) in zip(panels, levels.items(), strict=True):
        image = _panel(panel, level, duration_s, loudest_dbfs)
        panel.set_title(name, loc="left", fontsize="medium", fontweight="bold")
    _time_axis(panels[-1], duration_s)
    picture.supylabel("frequency (kHz)", fontsize="medium")
    picture.colorbar(image, ax=list(panels), label="level (dBFS)", pad=0.01, aspect=40)
    return picture


def spectrogram(waveform: Waveform, sample_rate_hz: int) -> NDArray[np.float32]:
    """Measure a waveform's level over time and frequency.

    Returns
    -------
    float32, shape (ROWS, columns), in dBFS: 0 is a full-scale sine in all channels. Rows are
    logarithmic from LOWEST_HZ to HIGHEST_HZ. With at most COLUMNS columns, time and memory are
    limited for songs of any length.
    """
    samples = max(len(waveform), FRAME)
    columns = min(COLUMNS, -(-4 * samples // FRAME))
    window = np.hanning(FRAME + 1)[:-1].astype(np.float32)
    level = np.empty((ROWS, columns), np.float32)
    for column in range(columns):
        edges = np.linspace(column, column + 1, FRAMES_PER_COLUMN, endpoint=False) / columns
        starts = np.round(edges * samples).astype(int) - FRAME // 2
        frames = np.stack([_frame(waveform, start) for start in starts])
        amplitude = np.abs(scipy.fft.rfft(frames * window, axis=-1)) * (2 / window.sum())
        level[:, column] = _rows(np.mean(np.square(amplitude), axis=(0, 1)), sample_rate_hz)
    return np.asarray(10 * np.log10(np.maximum(level, 10 ** (SILENCE_DBFS / 10))), np.float32)


def _frame(waveform: Waveform, start: int) -> Waveform:
    """Return FRAME samples of all channels, shape (channels, FRAME), zeros beyond both ends."""
    found = waveform[max(start, 0) : max(start + FRAME, 0)].T
    before = max(-start, 0)
    return np.pad(found, ((0, 0), (before, FRAME - before - found.shape[1])))


def _rows(power: NDArray[np.float32], sample_rate_hz: int) -> NDArray[np.float64]:
    """Return the strongest bin of each row, or an interpolation where bins are wider than rows."""
    edges = np.geomspace(LOWEST_HZ, HIGHEST_HZ, ROWS + 1) * FRAME / sample_rate_hz
    between = np.interp(np.sqrt(edges[:-1] * edges[1:]), np.arange(power.size), power, right=0)
    first = np.minimum(np.ceil(edges).astype(int), power.size - 1)
    strongest = np.maximum.reduceat(power, first)[:-1]
    return np.where(np.diff(first) > 0, strongest, between)


def _panel(
    panel: "Axes", level: NDArray[np.float32], duration_s: float, loudest_dbfs: float
) -> "AxesImage":
    import matplotlib as mpl

    panel.set_yticks(np.log10(TICKS_KHZ), [f"{tick:g}" for tick in TICKS_KHZ])
    return panel.imshow(
        level,
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        extent=(0, duration_s, np.log10(LOWEST_HZ / 1000), np.log10(HIGHEST_HZ / 1000)),
        vmin=loudest_dbfs - RANGE_DB,
        vmax=loudest_dbfs,
        cmap=mpl.colormaps["magma"].resampled(LEVELS),
    )


def _time_axis(panel: "Axes", duration_s: float) -> None:
    """Label the time in seconds, or in minutes and seconds from 90 s on."""
    from matplotlib.ticker import FuncFormatter, MultipleLocator

    steps_s = (*TIME_STEPS_S, *(60 * step for step in TIME_STEPS_MIN))
    step_s = next((step for step in steps_s if duration_s / step <= 12), steps_s[-1])
    panel.xaxis.set_major_locator(MultipleLocator(step_s))
    if duration_s < 90:
        panel.set_xlabel("time (s)")
        return
    panel.set_xlabel("time (min:s)")
    panel.xaxis.set_major_formatter(
        FuncFormatter(lambda time_s, _: f"{time_s // 60:.0f}:{time_s % 60:02.0f}")
    )
