"""Speech with known times of its words, from espeak-ng; `make clients` installs it."""

import ctypes
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from benchmarks.songs.instruments import SAMPLE_RATE_HZ, Waveform

LIBRARY = "libespeak-ng.so.1"
# Source of the numbers: espeak-ng/speak_lib.h, version 1.51.
SYNCHRONOUS, NO_EXIT = 2, 0x8000
LIST_ENDS, WORD = 0, 1
RATE, PITCH, PITCH_RANGE = 1, 3, 4
CHARACTERS, UTF_8 = 1, 1


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    )


_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


@dataclass(frozen=True, slots=True)
class KnownWord:
    """A word and the time at which it starts."""

    text: str
    start_s: float


@dataclass(frozen=True, slots=True)
class Speech:
    """Spoken text.

    Attributes
    ----------
    waveform : float32, shape (samples,), at 44,100 Hz.
    words : Words whose times espeak-ng tells; it joins a few short ones.
    """

    waveform: Waveform
    words: tuple[KnownWord, ...]


@cache
def _library() -> tuple[Any, int]:
    """Return espeak-ng and its sample rate in Hz."""
    library = ctypes.CDLL(LIBRARY)
    sample_rate_hz = library.espeak_Initialize(SYNCHRONOUS, 0, None, NO_EXIT)
    if sample_rate_hz <= 0 or library.espeak_SetVoiceByName(b"en-us"):
        raise RuntimeError("espeak-ng can't start: install it with its data, apt install espeak-ng")
    return library, sample_rate_hz


def speak(text: str, *, words_per_minute: int = 130, pitch: int = 50) -> Speech:
    """Speak an English text.

    Parameters
    ----------
    text : Text in ASCII.
    words_per_minute : Speed, from 80.
    pitch : Mean pitch, 0 to 99.
    """
    library, sample_rate_hz = _library()
    for parameter, value in ((RATE, words_per_minute), (PITCH, pitch), (PITCH_RANGE, 60)):
        library.espeak_SetParameter(parameter, value, 0)
    chunks: list[NDArray[np.int16]] = []
    words: list[KnownWord] = []

    def receive(samples: Any, count: int, events: Any) -> int:
        if samples and count:
            chunks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        for event in events:
            if event.type == LIST_ENDS:
                break
            if event.type == WORD:
                word = text[event.text_position - 1 :].split(maxsplit=1)[0]
                words.append(KnownWord(word, event.sample / sample_rate_hz))
        return 0

    callback = _CALLBACK(receive)
    library.espeak_SetSynthCallback(callback)
    encoded = text.encode("ascii") + b"\0"
    library.espeak_Synth(encoded, len(encoded), 0, CHARACTERS, 0, UTF_8, None, None)
    spoken = np.concatenate(chunks) / np.float32(32768)
    resampled = scipy.signal.resample_poly(spoken, SAMPLE_RATE_HZ, sample_rate_hz)
    return Speech(resampled.astype(np.float32), tuple(words))
