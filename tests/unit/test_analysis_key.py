"""Keys of chord progressions in all keys and tunings."""

from itertools import cycle

import numpy as np
import pytest

from known_music import PROGRESSIONS, analyze, progression
from stemdrop_separate.analysis.key import find_key, name_key
from stemdrop_separate.analysis.segment_features import STEPS

# The Camelot wheel, from 1 to 12.
MINORS = "G# Eb Bb F C G D A E B F# C#".split()  # noqa: SIM905
MAJORS = "B F# Db Ab Eb Bb F C G D A E".split()  # noqa: SIM905
SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
DETUNINGS_CENTS = (-30, -17, 0, 13, 30)


def semitones(note: str) -> int:
    return (SEMITONES[note[0]] + note.count("#") - note.count("b")) % 12


@pytest.mark.parametrize("number", range(1, 13))
def test_keys_have_the_codes_of_the_camelot_wheel(number: int) -> None:
    minor, major = MINORS[number - 1], MAJORS[number - 1]
    in_minor = name_key(semitones(minor), is_minor=True)
    in_major = name_key(semitones(major), is_minor=False)
    assert (in_minor.name, in_minor.camelot) == (f"{minor} minor", f"{number}A")
    assert (in_major.name, in_major.camelot) == (f"{major} major", f"{number}B")


# Every progression, and every tuning in both modes.
@pytest.mark.parametrize(("tonic", "mode"), [*zip(range(12), cycle(PROGRESSIONS))])
def test_progression_has_its_key_in_any_tuning(mode: str, tonic: int) -> None:
    expected = name_key(tonic, is_minor=mode == "minor")
    number = tonic % len(PROGRESSIONS[mode])
    cents = DETUNINGS_CENTS[tonic % len(DETUNINGS_CENTS)]
    music = analyze(progression(tonic, mode, number, cents))
    assert (music.key, music.camelot) == (expected.name, expected.camelot), (number, cents)


def test_pitches_without_a_grid_of_semitones_have_no_key() -> None:
    assert find_key(np.ones(STEPS)) is None


def test_all_notes_alike_have_no_key() -> None:
    in_tune = np.zeros(STEPS)
    in_tune[::10] = 1 + 0.01 * np.arange(12)
    assert find_key(in_tune) is None
