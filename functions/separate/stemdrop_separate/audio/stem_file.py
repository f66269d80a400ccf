"""A stem file: an mp4 with a song and its four stems as tracks, in Native Instruments' format.

The format's specification 1.0 calls for an mp4 file, preferably named ``.stem.mp4``, with a box
``stem`` in ``moov/udta``. The first track is the song, and the only one that players without stems
play; then there are four stems, all AAC or ALAC. The box holds the names and colors, as JSON.
"""

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from stemdrop.errors import EncodeError, NoRoomError
from stemdrop_separate.audio.cover import DEMUXERS, CoverArt
from stemdrop_separate.audio.ffmpeg import NO_ROOM, FfmpegProcess

MUXED_WITHIN_S = 300.0
# Native Instruments' order and colors, and its effects, which are off: they would change the sound.
_ORDER = ("drums", "bass", "other", "vocals")
_COLORS = ("#009E73", "#D55E00", "#CC79A7", "#56B4E9")
_COMPRESSOR = {
    "enabled": False,
    "input_gain": 0.5,
    "output_gain": 0.5,
    "threshold": 0,
    "dry_wet": 50,
    "attack": 0.003,
    "release": 0.3,
    "ratio": 3,
    "hp_cutoff": 300,
}
_LIMITER = {"enabled": False, "threshold": 0, "ceiling": -0.35, "release": 0.05}
_HEADER = struct.Struct(">I4s")


def write_stem_file(
    path: Path, mix: Path, stems: Mapping[str, Path], cover: CoverArt | None, ffmpeg: Path
) -> None:
    """Write a stem file from encoded files, without encoding them again.

    Parameters
    ----------
    path : Path of the file; it is removed if writing fails.
    mix : The song with its tags, as m4a.
    stems : Name to file of four stems, encoded like the song.
    cover : Cover of the song.

    Raises
    ------
    EncodeError : ffmpeg failed.
    NoRoomError : The disk is full.
    """
    # Any other stem takes the place of "other".
    names = sorted(stems, key=lambda stem: _ORDER.index(stem if stem in _ORDER else "other"))
    try:
        _mux(path, [mix, *(stems[name] for name in names)], names, cover, ffmpeg)
        add_box(path, _box(b"stem", _manifest(names)))
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise EncodeError(f"The stem file can't be written: {error.strerror}.") from error
        raise


def _mux(
    path: Path,
    files: Sequence[Path],
    names: Sequence[str],
    cover: CoverArt | None,
    ffmpeg: Path,
) -> None:
    trusted = ("-protocol_whitelist", "file")
    inputs, chosen = ["-loglevel", "level+error", "-y"], ["-c", "copy"]
    for number, (file, name) in enumerate(zip(files, ["mix", *names], strict=True)):
        inputs += [*trusted, "-i", f"file:{file.absolute()}"]
        chosen += ["-map", f"{number}:a", f"-metadata:s:a:{number}", f"handler_name={name}"]
        chosen += [f"-disposition:a:{number}", "0" if number else "default"]
    if cover:
        # The one inside of a file would come between its sound at another place each time.
        inputs += [*trusted, "-f", DEMUXERS[cover.codec], "-i", f"file:{cover.path}"]
        chosen += ["-map", f"{len(files)}:v", "-disposition:v", "attached_pic"]
    # Chapters would become one more track.
    chosen += ["-map_metadata", "0", "-map_chapters", "-1", "-fflags", "+bitexact"]
    arguments = [*inputs, *chosen, "-f", "ipod", f"file:{path.absolute()}"]
    with FfmpegProcess(ffmpeg, arguments) as running:
        if running.wait(MUXED_WITHIN_S) == 0 and not running.reason:
            return
        running.kill()
        if NO_ROOM.search(running.log):
            raise NoRoomError("The stem file doesn't fit on the disk: leave stem_file out.")
        raise EncodeError(f"The stem file can't be written: {running.reason or 'ffmpeg failed'}.")


def _manifest(names: Sequence[str]) -> bytes:
    stems = [
        {"name": name.capitalize(), "color": color}
        for name, color in zip(names, _COLORS, strict=True)
    ]
    effects = {"compressor": _COMPRESSOR, "limiter": _LIMITER}
    return json.dumps({"mastering_dsp": effects, "version": 1, "stems": stems}).encode()


def add_box(path: Path, box: bytes) -> None:
    """Add a box to ``moov/udta``; ffmpeg wrote ``moov`` last, so that no sound moves."""
    with path.open("r+b") as file:
        start, moov = _find_moov(file)
        boxes = list(_boxes(moov))
        others = b"".join(_box(kind, content) for kind, content in boxes if kind != b"udta")
        udta = b"".join(content for kind, content in boxes if kind == b"udta")
        file.seek(start)
        file.write(_box(b"moov", others + _box(b"udta", udta + box)))


def _find_moov(file: IO[bytes]) -> tuple[int, bytes]:
    """Return the place of the last box, and its content."""
    start = 0
    while True:
        file.seek(start)
        size_bytes, kind = _HEADER.unpack(file.read(_HEADER.size))
        if kind == b"moov":
            return start, file.read(size_bytes - _HEADER.size)
        if size_bytes == 1:  # more than 4 GB
            (size_bytes,) = struct.unpack(">Q", file.read(8))
        start += size_bytes


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    start = 0
    while start < len(data):
        size_bytes, kind = _HEADER.unpack_from(data, start)
        yield kind, data[start + _HEADER.size : start + size_bytes]
        start += size_bytes


def _box(kind: bytes, content: bytes) -> bytes:
    return _HEADER.pack(_HEADER.size + len(content), kind) + content
