"""Separate a song with sherpa-onnx into wav files of 16 bits.

    python separate.py -m MODELS -o OUT SONG

MODELS is the folder of vocals.onnx and accompaniment.onnx.
"""

import argparse
import os
from pathlib import Path

import numpy as np
import sherpa_onnx
import soundfile


def main(models: Path, out: Path, song: Path) -> None:
    """Separate the song with all processors."""
    network = sherpa_onnx.OfflineSourceSeparationModelConfig(
        spleeter=sherpa_onnx.OfflineSourceSeparationSpleeterModelConfig(
            vocals=str(models / "vocals.onnx"), accompaniment=str(models / "accompaniment.onnx")
        ),
        num_threads=os.cpu_count() or 1,
    )
    config = sherpa_onnx.OfflineSourceSeparationConfig(model=network)
    if not config.validate():
        raise SystemExit("sherpa-onnx refuses the networks.")
    samples, rate_hz = soundfile.read(song, dtype="float32", always_2d=True)
    separated = sherpa_onnx.OfflineSourceSeparation(config).process(
        sample_rate=rate_hz, samples=np.ascontiguousarray(samples.T)
    )
    for name, stem in zip(("vocals", "accompaniment"), separated.stems, strict=True):
        path = out / f"{name}.wav"
        soundfile.write(path, np.transpose(stem.data), separated.sample_rate, subtype="PCM_16")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for argument in ("-m", "-o", "song"):
        parser.add_argument(argument, type=Path)
    arguments = parser.parse_args()
    main(arguments.m, arguments.o, arguments.song)
