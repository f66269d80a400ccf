"""Pictures of a separation: the spectrograms of the mix and its stems."""

import base64
import html
import struct
import zlib
from collections.abc import Iterator, Mapping
from math import ceil, log
from pathlib import Path

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from benchmarks.songs.instruments import SAMPLE_RATE_HZ, Waveform

FRAME = 4096
COLUMNS = 900
ROWS = 160
SHADES = 64
# A scale from black to light yellow in equal steps, as red, green and blue.
COLORS = ((0, 0, 4), (81, 18, 124), (183, 55, 121), (252, 137, 97), (252, 253, 191))
# Frames per column: enough to show every beat, regardless of the song's length.
FRAMES_PER_COLUMN = 4
LOWEST_HZ, HIGHEST_HZ = 50.0, 20_000.0
TICKS_KHZ = (0.1, 0.3, 1, 3, 10)
RANGE_DB = 75
SILENCE_DBFS = -200.0
TIME_STEPS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30)
TIME_STEPS_MIN = (1, 2, 5, 10, 15, 30, 60)
# Pixels of the picture.
WIDTH, LEFT, PLOT_WIDTH, TOP = 1200, 72, 1020, 34
PANEL_HEIGHT, PANEL_GAP = 150, 32
PANEL_STEP = PANEL_HEIGHT + PANEL_GAP
MIDDLE = 'text-anchor="middle"'


def draw(stems: Mapping[str, Waveform], path: Path, sample_rate_hz: int = SAMPLE_RATE_HZ) -> None:
    """Draw the spectrogram of each waveform with common scales of time, frequency and level.

    Parameters
    ----------
    stems : Name to float32, shape (samples, channels), all of one length, in drawing order. The mix
        is first.
    path : the SVG file.
    sample_rate_hz : of all waveforms.
    """
    levels = {name: spectrogram(waveform, sample_rate_hz) for name, waveform in stems.items()}
    loudest_dbfs = 5 * ceil(max(float(level.max()) for level in levels.values()) / 5)
    duration_s = max(len(waveform) for waveform in stems.values()) / sample_rate_hz
    bottom = TOP + len(levels) * PANEL_STEP - PANEL_GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{bottom + 54}"'
        ' font-family="sans-serif" font-size="13">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for number, (name, level) in enumerate(levels.items()):
        y = TOP + number * PANEL_STEP
        parts += [_text(LEFT, y - 7, name, 'font-weight="bold"'), *_frequencies(y)]
        parts.append(_image(LEFT, y, PLOT_WIDTH, PANEL_HEIGHT, _shades(level[::-1], loudest_dbfs)))
    parts += [*_times(bottom, duration_s), *_scale(bottom, loudest_dbfs)]
    parts.append(_upright_text(16, (TOP + bottom) / 2, "frequency (kHz)"))
    path.write_text("\n".join([*parts, "</svg>\n"]), "utf-8")


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


def _shades(level: NDArray[np.float32], loudest_dbfs: float) -> NDArray[np.uint8]:
    """Return the number of the color of each level."""
    share = (level - loudest_dbfs + RANGE_DB) / RANGE_DB
    return np.asarray(np.clip(share * SHADES, 0, SHADES - 1), np.uint8)


def _image(x: int, y: int, width: int, height: int, shades: NDArray[np.uint8]) -> str:
    data = base64.b64encode(encode_png(shades)).decode()
    return (
        f'<image x="{x}" y="{y}" width="{width}" height="{height}" preserveAspectRatio="none"'
        f' href="data:image/png;base64,{data}"/>'
    )


def encode_png(shades: NDArray[np.uint8]) -> bytes:
    """Return a picture of colors by their number, shape (rows, columns), as PNG.

    Source: W3C, "Portable Network Graphics (PNG) Specification", 11.2.
    """
    rows, columns = shades.shape
    places, steps = np.linspace(0, 1, SHADES), np.linspace(0, 1, len(COLORS))
    colors = [np.interp(places, steps, channel) for channel in np.transpose(COLORS)]
    unfiltered = np.pad(shades, ((0, 0), (1, 0)))
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0)),
        (b"PLTE", np.round(np.stack(colors, axis=1)).astype(np.uint8).tobytes()),
        (b"IDAT", zlib.compress(unfiltered.tobytes(), 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )


def _text(x: float, y: float, text: str, *attributes: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" {" ".join(attributes)}>{html.escape(text)}</text>'


def _upright_text(x: float, y: float, text: str) -> str:
    return _text(x, y, text, MIDDLE, f'transform="rotate(-90 {x:g} {y:g})"')


def _tick(x: float, y: float, path: str) -> str:
    return f'<path d="M{x:g} {y:g}{path}" stroke="black"/>'


def _frequencies(y: int) -> Iterator[str]:
    for tick_khz in TICKS_KHZ:
        share = log(tick_khz * 1000 / LOWEST_HZ) / log(HIGHEST_HZ / LOWEST_HZ)
        tick_y = y + PANEL_HEIGHT * (1 - share)
        yield _tick(LEFT - 5, tick_y, "h5")
        yield _text(LEFT - 8, tick_y + 4, f"{tick_khz:g}", 'text-anchor="end"')


def _times(bottom: int, duration_s: float) -> Iterator[str]:
    """Label the time in seconds, or in minutes and seconds from 90 s on."""
    steps_s = (*TIME_STEPS_S, *(60 * step for step in TIME_STEPS_MIN))
    step_s = next((step for step in steps_s if duration_s / step <= 12), steps_s[-1])
    in_minutes = duration_s >= 90
    for number in range(int(duration_s / step_s) + 1):
        time_s = number * step_s
        x = LEFT + PLOT_WIDTH * time_s / duration_s
        label = f"{time_s // 60:.0f}:{time_s % 60:02.0f}" if in_minutes else f"{time_s:.4g}"
        yield _tick(x, bottom, "v5")
        yield _text(x, bottom + 20, label, MIDDLE)
    axis = "time (min:s)" if in_minutes else "time (s)"
    yield _text(LEFT + PLOT_WIDTH / 2, bottom + 42, axis, MIDDLE)


def _scale(bottom: int, loudest_dbfs: int) -> Iterator[str]:
    """Draw the colors of the levels."""
    x, height = LEFT + PLOT_WIDTH + 16, bottom - TOP
    yield _image(x, TOP, 18, height, np.arange(SHADES, dtype=np.uint8)[::-1, np.newaxis])
    for below_db in range(0, RANGE_DB + 1, 15):
        y = TOP + height * below_db / RANGE_DB
        yield _tick(x + 18, y, "h5")
        yield _text(x + 27, y + 4, f"{loudest_dbfs - below_db}".replace("-", "\N{MINUS SIGN}"))
    yield _upright_text(WIDTH - 12, (TOP + bottom) / 2, "level (dBFS)")
