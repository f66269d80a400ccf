"""Compare the separation of a song with stock Spleeter's, sample by sample.

    python benchmarks/parity.py SONG [--backend onnx|tensorflow] [--model 2stems]

Both systems decode the song themselves. Exits with 1 if a stem has another length, differs by more
than half a 16-bit step, or has a signal-to-difference ratio below 110 dB.
"""

import argparse
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.io.wavfile
from numpy.typing import NDArray

from benchmarks.metrics import max_step_difference, snr_db
from stemdrop.errors import OptionError, StemdropError
from stemdrop.models import Model
from stemdrop.option_values import MAX_SECONDS
from stemdrop_separate.audio.decode import Decoder
from stemdrop_separate.audio.ffmpeg import find_ffmpeg
from stemdrop_separate.audio.probe import AudioSource, probe
from stemdrop_separate.models.catalog import BackendName, Models
from stemdrop_separate.separation.separate import separate

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests"))
from stock_spleeter import separate_stock  # noqa: E402 - tests/ is no import root outside of pytest

Waveform = NDArray[np.float32]

MAX_STEPS = 0.5
MIN_SNR_DB = 110.0


@dataclass(frozen=True, slots=True)
class StemComparison:
    """Difference between a stem and stock Spleeter's. Stems must have equal lengths."""

    stem: str
    samples: int
    stock_samples: int
    steps: float = np.inf
    ratio_db: float = -np.inf

    @property
    def equal(self) -> bool:
        """Return whether the stem equals stock Spleeter's up to rounding."""
        return self.steps <= MAX_STEPS and self.ratio_db >= MIN_SNR_DB

    def __str__(self) -> str:
        """Return a line of the table."""
        verdict = "equal" if self.equal else "DIFFERENT"
        return (
            f"{self.stem:<15}{self.samples:>12}{self.stock_samples:>12}"
            f"{self.steps:>10.3f}{self.ratio_db:>9.1f}  {verdict}"
        )


def compare(stem: str, stock: Waveform, ours: Waveform) -> StemComparison:
    """Compare a stem with stock Spleeter's, both float32 of shape (samples, 2)."""
    if stock.shape != ours.shape:
        return StemComparison(stem, len(ours), len(stock))
    steps, ratio_db = max_step_difference(stock, ours), snr_db(stock, ours)
    return StemComparison(stem, len(ours), len(stock), steps, ratio_db)


def decode_as_spleeter(song: Path, ffmpeg: Path) -> Waveform:
    """Decode a song with plain ffmpeg at 44 100 Hz.

    Returns
    -------
    float32, shape (samples, channels), with the song's channels.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "song.wav")
        command = [str(ffmpeg), "-v", "error", "-i", str(song), "-ar", "44100"]
        subprocess.run([*command, "-c:a", "pcm_f32le", "-bitexact", str(path)], check=True)
        waveform: Waveform = scipy.io.wavfile.read(path)[1]
    return waveform.reshape(len(waveform), -1)


def separate_as_spleeter(
    song: Path, ffmpeg: Path, weights: Path, model: Model
) -> dict[str, Waveform]:
    """Separate a song with stock Spleeter, whose checkpoints are in a folder of weights."""
    return separate_stock(decode_as_spleeter(song, ffmpeg), weights / model.weights, model)


def separate_ours(
    song: Path, source: AudioSource, ffmpeg: Path, models: Models, model: Model
) -> dict[str, Waveform]:
    """Decode and separate a song as the function does, and concatenate the segments."""
    with Decoder(song, source, ffmpeg, max_duration_s=MAX_SECONDS) as mix:
        parts = [separated.stems for separated in separate(mix, models.load(model))]
    return {stem: np.concatenate([part[stem] for part in parts]) for stem in model.instruments}


def compare_song(arguments: argparse.Namespace) -> list[StemComparison]:
    """Separate a song twice and compare every stem.

    Raises
    ------
    RejectedError : The song can't be separated or compared.
    """
    song, model = arguments.song, arguments.model
    ffmpeg = find_ffmpeg(None)
    source = probe(song, ffmpeg)
    if source.channels > 2:
        raise OptionError("Spleeter leaves out all channels but two: choose another song.")
    stock = separate_as_spleeter(song, ffmpeg, arguments.weights, model)
    ours = separate_ours(song, source, ffmpeg, Models(arguments.models, arguments.backend), model)
    return [compare(stem, stock[stem], ours[stem]) for stem in stock]


def main() -> int:
    """Print the comparison of one song and return the exit code."""
    parser = _parser()
    arguments = parser.parse_args()
    try:
        comparisons = compare_song(arguments)
    except (StemdropError, OSError) as error:
        parser.error(str(error))
    print(f"{arguments.song.name}, {arguments.model}, {arguments.backend}")
    print(f"{'stem':<15}{'samples':>12}{'Spleeter':>12}{'16-bit':>10}{'dB':>9}")
    print(*comparisons, sep="\n")
    return 0 if all(comparison.equal for comparison in comparisons) else 1


def _parser() -> argparse.ArgumentParser:
    summary = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(description=summary)
    parser.add_argument("song", type=Path, help="any file that ffmpeg reads, mono or stereo")
    parser.add_argument(
        "--backend", type=BackendName, choices=list(BackendName), default=BackendName.ONNX
    )
    parser.add_argument("--model", type=Model, choices=list(Model), default=Model.TWO_STEMS)
    parser.add_argument("--models", type=Path, default=ROOT / "build" / "models")
    parser.add_argument("--weights", type=Path, default=ROOT / "build" / "weights")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
