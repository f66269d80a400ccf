"""Generated songs whose words and times are known: speech over the bands of the repertoire."""

from dataclasses import dataclass

import numpy as np

from benchmarks.songs.instruments import SAMPLE_RATE_HZ, Waveform
from benchmarks.songs.repertoire import SongStyle, play
from benchmarks.songs.song import GeneratedSong
from benchmarks.songs.speech import KnownWord, speak

LEAD_IN_S, PAUSE_S, LEAD_OUT_S = 2.0, 0.9, 2.0
PITCHES = (45, 55, 65)
PEAK = 0.9
AUDIBLE = 1e-4

LYRICS = (
    """Walking down the river in the morning light
    I can hear the water calling out my name
    All the little houses are sleeping in the valley
    Nobody remembers why the people came
    Take me to the mountain, carry me home
    I was never meant to wander alone""",
    """Yesterday I found a letter in the drawer
    Paper turning yellow, the ink was nearly gone
    You wrote about the winter, the snow against the door
    And how the fire was burning until the break of dawn
    Hold on to the summer, hold on to the rain
    Tomorrow we will never be children again""",
    """Silver horses running wild along the sea
    Some of them are sleeping, others coming back to me
    Open up the window and let the music play
    We can dance together till the night becomes the day
    Oh the city never answers, the city never sleeps
    Every promise that it makes is a promise that it keeps""",
)
# Bands in the range of the voice, and how loud the voice is next to them, in dB.
BANDS = (
    (SongStyle("organ", band=("keyboard", "hi_hat"), keyboards=3, room_s=2.2, width=2), -12.0),
    (SongStyle("electric", band=("keyboard",), keyboards=4, drive=3, room_s=1), -6.0),
    (SongStyle("pop", keyboards=2), -6.0),
)


@dataclass(frozen=True, slots=True)
class SpokenSong:
    """A song with its words.

    Attributes
    ----------
    song : Sound of the song.
    text : All words.
    words : Words whose times are known.
    """

    song: GeneratedSong
    text: str
    words: tuple[KnownWord, ...]


def spoken_song(index: int) -> SpokenSong:
    """Return one of the songs, of 25 to 30 s. The same index always gives the same samples."""
    kind, voice_db = BANDS[index]
    lines = [line.strip() for line in LYRICS[index].splitlines()]
    voice, words = _speak_lines(lines)
    band = play(kind, len(voice) / SAMPLE_RATE_HZ, seed=index)
    gain = _level(band.accompaniment) / _level(voice) * 10 ** (voice_db / 20)
    vocals = np.repeat(voice[:, np.newaxis] * np.float32(gain), 2, axis=1)
    scale = np.float32(PEAK / np.abs(vocals + band.accompaniment).max())
    song = GeneratedSong(vocals * scale, band.drums * scale, band.bass * scale, band.other * scale)
    return SpokenSong(song, " ".join(lines), tuple(words))


def _speak_lines(lines: list[str]) -> tuple[Waveform, list[KnownWord]]:
    """Return the voice of a song, shape (samples,), and its words."""
    parts = [_silence(LEAD_IN_S)]
    words = []
    for number, line in enumerate(lines):
        speech = speak(line, pitch=PITCHES[number % len(PITCHES)])
        start_s = sum(map(len, parts)) / SAMPLE_RATE_HZ
        words += [KnownWord(word.text, start_s + word.start_s) for word in speech.words]
        parts += [speech.waveform, _silence(PAUSE_S)]
    return np.concatenate([*parts, _silence(LEAD_OUT_S)]), words


def _silence(duration_s: float) -> Waveform:
    return np.zeros(round(duration_s * SAMPLE_RATE_HZ), np.float32)


def _level(sound: Waveform) -> float:
    """Return the root mean square of what is audible."""
    return float(np.sqrt(np.mean(np.square(sound[np.abs(sound) > AUDIBLE]))))
