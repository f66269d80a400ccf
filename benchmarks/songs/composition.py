"""Compositions of generated songs: key, tempo, chords, beat and melody, chosen by a seed."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from benchmarks.songs.instruments import (
    SAMPLE_RATE_HZ,
    Waveform,
    bass_note,
    hi_hat,
    keyboard_note,
    kick,
    snare,
)
from benchmarks.songs.voice import VOWELS_HZ, SungNote, sing

BEATS_PER_BAR = 4
BARS = 4
BEATS = BEATS_PER_BAR * BARS
PHRASE_BEATS = 8

Chord = tuple[int, tuple[int, ...]]
MAJOR, MINOR = (0, 4, 7), (0, 3, 7)
# Four chords, one per bar: root above the tonic in semitones, and quality.
PROGRESSIONS: tuple[tuple[Chord, ...], ...] = (
    ((0, MAJOR), (7, MAJOR), (9, MINOR), (5, MAJOR)),
    ((9, MINOR), (5, MAJOR), (0, MAJOR), (7, MAJOR)),
    ((0, MAJOR), (9, MINOR), (5, MAJOR), (7, MAJOR)),
)
PENTATONIC = (0, 2, 4, 7, 9)
# Durations of a phrase's syllables in beats. The remainder of the eight beats is a rest.
RHYTHMS = (
    (1.5, 0.5, 1, 1, 0.5, 0.5, 2),
    (1, 1, 0.5, 0.5, 1, 2.5),
    (0.5, 0.5, 1, 1.5, 0.5, 1, 1.5),
    (2, 1, 1, 0.5, 0.5, 1.5),
)
# Tonic of each instrument, as MIDI notes.
VOICE_TONIC, KEYBOARD_TONIC, BASS_TONIC = 64, 52, 40

Placed = tuple[float, Waveform, float]


@dataclass(frozen=True, slots=True)
class Composition:
    """The constant properties of a song; `beat` is the length of a beat in samples."""

    seed: int
    beat: int
    tonic: int
    chords: tuple[Chord, ...]

    def section(self, index: int, *, alone: str | None = None) -> dict[str, Waveform]:
        """Play the chords once.

        Parameters
        ----------
        index : Number of the section, from 0. Each section has another melody.
        alone : ``vocals`` or ``keyboard``, to play only this instrument.

        Returns
        -------
        Instrument to float32, shape (samples,), within [-1, 1]. No sound lasts beyond the end, so
        that sections can be concatenated.
        """
        random = np.random.default_rng([self.seed, index])
        if alone:
            track = self._tune(random) if alone == "vocals" else self._track(self._strokes())
            return {alone: track}
        return {
            "vocals": self._tune(random),
            "drums": self._track(self._beats(random)),
            "hi_hat": self._track(self._hi_hats(random)),
            "bass": self._track(self._bass_line()),
            "keyboard": self._track(self._strokes()),
        }

    def _samples(self, beats: float) -> int:
        return round(beats * self.beat)

    def _track(self, sounds: Iterable[Placed]) -> Waveform:
        """Mix sounds, given as beat, waveform and gain. They are truncated at the end."""
        track = np.zeros(self._samples(BEATS), np.float32)
        for beat, sound, gain in sounds:
            start = self._samples(beat)
            end = min(start + sound.size, track.size)
            track[start:end] += np.float32(gain) * sound[: end - start]
        return track

    def _beats(self, random: np.random.Generator) -> Iterable[Placed]:
        snare_drum = snare(random)
        for bar in range(0, BEATS, BEATS_PER_BAR):
            yield bar, kick(), 1.0
            yield bar + random.choice([2.0, 2.5]), kick(), 0.9
            yield bar + 1, snare_drum, 0.8
            yield bar + 3, snare_drum, 0.85
        yield BEATS - 0.5, snare_drum, 0.5

    def _hi_hats(self, random: np.random.Generator) -> Iterable[Placed]:
        hat = hi_hat(random)
        for eighth in range(2 * BEATS):
            yield eighth / 2, hat, (1.0, 0.5)[eighth % 2] * random.uniform(0.8, 1.0)

    def _bass_line(self) -> Iterable[Placed]:
        for bar, (root, _) in enumerate(self.chords):
            pitch = BASS_TONIC + self.tonic + root - (12 if root > 7 else 0)
            for beat, length, step in ((0, 1.5, 0), (1.5, 0.5, 0), (2, 1, 7), (3, 1, 0)):
                sound = bass_note(pitch + step, self._samples(length))
                yield bar * BEATS_PER_BAR + beat, sound, 1.0

    def _strokes(self) -> Iterable[Placed]:
        for bar, (root, quality) in enumerate(self.chords):
            for beat, length in ((0, 1.5), (1.5, 1.0), (2.5, 1.5)):
                for step in quality:
                    pitch = KEYBOARD_TONIC + self.tonic + (root + step) % 12
                    sound = keyboard_note(pitch, self._samples(length))
                    yield bar * BEATS_PER_BAR + beat, sound, 1 / len(quality)

    def _tune(self, random: np.random.Generator) -> Waveform:
        phrases = range(0, BEATS, PHRASE_BEATS)
        return np.concatenate([self._phrase(random) for _ in phrases])[: self._samples(BEATS)]

    def _phrase(self, random: np.random.Generator) -> Waveform:
        rhythm = RHYTHMS[random.integers(len(RHYTHMS))]
        step = int(random.integers(0, 5))
        notes = []
        for start, beats in zip(accumulate(rhythm, initial=0.0), rhythm, strict=False):
            octave, degree = divmod(step, len(PENTATONIC))
            pitch = VOICE_TONIC + self.tonic + 12 * octave + PENTATONIC[degree]
            vowel = str(random.choice(list(VOWELS_HZ)))
            notes.append(SungNote(self._samples(start), self._samples(beats), pitch, vowel))
            step = int(np.clip(step + random.choice([-2, -1, -1, 1, 1, 2]), -3, 4))
        return sing(notes, self._samples(PHRASE_BEATS), random)


def compose(seed: int) -> Composition:
    """Choose tempo (92 to 116 beats per minute), key and chords."""
    random = np.random.default_rng(seed)
    return Composition(
        seed=seed,
        # An even number of samples, so that half beats fall on samples.
        beat=2 * round(60 * SAMPLE_RATE_HZ / random.integers(92, 117) / 2),
        tonic=int(random.integers(-4, 4)),
        chords=PROGRESSIONS[random.integers(len(PROGRESSIONS))],
    )
