"""Songs as the pipeline separates them, with a model that takes no time."""

import shutil
from functools import cache
from pathlib import Path
from typing import IO

import numpy as np
import pytest
import soundfile

import media
import tiny_models
from benchmarks.songs.song import generate
from media import FFMPEG, Samples
from stemdrop.errors import NoRoomError, TimedOutError
from stemdrop.models import Model
from stemdrop.options import Options
from stemdrop_separate.models.catalog import Models
from stemdrop_separate.pipeline import SeparatedSong, separate_song
from stemdrop_separate.song_progress import FINISH_SHARE, SECOND_PASS_SHARE, Progress


def tiny_model(folder: Path) -> Models:
    return Models(tiny_models.install(folder).parent)


def test_progress_without_announced_duration_is_exact(tmp_path: Path) -> None:
    # Silence is small and tones are large, so an estimate from the bitrate would be wrong.
    song = media.encode(tmp_path / "song.aac", media.tones(16.0))
    with song.open("ab") as file:
        silence = media.encode(tmp_path / "silence.aac", 0 * media.tones(16.0))
        file.write(silence.read_bytes())
    shares: list[float] = []
    result = separate_song(
        song,
        {"vocals": tmp_path / "vocals.wav"},
        Options.parse({"stems": "vocals"}),
        tiny_model(tmp_path).load(Model.TWO_STEMS),
        FFMPEG,
        on_progress=shares.append,
    )
    assert result.duration_s == pytest.approx(32, abs=0.2)
    segment_s = 512 * 1024 / 44_100
    first_s = segment_s - 4096 / 44_100
    parts = [first_s / 32, (first_s + segment_s) / 32, 1.0]
    assert shares == pytest.approx([(1 - FINISH_SHARE) * part for part in parts], abs=0.01)


def test_temporary_files_are_next_to_the_stems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job deletes what a killed process has left there."""
    song = media.encode(tmp_path / "song.flac", media.tones(0.5))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    assert separate(song, tmp_path / "stems").duration_s == pytest.approx(0.5)
    assert {path.name for path in (tmp_path / "stems").iterdir()} == {
        "vocals.wav",
        "accompaniment.wav",
    }


@cache
def song_of_two_segments() -> Samples:
    mix: Samples = generate(14, seed=6).mix
    return mix


def loud(path: Path, peak: float) -> Path:
    """Write a song in 32-bit floats with a peak, which can exceed full scale."""
    mix = song_of_two_segments()
    return media.wav(path, mix * np.float32(peak / np.abs(mix).max()))


def separate(
    song: Path, folder: Path, on_progress: Progress = lambda _: None, **given: str
) -> SeparatedSong:
    options = Options.parse(given)
    folder.mkdir()
    targets = {stem: folder / f"{stem}.{options.codec.suffix}" for stem in options.outputs}
    network = tiny_model(folder.parent).load(options.model)
    return separate_song(song, targets, options, network, FFMPEG, on_progress=on_progress)


def samples(song: SeparatedSong, stem: str) -> Samples:
    return media.decode(song.stems[stem].path)


@pytest.mark.parametrize("codec", ["wav", "flac"])
def test_scaled_stems_do_not_clip_and_still_add_up(tmp_path: Path, codec: str) -> None:
    song = loud(tmp_path / "song.wav", 3.0)
    exact = separate(song, tmp_path / "exact", bit_depth="32f", residual="true")
    scaled = separate(
        song, tmp_path / "scaled", codec=codec, bit_depth="24", residual="true", clip="scale"
    )
    assert max(file.peak_dbfs or -99 for file in scaled.stems.values()) == pytest.approx(
        0, abs=0.001
    )
    assert [file.clipped_samples for file in scaled.stems.values()] == [0, 0, 0]
    loudest = max(file.peak_dbfs or -99 for file in exact.stems.values())
    assert scaled.gain_db == pytest.approx(-loudest, abs=0.001)
    gain = 10 ** (scaled.gain_db / 20)
    for stem in scaled.stems:
        np.testing.assert_allclose(samples(scaled, stem), gain * samples(exact, stem), atol=3e-7)
    total = np.sum([samples(scaled, stem) for stem in scaled.stems], axis=0)
    np.testing.assert_allclose(total, gain * media.decode(song), atol=1e-6)
    assert sorted(path.name for path in (tmp_path / "scaled").iterdir()) == sorted(
        f"{stem}.{codec}" for stem in scaled.stems
    )


@pytest.mark.parametrize(("peak", "depth"), [(0.5, "16"), (3.0, "32f")])
def test_stems_that_do_not_clip_are_not_scaled(tmp_path: Path, peak: float, depth: str) -> None:
    song = loud(tmp_path / "song.wav", peak)
    kept = separate(song, tmp_path / "kept", bit_depth=depth)
    scaled = separate(song, tmp_path / "scaled", bit_depth=depth, clip="scale")
    assert (kept.gain_db, scaled.gain_db) == (0.0, 0.0)
    for stem, file in kept.stems.items():
        assert file.path.read_bytes() == scaled.stems[stem].path.read_bytes()


def test_clipping_is_counted_and_kept_by_default(tmp_path: Path) -> None:
    kept = separate(loud(tmp_path / "song.wav", 3.0), tmp_path / "kept")
    assert kept.gain_db == 0.0
    clipped = sum(file.clipped_samples for file in kept.stems.values())
    at_the_limit = sum(
        np.count_nonzero(np.abs(samples(kept, stem)) > 0.9999) for stem in kept.stems
    )
    assert 0 < clipped <= at_the_limit


def test_progress_of_a_second_pass_stays_below_1_and_rises(tmp_path: Path) -> None:
    shares: list[float] = []
    separate(loud(tmp_path / "song.wav", 3.0), tmp_path / "scaled", shares.append, clip="scale")
    middle, end = 1 - FINISH_SHARE - SECOND_PASS_SHARE, 1 - FINISH_SHARE
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(end)
    assert pytest.approx(middle) in shares
    assert len([share for share in shares if middle + 0.01 < share < end - 0.01]) > 3


def test_progress_expects_no_second_pass_before_a_sample_clips(tmp_path: Path) -> None:
    shares: list[float] = []
    separate(loud(tmp_path / "song.wav", 0.5), tmp_path / "one", shares.append, clip="scale")
    assert shares[-1] == pytest.approx(1 - FINISH_SHARE)
    # The first segment has 11.8 s of 14.
    assert shares[0] == pytest.approx(shares[-1] * 11.8 / 14, abs=0.01)


def test_progress_never_goes_back_when_a_sample_clips_late(tmp_path: Path) -> None:
    mix = media.tones(28) / 4
    mix[25 * 44_100 :] *= 40
    shares: list[float] = []
    song = media.wav(tmp_path / "song.wav", mix)
    assert separate(song, tmp_path / "late", shares.append, clip="scale").gain_db < 0
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1 - FINISH_SHARE)


@pytest.mark.parametrize(
    ("channels", "places"),
    [(3, "2.1 (left, right, bass effects)"), (4, "4.0 (left, right, center, back)"), (8, "7.1 (")],
)
def test_assumed_places_of_channels_are_told(tmp_path: Path, channels: int, places: str) -> None:
    song = media.wav(tmp_path / "song.wav", media.tones(1.0, channels))
    (warning,) = separate(song, tmp_path / "stems", bit_depth="32f").warnings
    assert warning.startswith(f"The song has {channels} channels, and doesn't say where")
    assert f"they are taken as {places}" in warning


@pytest.mark.parametrize(("channels", "mask"), [(1, None), (2, None), (4, 0x33), (6, 0x3F)])
def test_no_warning_if_the_places_are_known(
    tmp_path: Path, channels: int, mask: int | None
) -> None:
    song = media.wav(tmp_path / "song.wav", media.tones(1.0, channels), mask=mask)
    assert not separate(song, tmp_path / "stems", bit_depth="32f").warnings


def test_error_in_progress_callback_stops_scaling(tmp_path: Path) -> None:
    def impatient(share: float) -> None:
        if share > 1 - FINISH_SHARE - SECOND_PASS_SHARE + 0.01:
            raise TimedOutError("enough")

    song = loud(tmp_path / "song.wav", 3.0)
    with pytest.raises(TimedOutError):
        separate(song, tmp_path / "scaled", impatient, clip="scale")
    assert not list((tmp_path / "scaled").iterdir())


def test_scaling_copy_counts_toward_disk_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    song = loud(tmp_path / "song.wav", 3.0)
    # Two 16-bit stems need 4.9 MB, and a float copy needs twice as much.
    usage = shutil.disk_usage(tmp_path)._replace(free=8_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    separate(song, tmp_path / "kept")
    with pytest.raises(NoRoomError):
        separate(song, tmp_path / "scaled", clip="scale")


def test_full_disk_during_scaling_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(**_: object) -> IO[bytes]:
        return Path("/dev/full").open("wb", buffering=0)

    monkeypatch.setattr("stemdrop_separate.audio.peak_scaling.TemporaryFile", full)
    with pytest.raises(NoRoomError, match="clip=scale"):
        separate(loud(tmp_path / "song.wav", 0.5), tmp_path / "scaled", clip="scale")
    assert not list((tmp_path / "scaled").iterdir())


@pytest.mark.parametrize("rate_hz", [22_050, 48_000])
def test_mono_song_keeps_its_rate_and_channel(tmp_path: Path, rate_hz: int) -> None:
    samples = media.tones(2.0, channels=1, rate_hz=rate_hz)
    song = media.wav(tmp_path / "song.wav", samples, rate_hz=rate_hz)
    made = separate(
        song, tmp_path / "stems", bit_depth="32f", sample_rate="source", channels="source"
    )
    stems = made.stems
    read = [soundfile.read(file.path, dtype="float32") for file in stems.values()]
    assert {rate for _, rate in read} == {rate_hz}
    assert all(stem.ndim == 1 and abs(len(stem) - len(samples)) <= 1 for stem, _ in read)
    # Both stems add up to the song, up to what the way to 44,100 Hz and back loses.
    total = sum(stem for stem, _ in read)
    middle = slice(2000, len(samples) - 2000)
    error = total[middle] - samples[middle, 0]
    assert np.square(error).mean() < 1e-3 * np.square(samples[middle]).mean()
