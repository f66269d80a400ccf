"""Description of an audio file before it is decoded, by one call of ffmpeg."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from stemdrop.errors import (
    EmptyAudioError,
    NoAudioStreamError,
    NoRoomError,
    NotAudioError,
    TimedOutError,
    TransientError,
)
from stemdrop.job_record import Track
from stemdrop_separate.audio.ffmpeg import NO_ROOM, FfmpegProcess, error_message, untrusted_input
from stemdrop_separate.audio.id3 import synchsafe
from stemdrop_separate.audio.pipes import PipeReader
from stemdrop_separate.audio.riff import reading_arguments
from stemdrop_separate.audio.tags import Tags, parse_tags
from stemdrop_separate.audio.timeline import SHORTEST_HOLE_S
from stemdrop_separate.audio.tracks import CoverStream, Streams, choose_track, list_streams
from stemdrop_separate.audio.truncation import duration_before_truncation_s

# Songs take 0.02 s. 50,000 comments in a file of 2 MB take half a minute in each call of ffmpeg.
PROBE_WITHIN_S = 15.0
# Telephones have 8,000 samples a second. A few bytes at 1 Hz would become hours of sound.
LOWEST_RATE_HZ = 1000
# Encoders and decoders of WMA disagree by two of its blocks on where the sound begins.
_WMA_DELAY_S = 0.2
_FIELD = re.compile(r"^#(\w+) 0: (.*)$", re.MULTILINE)
_BLOCK = re.compile(r"^0, *-?\d+, *(-?\d+), *(\d+), *(\d+),", re.MULTILINE)
_INPUT = re.compile(r"^\[info\] Input #0, (\S+), from ", re.MULTILINE)
_DURATION = re.compile(r"^\[info\]   Duration: (\d+):(\d\d):(\d\d\.\d\d),", re.MULTILINE)
_START = re.compile(r"^\[info\]   Duration: \S+ start: (-?\d+\.\d+),", re.MULTILINE)
_ASSUMED = re.compile(r"^(?:\[[^\]\n]+\] )?\[warning\] Guessed Channel Layout", re.MULTILINE)
_ESTIMATED = re.compile(r"^\[[^\]\n]+\] \[warning\] Estimating duration from", re.MULTILINE)
# Sample entries of encrypted tracks in mp4.
_PROTECTED = re.compile(r"^\[info\]   Stream #0:.*: Audio: .*\((?:drms|enca) / 0x", re.MULTILINE)
_NO_STREAM = re.compile(r"^\[fatal\] Stream map '.*' matches no streams", re.MULTILINE)

_ONLY_TRACK = Track(1)


@dataclass(frozen=True, slots=True)
class AudioSource:
    """Description of a file by its header; only decoding shows whether it is true.

    Attributes
    ----------
    duration_s : Duration in the container's header; None if it has none.
    is_sound_alone : Whether that is the duration of the sound; a video may be longer than it.
    start_s : Seconds from the start of the file to the start of the sound.
    tracks, track : All audio tracks, and the one that was chosen.
    cover : The first cover.
    silenced : Start and end of damage, in samples at 44,100 Hz, that a decoder fills with anything.
    sample_rate_hz, channels : Format of the first decoded block.
    codec, container : Names of ffmpeg, such as ``aac`` and ``mov,mp4,m4a,3gp,3g2,mj2``.
    tags : What the song says about itself.
    layout : Name of the channel layout in ffmpeg, such as ``5.1(side)`` or ``9 channels``.
    reading_arguments : Arguments with which ffmpeg finds the sound in a damaged file.
    is_layout_assumed : Whether the file has no layout, and this is the usual one.
    """

    duration_s: float | None
    sample_rate_hz: int
    channels: int
    codec: str
    container: str
    tags: Tags
    layout: str = ""
    start_s: float = 0.0
    tracks: tuple[Track, ...] = (_ONLY_TRACK,)
    track: Track = _ONLY_TRACK
    cover: CoverStream | None = None
    silenced: tuple[tuple[int, int], ...] = ()
    is_sound_alone: bool = True
    reading_arguments: tuple[str, ...] = ()
    is_layout_assumed: bool = False

    def part_duration_s(self, offset_s: float, duration_s: float | None) -> float | None:
        """Return the announced seconds of a part; None if the file doesn't say how long it is.

        Parameters
        ----------
        offset_s : Seconds before the part.
        duration_s : Most seconds of the part; None for all up to the end.
        """
        if self.duration_s is None:
            return None
        rest_s = max(self.duration_s - offset_s, 0.0)
        return rest_s if duration_s is None else min(rest_s, duration_s)


def probe(
    path: Path,
    ffmpeg: Path,
    track: str | None = None,
    *,
    within_s: float = PROBE_WITHIN_S,
    folder: Path | None = None,
) -> AudioSource:
    """Find out codec, rate, channels, start, announced duration and tags of a file's sound.

    ffmpeg knows some formats by the file's suffix only, so it should be the upload's own.

    Parameters
    ----------
    track : Number or language of the track; by default the one that the file calls so, or the
        first.
    within_s : Limit on the time of each of up to two calls of ffmpeg.
    folder : Folder for temporary files; by default the system's.

    Raises
    ------
    EmptyAudioError : The file has no bytes, or no samples.
    NotAudioError : ffmpeg can't read it, or may not.
    NoAudioStreamError : The file is a medium without sound.
    OptionError : There is no such track.
    NoRoomError : The disk is full.
    TimedOutError : ffmpeg was still reading after `within_s`.
    """
    if path.stat().st_size == 0:
        raise EmptyAudioError("The file is empty: it has 0 bytes.")
    reading = reading_arguments(path)
    source = untrusted_input(path, reading)
    answer = _ask(source, ffmpeg, within_s, 1, folder)
    streams = list_streams(answer.log)
    chosen = choose_track(streams.tracks or (_ONLY_TRACK,), track)
    if chosen.number != 1:
        answer = _ask(source, ffmpeg, within_s, chosen.number, folder)
    return _describe(path, answer, streams, chosen, reading)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What ffmpeg wrote: its log, the stream as stored, its first block decoded, and the tags."""

    code: int
    log: str
    stored: str
    decoded: str
    ffmetadata: str


def _ask(
    source: Sequence[str], ffmpeg: Path, within_s: float, track: int, folder: Path | None
) -> _Answer:
    first_block = ["-map", f"0:a:{track - 1}", "-frames:a", "1"]
    with TemporaryDirectory(dir=folder, prefix="stemdrop-") as name:
        # ffmpeg runs in a folder of its own.
        stored, decoded = Path(name, "stored").absolute(), Path(name, "decoded").absolute()
        arguments = [
            # Time stamps as they are: without it, ffmpeg starts the counting at the sound.
            *("-loglevel", "level+info", "-copyts"),
            *source,
            *(*first_block, "-c", "copy", "-f", "framecrc", f"file:{stored}"),
            # 32-bit floats, so that the size of a block tells the number of channels.
            *(*first_block, "-c", "pcm_f32le", "-f", "framecrc", f"file:{decoded}"),
            *(*first_block, "-c", "copy", "-f", "ffmetadata", "pipe:1"),
        ]
        running, ffmetadata = _start(ffmpeg, arguments)
        with running:
            code = running.wait(within_s)
            if code is None:
                raise TimedOutError(f"The file was not recognized within {within_s:g} s.")
            return _Answer(code, running.log, _text(stored), _text(decoded), ffmetadata.text())


def _start(ffmpeg: Path, arguments: Sequence[str]) -> tuple[FfmpegProcess, PipeReader]:
    """Start ffmpeg with a pipe for the tags, which may be larger than what is kept of them."""
    read_end, write_end = os.pipe()
    reader = PipeReader(os.fdopen(read_end, "rb"))
    try:
        return FfmpegProcess(ffmpeg, arguments, stdout=write_end), reader
    finally:
        os.close(write_end)


def _text(path: Path) -> str:
    """Return what ffmpeg wrote about one block: a few lines, or nothing if it found none."""
    return path.read_bytes().decode("utf-8", "replace") if path.is_file() else ""


def _describe(
    path: Path, answer: _Answer, streams: Streams, track: Track, reading: tuple[str, ...]
) -> AudioSource:
    """Return the description of a file, or raise the error that refuses it.

    Parameters
    ----------
    answer : Answer about the chosen track.
    track : The chosen track.
    reading : Arguments with which ffmpeg read the file.
    """
    if _PROTECTED.search(answer.log):
        raise NotAudioError(
            "The song is protected against copying (DRM): get it without protection, or record it."
        )
    container = _INPUT.search(answer.log)
    block = _BLOCK.search(answer.decoded)
    if container is None or block is None or not answer.stored:
        raise _refusal(path, answer)
    decoded = dict(_FIELD.findall(answer.decoded))
    time_stamp, samples, size_bytes = map(int, block.groups())
    sample_rate_hz = int(decoded["sample_rate"])
    if sample_rate_hz < LOWEST_RATE_HZ:
        raise NotAudioError(
            f"The sample rate of {sample_rate_hz} Hz is too low: export the song at 44,100 Hz."
        )
    codec = dict(_FIELD.findall(answer.stored))["codec_id"]
    truncated_s = duration_before_truncation_s(path, track.number)
    return AudioSource(
        duration_s=truncated_s or _announced_s(answer.log),
        sample_rate_hz=sample_rate_hz,
        channels=size_bytes // (samples * 4),
        codec=codec,
        container=container[1],
        tags=parse_tags(answer.ffmetadata),
        layout=decoded["channel_layout_name"],
        start_s=_start_s(time_stamp / sample_rate_hz, answer.log, codec),
        tracks=streams.tracks,
        track=track,
        cover=streams.cover,
        is_sound_alone=streams.is_sound_alone or truncated_s is not None,
        reading_arguments=reading,
        is_layout_assumed=bool(_ASSUMED.search(answer.log)),
    )


def _refusal(path: Path, answer: _Answer) -> Exception:
    why = error_message(answer.log)
    if answer.code < 0:
        return TransientError(f"ffmpeg was ended by signal {-answer.code} while it read the file.")
    if NO_ROOM.search(answer.log):
        return NoRoomError("There is no room on the disk for temporary files.")
    if _NO_STREAM.search(answer.log) or _is_only_a_tag(path):
        return NoAudioStreamError("The file has no sound: there are only pictures in it.")
    if answer.code == 0 and not why:
        return EmptyAudioError("The file has no sound in it: not one sample.")
    return NotAudioError(f"The file can't be read as audio: {why or 'ffmpeg failed'}.")


def _announced_s(log: str) -> float | None:
    """Return the announced duration; ffmpeg's guess from the bitrate is none."""
    match = _DURATION.search(log)
    if match is None or _ESTIMATED.search(log):
        return None
    hours, minutes, seconds = match.groups()
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def _start_s(first_s: float, log: str, codec: str) -> float:
    """Return the time from the start of the file to the first block, 0 for a mere rounding."""
    container = _START.search(log)
    start_s = first_s - float(container[1]) if container else 0.0
    shortest_s = _WMA_DELAY_S if codec.startswith("wma") else SHORTEST_HOLE_S
    return start_s if start_s > shortest_s else 0.0


def _is_only_a_tag(path: Path) -> bool:
    """Tell whether an ID3 tag, which may hold a cover, is all that there is in the file."""
    with path.open("rb") as file:
        head = file.read(10)
    if len(head) < 10 or head[:3] != b"ID3":
        return False
    # The size doesn't count the head; an older tag of 128 bytes may follow.
    return path.stat().st_size <= len(head) + synchsafe(head[6:]) + 128
