"""Twelve generated songs in different styles, with known stems, to evaluate separations."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import scipy

from benchmarks.songs.composition import BEATS, Composition, compose
from benchmarks.songs.instruments import SAMPLE_RATE_HZ, Waveform
from benchmarks.songs.song import PANS, PEAKS, GeneratedSong

STEMS = {
    "vocals": ["vocals"],
    "drums": ["drums", "hi_hat"],
    "bass": ["bass"],
    "other": ["keyboard"],
}
BAND = ("drums", "hi_hat", "bass", "keyboard")
# Level of the reverberation. Drums and bass have less, as in a studio mix.
WET = {"vocals": 0.5, "drums": 0.2, "hi_hat": 0.2, "bass": 0.1, "keyboard": 0.5}


@dataclass(frozen=True, slots=True)
class SongStyle:
    """Style of a song.

    Attributes
    ----------
    name : Name of the song.
    beats_per_minute : Tempo.
    voices_semitones : Transposition of each voice. Each voice sings another melody.
    voice_db : Level of all voices relative to the band.
    band : Instruments.
    keyboards : Number of keyboards, each an octave above the previous one.
    room_s : Reverberation time (60 dB); 0 for none.
    drive : Amount of saturation; 0 for none.
    width : Stereo width: 0 is mono, 1 as in other generated songs.
    peak_dbfs : Peak of the mix.
    """

    name: str
    beats_per_minute: int = 104
    voices_semitones: tuple[int, ...] = (0,)
    voice_db: float = 0.0
    band: tuple[str, ...] = BAND
    keyboards: int = 1
    room_s: float = 0.4
    drive: float = 0.0
    width: float = 1.0
    peak_dbfs: float = -3.0


REPERTOIRE = (
    SongStyle("pop"),
    SongStyle("ballad", beats_per_minute=64, room_s=1.8, voice_db=3),
    SongStyle("dance", beats_per_minute=128, drive=2, room_s=0.8, voice_db=-3, peak_dbfs=-0.3),
    SongStyle("punk", beats_per_minute=176, drive=4, keyboards=2, peak_dbfs=-0.3),
    SongStyle("duet", beats_per_minute=88, voices_semitones=(0, -12), room_s=0.8),
    SongStyle("choir", beats_per_minute=76, voices_semitones=(0, 5, -7, -12), room_s=2.5),
    SongStyle("lullaby", beats_per_minute=72, band=("keyboard",), room_s=0.6, peak_dbfs=-12),
    SongStyle("a cappella with drums", voices_semitones=(0, 4), band=("drums", "hi_hat"), room_s=1),
    SongStyle("orchestra", beats_per_minute=96, keyboards=3, room_s=2.2, width=2, voice_db=-4),
    SongStyle("mono", beats_per_minute=112, width=0),
    SongStyle("whisper", beats_per_minute=92, voice_db=-9, room_s=1.2),
    SongStyle("demo tape", beats_per_minute=120, drive=1, room_s=0, peak_dbfs=-32),
)


def play(kind: SongStyle, duration_s: float, *, seed: int = 0) -> GeneratedSong:
    """Compose a song in a style. The same seed always gives the same samples.

    Parameters
    ----------
    kind : Style of the song.
    duration_s : Duration, rounded to whole samples, at least one.
    seed : Not negative. Songs of the same seed have the same key, chords and melodies.
    """
    samples = max(1, round(duration_s * SAMPLE_RATE_HZ))
    beat = 2 * round(60 * SAMPLE_RATE_HZ / kind.beats_per_minute / 2)
    score = replace(compose(seed), beat=beat)
    placed = {
        name: _placed(track, name, kind, np.random.default_rng([seed, index]))
        for index, (name, track) in enumerate(_tracks(kind, score, samples).items())
    }
    silence = np.zeros((samples, 2), np.float32)
    stems = {
        stem: sum((placed[name] for name in names if name in placed), silence)
        for stem, names in STEMS.items()
    }
    peak = float(np.abs(sum(stems.values(), silence)).max())
    gain = np.float32(10 ** (kind.peak_dbfs / 20) / peak) if peak else np.float32(1)
    return GeneratedSong(**{stem: waveform * gain for stem, waveform in stems.items()})


def _tracks(kind: SongStyle, score: Composition, samples: int) -> dict[str, Waveform]:
    """Return the track of each instrument, float32, shape (samples,)."""
    tracks = _joined(score, samples)
    for name, scores in (
        ("vocals", _choir(score, kind.voices_semitones)),
        ("keyboard", (replace(score, tonic=score.tonic + 12 * n) for n in range(kind.keyboards))),
    ):
        tracks[name] = _mean(
            tracks[name] if each == score else _joined(each, samples, alone=name)[name]
            for each in scores
        )
    return {name: track for name, track in tracks.items() if name in {"vocals", *kind.band}}


def _choir(score: Composition, semitones: tuple[int, ...]) -> Iterator[Composition]:
    for index, shift in enumerate(semitones):
        yield replace(score, seed=score.seed + 1000 * index, tonic=score.tonic + shift)


def _joined(score: Composition, samples: int, alone: str | None = None) -> dict[str, Waveform]:
    rounds = -(-samples // (BEATS * score.beat))
    sections = [score.section(index, alone=alone) for index in range(rounds)]
    return {
        name: np.concatenate([section[name] for section in sections])[:samples]
        for name in sections[0]
    }


def _mean(parts: Iterable[Waveform]) -> Waveform:
    """Add waveforms so that the sum is about as loud as each of them."""
    waveforms = list(parts)
    return np.asarray(np.sum(waveforms, axis=0) / np.sqrt(len(waveforms)), np.float32)


def _placed(track: Waveform, name: str, kind: SongStyle, random: np.random.Generator) -> Waveform:
    """Apply saturation, level, panning and reverberation to a track."""
    if kind.drive:
        track = np.asarray(np.tanh(kind.drive * track) / np.tanh(kind.drive), np.float32)
    level = PEAKS[name] * 10 ** ((kind.voice_db if name == "vocals" else 0.0) / 20)
    pan = float(np.clip(PANS[name] * kind.width, -1, 1))
    sides = np.array([min(1.0, 1 - pan), min(1.0, 1 + pan)])
    sound = track[:, np.newaxis] * sides * level
    if kind.room_s:
        reverberation = _reverberation(sound.mean(axis=1), kind, random)
        sound = sound + WET[name] * reverberation
    return np.asarray(sound, np.float32)


def _reverberation(sound: Waveform, kind: SongStyle, random: np.random.Generator) -> Waveform:
    """Return the reverberation, shape (samples, 2): decaying noise of the same energy."""
    length = round(kind.room_s * SAMPLE_RATE_HZ)
    decay = 10 ** (-3 * np.arange(length) / length)
    answer = random.standard_normal((2 if kind.width else 1, length)) * decay
    answer /= np.sqrt(np.sum(np.square(answer), axis=1, keepdims=True))
    sides = [scipy.signal.fftconvolve(sound, side)[: len(sound)] for side in answer]
    return np.stack([sides[0], sides[-1]], axis=1)
