from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from benchmarks.songs.instruments import SAMPLE_RATE_HZ, Waveform
from benchmarks.songs.song import generate
from benchmarks.spectrograms import COLUMNS, HIGHEST_HZ, LOWEST_HZ, ROWS, draw, figure, spectrogram

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROW_HZ = np.geomspace(LOWEST_HZ, HIGHEST_HZ, 2 * ROWS + 1)[1::2]


def tone(frequency_hz: float, duration_s: float, rate_hz: int = SAMPLE_RATE_HZ) -> Waveform:
    time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    sine = np.sin(2 * np.pi * frequency_hz * time_s)
    return np.asarray(np.stack([sine, sine], axis=1), np.float32)


def tick_labels(picture: "Figure") -> list[str]:
    picture.canvas.draw()
    return [label.get_text() for label in picture.axes[-2].get_xticklabels()]


@pytest.mark.parametrize("frequency_hz", [60.0, 440.0, 5000.0, 15_000.0])
@pytest.mark.parametrize("rate_hz", [44_100, 96_000])
def test_a_sine_of_full_scale_is_0_dbfs_at_its_frequency(frequency_hz: float, rate_hz: int) -> None:
    level = spectrogram(tone(frequency_hz, 3, rate_hz), rate_hz)
    middle = level[:, level.shape[1] // 2]
    assert middle.max() == pytest.approx(0, abs=1.5)
    # Below 200 Hz a bin is wider than a row.
    bin_hz = rate_hz / 4096
    assert ROW_HZ[np.argmax(middle)] == pytest.approx(frequency_hz, rel=0.02, abs=bin_hz)


def test_time_runs_from_left_to_right() -> None:
    song = np.concatenate([np.zeros((88_200, 2), np.float32), tone(1000, 2)])
    level = spectrogram(song, SAMPLE_RATE_HZ)
    loud = level.max(axis=0) > -60
    assert not loud[: int(0.48 * loud.size)].any()
    assert loud[int(0.52 * loud.size) : -1].all()


def test_spectrogram_of_a_day_has_the_maximum_size() -> None:
    day = np.broadcast_to(np.float32(0.1), (86_400 * SAMPLE_RATE_HZ, 2))
    assert spectrogram(day, SAMPLE_RATE_HZ).shape == (ROWS, COLUMNS)


def test_panels_share_scales_and_name_what_they_show() -> None:
    song = generate(6)
    quiet = {"vocals": song.vocals * np.float32(0.01), "accompaniment": song.accompaniment}
    picture = figure({"mix": song.mix, **quiet})
    panels, bar = picture.axes[:3], picture.axes[3]
    assert [panel.get_title(loc="left") for panel in panels] == ["mix", "vocals", "accompaniment"]
    assert len({panel.images[0].get_clim() for panel in panels}) == 1
    assert {tuple(panel.get_xlim()) for panel in panels} == {(0.0, 6.0)}
    assert len({tuple(panel.get_ylim()) for panel in panels}) == 1
    low, high = panels[0].images[0].get_clim()
    assert low < -70 < -30 < high <= 0
    assert bar.get_ylabel() == "level (dBFS)"
    assert picture.get_supylabel() == "frequency (kHz)"
    labels = [label.get_text() for label in panels[0].get_yticklabels()]
    assert labels == ["0.1", "0.3", "1", "3", "10"]


@pytest.mark.parametrize(
    ("duration_s", "axis", "label"),
    [(0.3, "time (s)", "0.05"), (30, "time (s)", "15"), (200, "time (min:s)", "1:30")],
)
def test_time_is_in_seconds_or_minutes(duration_s: float, axis: str, label: str) -> None:
    picture = figure({"mix": np.zeros((round(duration_s * SAMPLE_RATE_HZ), 2), np.float32)})
    assert picture.axes[0].get_xlabel() == axis
    assert label in " ".join(tick_labels(picture))


@pytest.mark.parametrize("samples", [1, 100_000])
def test_picture_of_any_song_is_small(tmp_path: Path, samples: int) -> None:
    song = generate(samples / SAMPLE_RATE_HZ)
    stems = {name: getattr(song, name) for name in ("mix", "vocals", "drums", "bass", "other")}
    draw(stems, tmp_path / "stems.png")
    assert (tmp_path / "stems.png").stat().st_size < 1 << 20
    with Image.open(tmp_path / "stems.png") as picture:
        assert picture.format == "PNG"
        assert picture.width >= 1000
        assert picture.height >= 5 * 150


def test_a_silent_stem_is_black_and_the_mix_is_not(tmp_path: Path) -> None:
    song = generate(5)
    draw({"mix": song.mix, "vocals": song.vocals * 0}, tmp_path / "stems.png")
    with Image.open(tmp_path / "stems.png") as picture:
        pixels = np.asarray(picture.convert("L"))[:, 100:1000]
    half = len(pixels) // 2
    assert pixels[40 : half - 40].mean() > 50
    assert pixels[half + 40 : -80].mean() < 5
