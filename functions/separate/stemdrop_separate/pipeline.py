"""The pipeline of a song, from a file to files: probe, decode, separate, encode, verify."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from stemdrop.errors import SeparationError, TooLoudError
from stemdrop.music import Music
from stemdrop.options import RESIDUAL, STEM_FILE, Options
from stemdrop_separate.analysis.song_analysis import SongAnalyzer
from stemdrop_separate.audio.cover import CoverArt, extract_cover
from stemdrop_separate.audio.decode import Decoder
from stemdrop_separate.audio.downmix import describe_assumption
from stemdrop_separate.audio.elementary_stream import repair
from stemdrop_separate.audio.encode import EncodedStem, Encoder
from stemdrop_separate.audio.peak_scaling import may_scale, write_scaled
from stemdrop_separate.audio.probe import AudioSource, probe
from stemdrop_separate.audio.stem_file import write_stem_file
from stemdrop_separate.audio.stem_writer import MIX, Block, StemWriter
from stemdrop_separate.audio.vocals_blend import VocalsBlend
from stemdrop_separate.audio.vocals_file import VOCALS, open_vocals_file
from stemdrop_separate.audio.waveform_peaks import WaveformPeaks
from stemdrop_separate.deadline import Deadline
from stemdrop_separate.disk_space import require_disk_space
from stemdrop_separate.models.network import Network
from stemdrop_separate.separation.separate import SeparatedSegment, separate
from stemdrop_separate.separation.stft import SAMPLE_RATE_HZ
from stemdrop_separate.song_progress import Progress, SongProgress
from stemdrop_separate.stem_sizes import needed_bytes


@dataclass(frozen=True, slots=True)
class SeparatedSong:
    """Stems of a song, as files.

    Attributes
    ----------
    source : File description from its own header.
    stems : Name to file, in the order of the options.
    duration_s : Seconds of sound that were separated.
    warnings : Sentences about assumed channels, missing sound, and stems that clip.
    gain_db : Gain of all stems that keeps them from clipping; 0 or less.
    music : Tempo, beats, key and loudness.
    mix_peaks : Bins of the song's waveform; see `WaveformPeaks.finish`.
    stem_file : Path of the stem file, if the options say so.
    vocals_file : Path of one more file with the vocals, if it was wanted.
    """

    source: AudioSource
    stems: dict[str, EncodedStem]
    duration_s: float
    warnings: tuple[str, ...]
    gain_db: float
    music: Music
    mix_peaks: bytes
    stem_file: Path | None = None
    vocals_file: Path | None = None


def separate_song(  # noqa: PLR0913 - all that a separation depends on
    song: Path,
    targets: Mapping[str, Path],
    options: Options,
    network: Network,
    ffmpeg: Path,
    *,
    name: str | None = None,
    max_duration_s: float = math.inf,
    vocals_file: Path | None = None,
    deadline: Deadline = Deadline(),  # noqa: B008
    on_progress: Progress = lambda _: None,
) -> SeparatedSong:
    """Separate a file into one file per stem, in constant memory; if it fails, no file is left.

    Parameters
    ----------
    song : Path of any file that ffmpeg reads.
    targets : Path for each of `options.outputs`, and for STEM_FILE if there will be one.
    name : Name of the song, for the titles of stems of a song without one; by default the file's.
    max_duration_s : Limit on the seconds of sound.
    vocals_file : Path of one more file with the vocals as a `VocalsBlend`, for a `Transcriber`.
    deadline : Moment by which decoding has to end.
    on_progress : Function that takes the share that is done, above 0 and below 1, after every
        segment, and during a second pass. It may raise an error to stop.

    Raises
    ------
    RejectedError : The song can't be separated; see its branches.
    TransientError : An encoder failed, or the stems did not pass their check.
    """
    decode = partial(
        Decoder,
        ffmpeg=ffmpeg,
        offset_s=options.offset_s,
        duration_s=options.duration_s,
        max_duration_s=max_duration_s,
        deadline=deadline,
    )
    folder = next(iter(targets.values())).parent
    with TemporaryDirectory(dir=folder, prefix="stemdrop-") as temporary:
        prepared = _prepare(song, name, targets, options, ffmpeg, Path(temporary), decode)
        return _write_stems(prepared, network, vocals_file, on_progress)


@dataclass(frozen=True, slots=True)
class _PreparedSong:
    """A song that can be separated, and whose stems have room on the disk.

    Attributes
    ----------
    source : Description of the song; if it is damaged, that of a repaired copy.
    decoder : Function that starts to decode it.
    expected_s : Seconds that will come out.
    writer : Writer of the stems, and of the mix if there will be a stem file.
    stem_file : Path of the stem file, if the options say so.
    """

    source: AudioSource
    cover: CoverArt | None
    decoder: Callable[[], Decoder]
    expected_s: float
    options: Options
    writer: StemWriter
    stem_file: Path | None
    ffmpeg: Path


def _prepare(
    song: Path,
    name: str | None,
    targets: Mapping[str, Path],
    options: Options,
    ffmpeg: Path,
    folder: Path,
    decode: Callable[[Path, AudioSource], Decoder],
) -> _PreparedSong:
    """Probe a song, repair it, and require room for its stems.

    Parameters
    ----------
    folder : Folder for files that aren't needed afterwards.
    decode : Decoder of the part that the options say.
    """
    source = probe(song, ffmpeg, options.track, folder=folder)
    cover = extract_cover(song, source.cover if options.codec.spec.cover else None, ffmpeg, folder)
    files = {stem: targets[stem] for stem in options.outputs}
    if options.stem_file:
        files[MIX] = folder / f"{MIX}.{options.codec.suffix}"
    writer = StemWriter(files, options, ffmpeg, source, name or song.stem, cover)
    path, source = repair(song, source, folder)
    decoder = partial(decode, path, source)
    expected_s = _expected_duration_s(source, options, decoder)
    require_disk_space(writer.folder, needed_bytes(expected_s, options, source), "The stems")
    return _PreparedSong(
        source=source,
        cover=cover,
        decoder=decoder,
        expected_s=expected_s,
        options=options,
        writer=writer,
        stem_file=targets[STEM_FILE] if options.stem_file else None,
        ffmpeg=ffmpeg,
    )


def _write_stems(
    song: _PreparedSong, network: Network, vocals_file: Path | None, on_progress: Progress
) -> SeparatedSong:
    """Decode, separate and encode a song, and verify the stems."""
    options, measures = song.options, _MixMeasures()
    wanted = {*options.stems, VOCALS} if vocals_file else options.stems
    with song.decoder() as mix:
        with _vocals_writer(vocals_file, song.ffmpeg) as vocals:
            segments = measures.measure(separate(mix, network, wanted, options.quality))
            if vocals:
                segments = _write_vocals(segments, vocals)
            blocks = (_outputs(segment, options) for segment in segments)
            progress = SongProgress(song.expected_s, on_progress)
            stems, gain_db = _write(song.writer, blocks, options, progress)
            if vocals:
                vocals.finish()
        _require_right(stems, mix.samples)
    if song.stem_file:
        whole = stems.pop(MIX).path
        parts = {stem: file.path for stem, file in stems.items()}
        write_stem_file(song.stem_file, whole, parts, song.cover, song.ffmpeg)
    return SeparatedSong(
        source=song.source,
        stems=stems,
        duration_s=mix.samples / SAMPLE_RATE_HZ,
        warnings=(*_assumption(song.source), *mix.warnings, *_clipping(stems)),
        gain_db=gain_db,
        music=measures.analyzer.finish(options.offset_s),
        mix_peaks=measures.peaks.finish()[1],
        stem_file=song.stem_file,
        vocals_file=vocals_file,
    )


def _vocals_writer(path: Path | None, ffmpeg: Path) -> AbstractContextManager[Encoder | None]:
    return open_vocals_file(path, ffmpeg) if path else nullcontext()


def _expected_duration_s(
    source: AudioSource, options: Options, decoder: Callable[[], Decoder]
) -> float:
    """Return the seconds that will be separated. They are counted if the file doesn't say."""
    announced_s = source.part_duration_s(options.offset_s, options.duration_s)
    if announced_s is not None:
        return announced_s
    with decoder() as mix:
        return sum(len(block) for block in mix) / SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class _MixMeasures:
    """What is measured of a song while it is separated."""

    analyzer: SongAnalyzer = field(default_factory=SongAnalyzer)
    peaks: WaveformPeaks = field(default_factory=WaveformPeaks)

    def measure(self, segments: Iterable[SeparatedSegment]) -> Iterator[SeparatedSegment]:
        """Yield segments after they are measured."""
        for segment in segments:
            self.analyzer.add(segment.mix, segment.features)
            self.peaks.add(segment.mix)
            yield segment


def _write_vocals(
    segments: Iterable[SeparatedSegment], vocals: Encoder
) -> Iterator[SeparatedSegment]:
    """Yield segments after their vocals are written for a `Transcriber`."""
    blend = VocalsBlend()
    for segment in segments:
        vocals.write(blend.add(segment.stems[VOCALS], segment.mix))
        yield segment


def _outputs(segment: SeparatedSegment, options: Options) -> Block:
    """Return the samples of each file."""
    stems = {stem: segment.stems[stem] for stem in options.stems}
    if options.residual:
        stems[RESIDUAL] = segment.mix - np.add.reduce(list(stems.values()))
    if options.stem_file:
        stems[MIX] = segment.mix
    return stems


def _write(
    writer: StemWriter, blocks: Iterable[Block], options: Options, progress: SongProgress
) -> tuple[dict[str, EncodedStem], float]:
    """Write all stems, and return them with the gain in dB that keeps them from clipping."""
    if not may_scale(options):
        return writer.write(progress.report(blocks)), 0.0
    return write_scaled(writer, progress.report(blocks, may_scale=True), progress.report)


def _require_right(stems: Mapping[str, EncodedStem], samples: int) -> None:
    for stem, file in stems.items():
        if file.is_too_loud:
            raise TooLoudError(
                f"The song is far too loud for {file.path.suffix[1:]}: its samples go beyond 1,000"
                " times full scale. Export it with samples between -1 and 1, or choose wav or flac."
            )
        if file.samples != samples:
            raise SeparationError(
                f"{stem} has {file.samples} samples, but the mix has {samples}, so the stems"
                " weren't published."
            )


def _assumption(source: AudioSource) -> Iterator[str]:
    if source.is_layout_assumed and source.channels > 2:
        yield describe_assumption(source.channels, source.layout)


def _clipping(stems: Mapping[str, EncodedStem]) -> Iterator[str]:
    for stem, file in stems.items():
        if file.clipped_samples:
            yield (
                f"{stem} clips in {file.clipped_samples} samples, its peak is"
                f" {file.peak_dbfs or 0.0:+.1f} dBFS: clip=scale makes all stems quieter, and wav"
                " with bit_depth=32f keeps them as they are."
            )
