"""Check an installed `stemdrop` command: a song becomes stems of its length, on any system.

It needs nothing but the installation. The test of the wheel and the workflow `systems` run it.
"""

import json
import math
import os
import struct
import subprocess
import sys
import tempfile
import wave
from pathlib import Path

RATE_HZ = 44_100
SAMPLES = 3 * RATE_HZ
STEMS = {"vocals", "accompaniment"}


def write_song(path: Path) -> None:
    """Write three seconds of a chord, in stereo."""
    samples = (
        round(9000 * sum(math.sin(2 * math.pi * hz * n / RATE_HZ) for hz in (220, 277, 330)))
        for n in range(SAMPLES)
    )
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(b"".join(struct.pack("<hh", value, value) for value in samples))


def main() -> int:
    """Separate the song, and return the exit status: 0 if only the right stems are left."""
    with tempfile.TemporaryDirectory() as folder:
        song, stems = Path(folder, "song.wav"), Path(folder, "stems")
        temporary = Path(folder, "temporary")
        temporary.mkdir()
        write_song(song)
        command = [sys.executable, "-m", "stemdrop_cli"]
        variables = {**os.environ, **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary))}
        separate = [*command, "separate", str(song), "-o", str(stems)]
        subprocess.run(separate, env=variables, check=True)
        subprocess.run([*command, "models"], env=variables, check=True)
        lengths = {}
        for path in (stems / "song").iterdir():
            with wave.open(str(path), "rb") as file:
                lengths[path.stem] = file.getnframes()
        left = [path.name for path in temporary.iterdir()]
        print(json.dumps({"samples": lengths, "temporary files": left}))
        return 0 if lengths == dict.fromkeys(STEMS, SAMPLES) and not left else 1


if __name__ == "__main__":
    sys.exit(main())
