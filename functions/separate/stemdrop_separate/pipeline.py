"""One song's way from a file to files: decode, separate, encode, check; in constant memory."""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from stemdrop.errors import SeparationError
from stemdrop.options import RESIDUAL, Options
from stemdrop_separate.audio.decode import Decoder
from stemdrop_separate.audio.encode import EncodedStem, Encoder
from stemdrop_separate.audio.ffmpeg import BYTES_PER_SAMPLE
from stemdrop_separate.audio.probe import Source, probe
from stemdrop_separate.audio.tags import Tags
from stemdrop_separate.job.workspace import require_room
from stemdrop_separate.models.network import Network
from stemdrop_separate.separation.peak_scaling import encode_scaled, may_scale
from stemdrop_separate.separation.separate import separate
from stemdrop_separate.separation.stft import SAMPLE_RATE_HZ, Samples

# What a file that isn't compressed takes for one side of a sample; flac takes less.
BYTES_PER_VALUE = {"16": 2, "24": 3, "32f": 4}
HEADER_BYTES = 1 << 16

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class SeparatedSong:
    """What came of a song.

    Attributes
    ----------
    source : the file as it says itself to be.
    stems : name to file, in the order of the options.
    duration_s : seconds of sound that were separated.
    separation_s : seconds that it took, decoding and encoding included.
    warnings : sentences about the file.
    gain_db : by how much all stems were scaled so that none of them clips; 0, or less.
    """

    source: Source
    stems: dict[str, EncodedStem]
    duration_s: float
    separation_s: float
    warnings: tuple[str, ...]
    gain_db: float


@dataclass(frozen=True, slots=True)
class Limits:
    """What a song may take.

    Attributes
    ----------
    max_duration_s : seconds of sound.
    zip_too : whether the disk has to hold a zip of the stems as well.
    ends_at_s : when decoding has to have ended, on the clock of time.monotonic.
    """

    max_duration_s: float = math.inf
    zip_too: bool = False
    ends_at_s: float = math.inf


def separate_song(
    song: Path,
    targets: Mapping[str, Path],
    options: Options,
    network: Network,
    ffmpeg: Path,
    limits: Limits,
    on_progress: Progress = lambda _: None,
) -> SeparatedSong:
    """Separate a file into one file per stem; either all of them are there and right, or none.

    Parameters
    ----------
    song : any file that ffmpeg reads.
    targets : where to write each of `options.outputs`.
    on_progress : told the share that is done, 0 to 1, after every segment; may raise to stop.

    Raises
    ------
    RejectedError : the song can't be separated; see its branches.
    TransientError : an encoder broke, or the stems failed their check.
    """
    started = time.perf_counter()
    source = probe(song, ffmpeg)
    expected_s = _expected_s(song, source, options, ffmpeg, limits)
    folder = next(iter(targets.values())).parent
    _require_room(folder, expected_s, options, limits)
    encode = partial(_encode, targets, options, ffmpeg, source.tags)
    with _decoder(song, source, options, ffmpeg, limits) as mix:
        blocks = _outputs(mix, network, options, expected_s, on_progress)
        if may_scale(options):
            stems, gain_db = encode_scaled(blocks, encode, folder, partial(on_progress, 1.0))
        else:
            stems, gain_db = encode(blocks), 0.0
        _require_whole(stems, mix.samples)
    return SeparatedSong(
        source=source,
        stems=stems,
        duration_s=mix.samples / SAMPLE_RATE_HZ,
        separation_s=time.perf_counter() - started,
        warnings=mix.warnings,
        gain_db=gain_db,
    )


def _decoder(song: Path, source: Source, options: Options, ffmpeg: Path, limits: Limits) -> Decoder:
    return Decoder(
        song,
        source,
        ffmpeg,
        offset_s=options.offset_s,
        duration_s=options.duration_s,
        max_duration_s=limits.max_duration_s,
        within_s=limits.ends_at_s - time.monotonic(),
    )


def _expected_s(
    song: Path, source: Source, options: Options, ffmpeg: Path, limits: Limits
) -> float:
    """Return how many seconds will be separated, as far as the file tells; else count them."""
    if source.duration_s is None:
        with _decoder(song, source, options, ffmpeg, limits) as mix:
            return sum(len(block) for block in mix) / SAMPLE_RATE_HZ
    rest_s = max(source.duration_s - options.offset_s, 0.0)
    return rest_s if options.duration_s is None else min(rest_s, options.duration_s)


def _require_room(folder: Path, expected_s: float, options: Options, limits: Limits) -> None:
    stems_bytes = len(options.outputs) * (int(expected_s * _bytes_per_s(options)) + HEADER_BYTES)
    zip_bytes = stems_bytes if limits.zip_too else 0
    copy_bytes = len(options.outputs) * int(expected_s * SAMPLE_RATE_HZ * BYTES_PER_SAMPLE)
    # The copy is gone before the zip is made.
    beside_bytes = max(zip_bytes, copy_bytes if may_scale(options) else 0)
    require_room(folder, stems_bytes + beside_bytes, "The stems")


def _bytes_per_s(options: Options) -> float:
    if options.bitrate is not None:
        # Vorbis went up to 1.3 times beyond a bitrate of 64k.
        return int(options.bitrate.removesuffix("k")) * 1000 / 8 * 1.4
    return SAMPLE_RATE_HZ * 2 * BYTES_PER_VALUE[options.bit_depth or "16"]


def _outputs(
    mix: Decoder, network: Network, options: Options, expected_s: float, on_progress: Progress
) -> Iterator[dict[str, Samples]]:
    """Separate a song, and yield the next samples of each of `options.outputs`."""
    done = 0
    for part in separate(mix, network, options.stems, options.quality):
        stems = dict(part.stems)
        if options.residual:
            stems[RESIDUAL] = part.mix - np.add.reduce(list(part.stems.values()))
        yield stems
        done += len(part.mix)
        on_progress(min(done / SAMPLE_RATE_HZ / expected_s, 1.0) if expected_s else 1.0)


def _encode(
    targets: Mapping[str, Path],
    options: Options,
    ffmpeg: Path,
    tags: Tags,
    blocks: Iterable[Mapping[str, Samples]],
) -> dict[str, EncodedStem]:
    with ExitStack() as stack:
        encoders = {
            stem: stack.enter_context(
                Encoder(path, ffmpeg, options.codec, options.bitrate, options.bit_depth,
                        tags=tags, stem=stem)
            )
            for stem, path in targets.items()
        }  # fmt: skip
        for block in blocks:
            for stem, samples in block.items():
                encoders[stem].write(samples)
        return {stem: encoder.finish() for stem, encoder in encoders.items()}


def _require_whole(stems: Mapping[str, EncodedStem], samples: int) -> None:
    for stem, file in stems.items():
        if file.samples != samples:
            raise SeparationError(
                f"{stem} has {file.samples} samples and the mix {samples}: not handed out."
            )
