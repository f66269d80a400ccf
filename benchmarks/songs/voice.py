"""The voice of generated songs: a pulse train through the formants of vowels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from benchmarks.songs.instruments import SAMPLE_RATE_HZ, Waveform, finish, frequency_hz, noise

# Formants of sung vowels in Hz. Source: means for women in G. E. Peterson and H. L. Barney,
# "Control methods used in a study of the vowels", J. Acoust. Soc. Am. 24 (1952), table II.
VOWELS_HZ = {
    "a": (850, 1220, 2810),
    "e": (610, 2330, 2990),
    "i": (310, 2790, 3310),
    "o": (590, 920, 2710),
    "u": (370, 950, 2670),
}
UPPER_FORMANTS_HZ = (4000, 5000)

VIBRATO_RATE_HZ = 5.4
VIBRATO_SEMITONES = 0.4
# Start of a note below its pitch. Without it, the networks mistake the voice for a flute.
SCOOP_SEMITONES = 1.2
# Standard deviation of the pitch, and how often per second the deviation changes.
DRIFT_SEMITONES, DRIFT_RATE_HZ = 0.1, 10
GLIDE_S = 0.06


@dataclass(frozen=True, slots=True)
class SungNote:
    """One syllable, with start and length in samples."""

    start: int
    length: int
    pitch: int
    vowel: str


def sing(notes: Sequence[SungNote], length: int, random: np.random.Generator) -> Waveform:
    """Sing a phrase: a pulse train through formant filters, gliding from note to note.

    Parameters
    ----------
    notes : Syllables in order, without overlap.
    length : Samples of the phrase, including rests.
    random : Source of breath, consonants and pitch deviations.

    Returns
    -------
    float32, shape (length,), with a peak of 1; silent where no note sounds.
    """
    pulses = _pulse_train(_melody_hz(notes, length, random))
    source = scipy.signal.lfilter([0.1], [1, -0.9], pulses) + 0.05 * random.standard_normal(length)
    voice = np.zeros(length)
    for vowel in dict.fromkeys(note.vowel for note in notes):
        sung = scipy.signal.sosfilt(_formants(vowel), source)
        voice += sung / np.std(sung) * _presence(notes, length, vowel)
    voice *= _loudness(notes, length)
    return finish(voice + _consonants(notes, length, random) * np.abs(voice).max())


def _edges(notes: Sequence[SungNote]) -> list[int]:
    """Return the start of each note and the start of its glide into the next, note by note."""
    glide = round(GLIDE_S * SAMPLE_RATE_HZ)
    return [edge for note in notes for edge in (note.start, note.start + note.length - glide)]


def _melody_hz(
    notes: Sequence[SungNote], length: int, random: np.random.Generator
) -> NDArray[np.float64]:
    """Return the pitch at each sample, with scoops, vibrato and random deviations."""
    samples = np.arange(length)
    starts = np.array([note.start for note in notes])
    latest = np.maximum(np.searchsorted(starts, samples, "right") - 1, 0)
    since_s = np.maximum(samples - starts[latest], 0) / SAMPLE_RATE_HZ
    held = np.interp(samples, _edges(notes), np.repeat([note.pitch for note in notes], 2))
    vibrato = np.sin(2 * np.pi * VIBRATO_RATE_HZ * samples / SAMPLE_RATE_HZ)
    vibrato *= np.clip((since_s - 0.12) / 0.3, 0, 1)
    strayed_at = samples * (DRIFT_RATE_HZ / SAMPLE_RATE_HZ)
    strayed = random.standard_normal(int(strayed_at[-1]) + 2)
    return frequency_hz(
        held
        - SCOOP_SEMITONES * np.exp(-since_s / 0.06)
        + VIBRATO_SEMITONES * vibrato
        + DRIFT_SEMITONES * np.interp(strayed_at, np.arange(strayed.size), strayed)
    )


def _pulse_train(pitch_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a tone with equally strong harmonics up to 16 kHz (a Dirichlet kernel)."""
    phase = 2 * np.pi * np.cumsum(pitch_hz) / SAMPLE_RATE_HZ
    kernel = 2 * int(16_000 / pitch_hz.max()) + 1
    return np.asarray(kernel * scipy.special.diric(phase, kernel) - 1)


def _formants(vowel: str) -> NDArray[np.float64]:
    """Return resonators in cascade, each with a gain of 1 at 0 Hz, as second-order sections."""
    sections = []
    for centre_hz in (*VOWELS_HZ[vowel], *UPPER_FORMANTS_HZ):
        radius = np.exp(-np.pi * (50 + 0.04 * centre_hz) / SAMPLE_RATE_HZ)
        first = -2 * radius * np.cos(2 * np.pi * centre_hz / SAMPLE_RATE_HZ)
        sections.append([1 + first + radius**2, 0, 0, 1, first, radius**2])
    return np.array(sections)


def _presence(notes: Sequence[SungNote], length: int, vowel: str) -> NDArray[np.float64]:
    """Return the gain of a vowel at each sample. Adjacent vowels are crossfaded."""
    sounding = np.repeat([float(note.vowel == vowel) for note in notes], 2)
    return np.interp(np.arange(length), _edges(notes), sounding)


def _loudness(notes: Sequence[SungNote], length: int) -> NDArray[np.float64]:
    """Return an envelope that is 0 outside of notes."""
    loudness = np.zeros(length)
    for note in notes:
        time_s = np.arange(note.length) / SAMPLE_RATE_HZ
        swell = np.minimum(time_s / 0.04, 1) * np.minimum(time_s[::-1] / 0.05, 1)
        loudness[note.start : note.start + note.length] = swell * (0.8 + 0.2 * np.exp(-time_s))
    return loudness


def _consonants(
    notes: Sequence[SungNote], length: int, random: np.random.Generator
) -> NDArray[np.float64]:
    """Return a short hiss at the start of two out of three notes."""
    hisses = np.zeros(length)
    size = round(0.06 * SAMPLE_RATE_HZ)
    for note in notes:
        strength = random.choice([0.0, 0.06, 0.12])
        hiss = noise(random, size, (4000, 9000), "bandpass") * np.hanning(size)
        end = min(note.start + size, length)
        hisses[note.start : end] += strength * hiss[: end - note.start]
    return hisses
