"""Separate a tone with the installed `stemdrop` command, and compare the lengths of its stems."""

import math
import subprocess
import sys
import wave
from array import array
from pathlib import Path
from tempfile import TemporaryDirectory

RATE_HZ = 44_100
SAMPLES = 3 * RATE_HZ
STEMS = ("vocals", "accompaniment")


def write_tone(path: Path) -> None:
    """Write 440 Hz in stereo, 16 bits."""
    values = array("h")
    for sample in range(SAMPLES):
        values.extend([round(8000 * math.sin(2 * math.pi * 440 * sample / RATE_HZ))] * 2)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(values.tobytes())


def count_samples(path: Path) -> int:
    with wave.open(str(path), "rb") as file:
        return file.getnframes()


def main() -> int:
    with TemporaryDirectory() as folder:
        song = Path(folder, "tone.wav")
        write_tone(song)
        subprocess.run(["stemdrop", "separate", str(song), "-o", folder], check=True)
        samples = {stem: count_samples(Path(folder, "tone", f"{stem}.wav")) for stem in STEMS}
    print(f"{SAMPLES} samples in the song: {samples}")
    return 0 if set(samples.values()) == {SAMPLES} else 1


if __name__ == "__main__":
    sys.exit(main())
