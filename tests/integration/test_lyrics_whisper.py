"""Lyrics of generated songs with known words, with the real networks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import media
from benchmarks.songs.instruments import Waveform
from benchmarks.songs.repertoire import REPERTOIRE, play
from benchmarks.songs.song import generate
from benchmarks.songs.speech import speak
from benchmarks.songs.spoken_songs import SpokenSong, spoken_song
from benchmarks.word_errors import start_errors_s, word_error_rate
from media import FFMPEG
from stemdrop.lyrics import Transcription
from stemdrop.options import Options
from stemdrop_local.deployment import ROOT
from stemdrop_separate.lyrics.whisper import Whisper
from stemdrop_separate.models.catalog import Models
from stemdrop_separate.pipeline import separate_song

MODELS = ROOT / "build" / "models"
# Those whose words are hard to hear in the mix.
SONGS = (0, 1)


@dataclass(frozen=True)
class HeardSong:
    """A song with the lyrics of its vocals, and those of the mix."""

    song: SpokenSong
    from_vocals: Transcription
    from_mix: Transcription

    def error_rate(self, transcription: Transcription) -> float:
        return word_error_rate(self.song.text, " ".join(w.text for w in transcription.words))


def vocals_of(mix: Waveform, folder: Path) -> Path:
    song = media.wav(folder / "song.wav", mix)
    options = Options.parse({"stems": "vocals"})
    network = Models(MODELS).load(options.model)
    vocals = folder / "vocals.flac"
    targets = {"vocals": folder / "vocals.wav"}
    separate_song(song, targets, options, network, FFMPEG, vocals_file=vocals)
    return vocals


@pytest.fixture(scope="module")
def whisper() -> Whisper:
    return Whisper(MODELS / "lyrics" / "tiny.en")


@pytest.fixture(scope="module")
def heard(whisper: Whisper, tmp_path_factory: pytest.TempPathFactory) -> list[HeardSong]:
    def hear() -> Iterator[HeardSong]:
        for index in SONGS:
            song = spoken_song(index)
            vocals = vocals_of(song.song.mix, tmp_path_factory.mktemp("song"))
            mix = vocals.with_name("song.wav")
            yield HeardSong(
                song, whisper.transcribe(vocals, FFMPEG), whisper.transcribe(mix, FFMPEG)
            )

    return list(hear())


def test_separation_lowers_the_word_error_rate(heard: list[HeardSong]) -> None:
    separated = np.mean([song.error_rate(song.from_vocals) for song in heard])
    mixed = np.mean([song.error_rate(song.from_mix) for song in heard])
    assert separated <= 0.35
    assert separated < mixed - 0.1


def test_words_start_within_0_3_s_of_the_known_times(heard: list[HeardSong]) -> None:
    errors_s = np.concatenate(
        [start_errors_s(song.song.words, song.from_vocals.words) for song in heard]
    )
    assert len(errors_s) > 60
    assert abs(np.median(errors_s)) < 0.05
    assert np.percentile(np.abs(errors_s), 95) < 0.3


def test_lyrics_are_english_words_in_order_within_the_song(heard: list[HeardSong]) -> None:
    for song in heard:
        words = song.from_vocals.words
        starts = [word.start_s for word in words]
        assert song.from_vocals.language == "en"
        assert starts == sorted(starts)
        assert all(word.start_s <= word.end_s and 0 <= word.confidence <= 1 for word in words)
        assert starts[0] > 1.7
        assert words[-1].end_s < len(song.song.song.mix) / media.RATE_HZ - 2


@pytest.mark.parametrize(
    "mix",
    [
        lambda: np.zeros((5 * media.RATE_HZ, 2), np.float32),
        lambda: generate(15.0, seed=3).accompaniment,
        lambda: play(REPERTOIRE[3], 15.0, seed=2).accompaniment,
    ],
    ids=["silence", "pop", "punk"],
)
def test_song_without_a_voice_has_no_words(
    whisper: Whisper, tmp_path: Path, mix: Callable[[], Waveform]
) -> None:
    assert whisper.transcribe(vocals_of(mix(), tmp_path), FFMPEG) == Transcription((), None)


def test_chorus_that_repeats_has_all_its_words(whisper: Whisper, tmp_path: Path) -> None:
    line = "We will never go home again"
    speech = speak(line, words_per_minute=120).waveform
    pause = np.zeros(media.RATE_HZ // 2, np.float32)
    chorus = np.concatenate([pause, *[speech, pause] * 8])
    song = media.wav(tmp_path / "chorus.wav", 0.3 * chorus[:, np.newaxis])
    words = whisper.transcribe(song, FFMPEG).words
    assert word_error_rate(" ".join([line] * 8), " ".join(word.text for word in words)) < 0.1
