"""The instruments that accompany generated songs: drums, a bass and a keyboard.

All sounds are mono float32 at 44,100 Hz. Deterministic sounds are cached, because an accompaniment
repeats the same few notes.
"""

from functools import lru_cache

import numpy as np
import scipy
from numpy.typing import NDArray

Waveform = NDArray[np.float32]

SAMPLE_RATE_HZ = 44_100
CONCERT_PITCH_HZ = 440.0
CONCERT_PITCH_NOTE = 69


def frequency_hz(pitch: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the frequencies of MIDI note numbers in equal temperament."""
    return np.asarray(CONCERT_PITCH_HZ * np.exp2((pitch - CONCERT_PITCH_NOTE) / 12))


def finish(sound: NDArray[np.float64]) -> Waveform:
    """Fade out the last 5 ms, scale to a peak of 1, and make the shared sound read-only."""
    fade = min(sound.size, SAMPLE_RATE_HZ // 200)
    faded = np.concatenate([sound[: sound.size - fade], sound[-fade:] * np.linspace(1, 0, fade)])
    finished: Waveform = (faded / max(float(np.abs(faded).max()), 1e-9)).astype(np.float32)
    finished.flags.writeable = False
    return finished


def noise(
    random: np.random.Generator, length: int, cutoff_hz: float | tuple[float, float], kind: str
) -> NDArray[np.float64]:
    """Return white noise through a ``highpass`` or ``bandpass`` filter of 12 dB per octave."""
    sections = scipy.signal.butter(2, cutoff_hz, kind, fs=SAMPLE_RATE_HZ, output="sos")
    return np.asarray(scipy.signal.sosfilt(sections, random.standard_normal(length)), np.float64)


@lru_cache(maxsize=8)
def kick() -> Waveform:
    """Return a bass drum: a click, and a sine that falls from 160 to 50 Hz."""
    time_s = _time_s(0.30)
    sweep_hz = 50 + 110 * np.exp(-time_s / 0.03)
    body = np.sin(2 * np.pi * np.cumsum(sweep_hz) / SAMPLE_RATE_HZ) * np.exp(-time_s / 0.09)
    click = np.sin(2 * np.pi * 2500 * time_s) * np.exp(-time_s / 0.003)
    return finish(body + 0.3 * click)


def snare(random: np.random.Generator) -> Waveform:
    """Return a snare drum: a band of noise over two short tones."""
    time_s = _time_s(0.22)
    rattle = noise(random, time_s.size, (900, 9000), "bandpass") * np.exp(-time_s / 0.06)
    tone = np.sin(2 * np.pi * 185 * time_s) + 0.5 * np.sin(2 * np.pi * 331 * time_s)
    return finish(rattle + 0.5 * tone * np.exp(-time_s / 0.05))


def hi_hat(random: np.random.Generator) -> Waveform:
    """Return a closed hi-hat: short noise above 7 kHz."""
    time_s = _time_s(0.08)
    hiss = noise(random, time_s.size, 7000, "highpass")
    return finish(hiss * np.exp(-time_s / 0.018))


@lru_cache(maxsize=128)
def bass_note(pitch: float, length: int) -> Waveform:
    """Return a plucked bass string, whose upper partials decay faster."""
    return _plucked(pitch, length, partials=8, brightness=1.2, decay_s=0.9)


@lru_cache(maxsize=128)
def keyboard_note(pitch: float, length: int) -> Waveform:
    """Return a note that sounds between an electric piano and a guitar."""
    return _plucked(pitch, length, partials=7, brightness=1.5, decay_s=0.7)


def _time_s(duration_s: float) -> NDArray[np.float64]:
    return np.arange(round(duration_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ


def _plucked(
    pitch: float, length: int, *, partials: int, brightness: float, decay_s: float
) -> Waveform:
    time_s = np.arange(length) / SAMPLE_RATE_HZ
    phase = 2 * np.pi * frequency_hz(np.array(pitch, float)) * time_s
    sound = np.zeros(length)
    for partial in range(1, partials + 1):
        fading = np.exp(-time_s * (0.6 + 0.4 * partial) / decay_s)
        sound += np.sin(partial * phase + partial) * fading / partial**brightness
    return finish(sound * np.minimum(time_s / 0.004, 1))
