"""Compare stems with the true stems, and write docs/guide/quality.md.

    python -m benchmarks.evaluate [--songs DIR] [--qualities spleeter high] [--models 2stems]

DIR contains songs with their stems in the layout of MUSDB18-HQ. Without it, twelve songs are
generated.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.bss_eval import measure_stems
from benchmarks.evaluation_page import EvaluationResult, write_page
from benchmarks.reference_songs import (
    ReferenceSong,
    ReferenceSongError,
    Waveform,
    find_songs,
    write_songs,
)
from benchmarks.separation_systems import SeparationSystem, separate, systems
from benchmarks.songs.repertoire import REPERTOIRE
from stemdrop.codecs import Codec
from stemdrop.errors import StemdropError
from stemdrop.models import Model
from stemdrop.options import Quality
from stemdrop_local.deployment import ROOT
from stemdrop_separate.separation.stft import SAMPLE_RATE_HZ


def evaluate(
    songs: Iterable[ReferenceSong], compared: list[SeparationSystem]
) -> Iterator[EvaluationResult]:
    """Separate every song with every system, and score the stems."""
    for song in songs:
        for system in compared:
            with tempfile.TemporaryDirectory(prefix="stemdrop-evaluate-") as folder:
                yield _evaluate_one(song, system, Path(folder))


def _evaluate_one(song: ReferenceSong, system: SeparationSystem, scratch: Path) -> EvaluationResult:
    folders = [scratch / name for name in ("true", "made")]  # both contain a vocals.wav
    for folder in folders:
        folder.mkdir()
    truth = song.stems(folders[0])
    made = separate(system, song, folders[1])
    scores = measure_stems(truth, _comparable(made.stems, truth))
    minutes = len(truth["vocals"]) / SAMPLE_RATE_HZ / 60
    return EvaluationResult(
        song=song.name,
        system=system,
        scores=scores,
        network_s_per_minute=None if made.network_s is None else made.network_s / minutes,
    )


def _comparable(stems: dict[str, Waveform], truth: dict[str, Waveform]) -> dict[str, Waveform]:
    """Add the piano to the other instruments if there is no true piano stem."""
    if "piano" not in stems or "piano" in truth:
        return stems
    rest = {name: waveform for name, waveform in stems.items() if name != "piano"}
    return rest | {"other": stems["other"] + stems["piano"]}


@contextmanager
def _songs(arguments: argparse.Namespace) -> Iterator[Iterable[ReferenceSong]]:
    if arguments.songs:
        yield find_songs(arguments.songs)
        return
    with tempfile.TemporaryDirectory(prefix="stemdrop-songs-") as folder:
        yield write_songs(Path(folder), arguments.seconds, arguments.count)


def _print_result(result: EvaluationResult) -> None:
    figures = ", ".join(f"{stem} {score.sdr:.1f} dB" for stem, score in result.scores.items())
    print(f"{result.song}: {result.system}: {figures or 'nothing to compare'}", flush=True)


def main(given: Sequence[str] | None = None) -> int:
    """Evaluate, write and print the page, and return the exit status."""
    arguments = _parser().parse_args(given)
    chosen = arguments.models, arguments.qualities, arguments.codecs
    compared = list(systems(*chosen, stock=not arguments.no_stock))
    results = []
    try:
        with _songs(arguments) as songs:
            for result in evaluate(songs, compared):
                _print_result(result)
                results.append(result)
    except (ReferenceSongError, StemdropError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 1
    print(write_page(results, arguments.page))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--songs", type=Path, metavar="DIR", help="songs with true stems, as in MUSDB18-HQ")
    add("--seconds", type=float, default=30.0, help="of each generated song")
    add("--count", type=int, default=len(REPERTOIRE), help="generated songs")
    add("--models", type=Model, nargs="+", default=[Model.TWO_STEMS], choices=list(Model))
    add("--qualities", type=Quality, nargs="+", default=list(Quality), choices=list(Quality))
    add("--codecs", type=Codec, nargs="+", default=[Codec.WAV], choices=list(Codec))
    add("--no-stock", action="store_true", help="leave stock Spleeter out")
    add(
        "--page", type=Path, default=ROOT / "docs" / "guide" / "quality.md", help="gets the figures"
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
