import base64
import io
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from benchmarks.songs.instruments import SAMPLE_RATE_HZ, Waveform
from benchmarks.songs.song import generate
from benchmarks.spectrograms import (
    COLUMNS,
    HIGHEST_HZ,
    LOWEST_HZ,
    RANGE_DB,
    ROWS,
    SHADES,
    draw,
    spectrogram,
)

ROW_HZ = np.geomspace(LOWEST_HZ, HIGHEST_HZ, 2 * ROWS + 1)[1::2]


def tone(frequency_hz: float, duration_s: float, rate_hz: int = SAMPLE_RATE_HZ) -> Waveform:
    time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    sine = np.sin(2 * np.pi * frequency_hz * time_s)
    return np.asarray(np.stack([sine, sine], axis=1), np.float32)


class Picture:
    """An SVG file: its texts, and its images as numbers of colors, the scale of levels last."""

    def __init__(self, stems: dict[str, Waveform], path: Path) -> None:
        draw(stems, path)
        svg = ET.parse(path).getroot()  # noqa: S314  # it was just drawn
        self.texts = [element.text for element in svg.iter() if element.tag.endswith("}text")]
        self.images: list[NDArray[np.uint8]] = []
        for data in re.findall(r'"data:image/png;base64,([^"]+)"', path.read_text()):
            with Image.open(io.BytesIO(base64.b64decode(data))) as image:
                assert image.format == "PNG"
                assert image.mode == "P"
                self.images.append(np.asarray(image))


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


def test_panels_have_names_and_a_common_scale(tmp_path: Path) -> None:
    mix = generate(6).mix
    quiet = mix * np.float32(0.1)
    picture = Picture({"mix": mix, "vocals": quiet}, tmp_path / "stems.svg")
    shades, quiet_shades, scale = (image.astype(int) for image in picture.images)
    assert shades.shape == quiet_shades.shape
    audible = quiet_shades > 0
    moved = (shades - quiet_shades)[audible & (shades < SHADES - 1)]
    assert moved.mean() == pytest.approx(20 / RANGE_DB * SHADES, abs=0.5)
    np.testing.assert_array_equal(scale[:, 0], np.arange(SHADES)[::-1])
    labels = ["mix", "vocals", "frequency (kHz)", "level (dBFS)", "time (s)"]
    assert {*labels, "0.1", "0.3", "1", "3", "10", "6"} <= {*picture.texts}


def test_high_frequencies_are_at_the_top(tmp_path: Path) -> None:
    picture = Picture({"mix": tone(10_000, 3)}, tmp_path / "stems.svg")
    assert np.argmax(picture.images[0][:, COLUMNS // 20]) < ROWS // 4


@pytest.mark.parametrize(
    ("duration_s", "axis", "label"),
    [(0.3, "time (s)", "0.05"), (30, "time (s)", "15"), (200, "time (min:s)", "1:30")],
)
def test_time_is_in_seconds_or_minutes(
    tmp_path: Path, duration_s: float, axis: str, label: str
) -> None:
    silence = np.zeros((round(duration_s * SAMPLE_RATE_HZ), 2), np.float32)
    texts = Picture({"mix": silence}, tmp_path / "stems.svg").texts
    assert axis in texts
    assert label in texts


@pytest.mark.parametrize("samples", [1, 100_000])
def test_picture_of_any_song_is_small(tmp_path: Path, samples: int) -> None:
    song = generate(samples / SAMPLE_RATE_HZ)
    stems = {name: getattr(song, name) for name in ("mix", "vocals", "drums", "bass", "other")}
    assert len(Picture(stems, tmp_path / "stems.svg").images) == 6
    assert (tmp_path / "stems.svg").stat().st_size < 1 << 20


def test_a_silent_stem_is_black_and_the_mix_is_not(tmp_path: Path) -> None:
    song = generate(5)
    picture = Picture({"mix": song.mix, "<i>": song.vocals * 0}, tmp_path / "stems.svg")
    mix, silent, _ = picture.images
    assert mix.mean() > 10
    assert not silent.any()
    assert "<i>" in picture.texts
