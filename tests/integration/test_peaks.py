"""The peaks of a song and its stems, against the samples of the files."""

import struct
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

import media
from api_events import Api
from media import FFMPEG
from stemdrop.keys import UploadKey
from stemdrop.options import Options
from stemdrop_local.deployment import Stack
from stemdrop_separate.job.context import JobContext, Outcome
from stemdrop_separate.models.catalog import Models
from stemdrop_separate.pipeline import SeparatedSong, separate_song
from tiny_models import install
from uploads import KEY, attempt, job_of, put, read, results, song

BIN_SAMPLES = 512
SONG_S = 13.2
HEADER = struct.Struct("<iIiiIi")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    folder = tmp_path_factory.mktemp("models")
    install(folder, "4stems")
    return Models(folder)


def bins_of(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the extremes of each bin, shape (bins, 2)."""
    parts = np.split(sound, range(BIN_SAMPLES, len(sound), BIN_SAMPLES))
    return np.array([(part.min(), part.max()) for part in parts])


def separate(path: Path, folder: Path, models: Models, given: dict[str, str]) -> SeparatedSong:
    options = Options.parse({"model": "4stems", **given})
    targets = {stem: folder / f"{stem}.{options.codec.suffix}" for stem in options.outputs}
    return separate_song(path, targets, options, models.load(options.model), FFMPEG)


@pytest.mark.parametrize(
    ("given", "tolerance"),
    [
        ({"residual": "true", "bit_depth": "24"}, 1e-6),
        ({"codec": "flac", "clip": "scale"}, 1e-4),
        ({"codec": "mp3"}, 0.1),
        ({"codec": "opus"}, 0.1),
    ],
    ids=str,
)
def test_peaks_are_the_extremes_of_the_song_and_of_the_samples_of_each_file(
    tmp_path: Path, models: Models, given: dict[str, str], tolerance: float
) -> None:
    path = media.wav(tmp_path / "song.wav", 8 * media.tones(SONG_S))
    separated = separate(path, tmp_path, models, given)
    sounds = {"mix": (separated.mix_peaks, path)}
    sounds |= {stem: (file.peaks, file.path) for stem, file in separated.stems.items()}
    for name, (peaks, file) in sounds.items():
        found = np.frombuffer(peaks, np.int8).reshape(-1, 2)
        expected = bins_of(media.decode(file)[: round(SONG_S * media.RATE_HZ)])
        steps = np.clip(expected * 128, -128, 127)
        assert found.shape == expected.shape, name
        assert np.abs(found - steps).max() <= 0.5 + 128 * tolerance, name
        assert np.abs(found).max() > 5, name


def test_job_and_its_copy_have_the_peaks_which_are_deleted_with_them(
    api: Api, buckets: Stack, job_context: JobContext, models: Models
) -> None:
    context = replace(job_context, models=models)
    other_key = UploadKey.parse("drop/live/again.wav")
    files = []
    for key in (KEY, other_key):
        put(buckets, song(2.0), key, {"model": "4stems"})
        assert attempt(context, key) is Outcome.DONE
        peaks = job_of(buckets, key).peaks
        assert peaks is not None
        assert peaks.key in results(buckets, f"{key}/results-")
        files.append(read(buckets, peaks.key))
        assert len(files[-1]) == peaks.size_bytes
    assert files[0] == files[1]
    bins = -(-2 * media.RATE_HZ // BIN_SAMPLES)
    assert HEADER.unpack_from(files[0]) == (2, 1, media.RATE_HZ, BIN_SAMPLES, bins, 5)
    assert len(files[0]) == HEADER.size + bins * 5 * 2
    assert httpx.get(api.get(f"/{KEY}").json["peaks"]["url"]).content == files[0]
