import hashlib

import numpy as np
import pytest

from benchmarks.songs.instruments import SAMPLE_RATE_HZ, Waveform
from benchmarks.songs.repertoire import REPERTOIRE, SongStyle, play
from benchmarks.songs.song import GeneratedSong

STEMS = ("vocals", "drums", "bass", "other")
SECONDS = 6.0


def digest(song: GeneratedSong) -> str:
    return hashlib.sha256(b"".join(getattr(song, name).tobytes() for name in STEMS)).hexdigest()


def loudness_db(waveform: Waveform) -> float:
    return float(10 * np.log10(np.mean(np.square(waveform, dtype=np.float64)) + 1e-12))


def one(**different: object) -> GeneratedSong:
    return play(SongStyle("song", **different), SECONDS)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def songs() -> dict[str, GeneratedSong]:
    """Return one song of each style, all of the same seed."""
    return {kind.name: play(kind, SECONDS, seed=3) for kind in REPERTOIRE}


def test_repertoire_has_twelve_different_songs(songs: dict[str, GeneratedSong]) -> None:
    assert len(REPERTOIRE) == 12
    assert len(songs) == 12
    assert len({digest(song) for song in songs.values()}) == 12


@pytest.mark.parametrize("kind", REPERTOIRE, ids=lambda kind: kind.name)
def test_every_song_is_the_sum_of_its_stems_at_its_level(
    kind: SongStyle, songs: dict[str, GeneratedSong]
) -> None:
    song = songs[kind.name]
    stems = [getattr(song, name) for name in STEMS]
    for waveform in (*stems, song.mix):
        assert waveform.shape == (round(SECONDS * SAMPLE_RATE_HZ), 2)
        assert waveform.dtype == np.float32
    np.testing.assert_allclose(np.sum(stems, axis=0, dtype=np.float64), song.mix, atol=1e-6)
    peak_dbfs = 20 * np.log10(np.abs(song.mix).max())
    assert peak_dbfs == pytest.approx(kind.peak_dbfs, abs=0.01)
    assert loudness_db(song.vocals) > kind.peak_dbfs - 40
    assert loudness_db(song.accompaniment) > kind.peak_dbfs - 40


def test_song_depends_on_its_seed_only() -> None:
    kind = REPERTOIRE[1]
    assert digest(play(kind, 3, seed=4)) == digest(play(kind, 3, seed=4))
    assert digest(play(kind, 3, seed=4)) != digest(play(kind, 3, seed=5))


def test_song_style_has_its_properties() -> None:
    plain = one(room_s=0.0)
    assert np.array_equal(*one(width=0.0).mix.T)
    assert not np.array_equal(*plain.mix.T)
    louder = loudness_db(one(voice_db=6.0, room_s=0.0).vocals) - loudness_db(plain.vocals)
    assert louder > 2  # the mix is normalized to its peak
    assert not one(band=("keyboard",)).drums.any()
    # Reverberation continues during pauses of the vocals.
    pause = ~np.any(plain.vocals.reshape(-1, 2), axis=1)
    assert pause.sum() > SAMPLE_RATE_HZ / 2
    assert loudness_db(one(room_s=2.0).vocals[pause]) > -60
    driven, clean = one(drive=4.0, room_s=0.0).other, plain.other
    crest = [np.abs(wave).max() / np.sqrt(np.mean(np.square(wave))) for wave in (driven, clean)]
    assert crest[0] < 0.8 * crest[1]
