"""Find tempo, beats and key of songs with librosa, and print a line of JSON for each.

    python analyze.py SONG ...

librosa has no function for keys: the key is the one whose profile fits its chroma best.
"""

import json
import sys

import librosa
import numpy as np

# Source: Krumhansl, "Cognitive Foundations of Musical Pitch", 1990, p. 30.
PROFILES = {
    "major": (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    "minor": (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}


def main(songs: list[str]) -> None:
    """Print what is found: tempo, beats, and the tonic in semitones above C with the mode."""
    for song in songs:
        samples, rate_hz = librosa.load(song)
        tempo_bpm, beats_s = librosa.beat.beat_track(y=samples, sr=rate_hz, units="time")
        chroma = librosa.feature.chroma_cqt(y=samples, sr=rate_hz).mean(axis=1)
        fits = {
            (tonic, mode): np.corrcoef(np.roll(profile, tonic), chroma)[0, 1]
            for mode, profile in PROFILES.items()
            for tonic in range(12)
        }
        found = {
            "tempo_bpm": float(np.atleast_1d(tempo_bpm)[0]),
            "beats_s": beats_s.tolist(),
            "key": max(fits, key=lambda key: fits[key]),
        }
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
