"""Every sample stands where a careful player would play it, whatever happened to the file."""

import re
import struct
from collections.abc import Callable
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest
import scipy.fft
import soundfile

import media
from media import FFMPEG, RATE_HZ, Samples
from stemdrop.errors import DamagedError, OptionError
from stemdrop_separate.audio.decode import Decoder
from stemdrop_separate.audio.elementary_stream import repair
from stemdrop_separate.audio.probe import probe

SONG_S = 6.0
VIDEO = ("-f", "lavfi", "-i", "color=s=64x64:r=25:d=8")
MOVING = ("-f", "lavfi", "-i", f"testsrc=s=320x240:r=25:d={SONG_S:g}")
DAMAGE_BYTES = 6000
FLAC_BLOCK = 4096


@pytest.fixture(scope="module")
def song() -> Samples:
    return media.tones(SONG_S)


def decode(
    path: Path, offset_s: float = 0.0, duration_s: float | None = None, track: str | None = None
) -> tuple[Samples, tuple[str, ...]]:
    folder = path.parent / "repaired"
    folder.mkdir(exist_ok=True)
    whole, source = repair(path, probe(path, FFMPEG, track), folder)
    with Decoder(
        whole,
        source,
        FFMPEG,
        offset_s=offset_s,
        duration_s=duration_s,
        max_duration_s=60.0,
    ) as blocks:
        samples = np.concatenate(list(blocks))
    return samples, blocks.warnings


def delay(decoded: Samples, song: Samples, at_s: float) -> int:
    """Return by how many samples half a second of the song comes late, by cross-correlation."""
    start = round(at_s * RATE_HZ)
    excerpt = song[start : start + RATE_HZ // 2, 0]
    size = scipy.fft.next_fast_len(len(decoded) + len(excerpt), real=True)
    spectrum = scipy.fft.rfft(decoded[:, 0], size) * np.conj(scipy.fft.rfft(excerpt, size))
    best = int(np.argmax(scipy.fft.irfft(spectrum, size)))
    return (best if best < len(decoded) else best - size) - start


@pytest.mark.parametrize(
    ("suffix", "codec", "tolerance"),
    [
        ("mkv", "flac", 0),
        ("mp4", "aac", 0),
        ("mov", "pcm_s16le", 0),
        ("ts", "aac", 1024),
        ("mpg", "mp2", 481),
        ("flv", "libmp3lame", 22),
        ("webm", "libopus", 44),
        ("wmv", "wmav2", 22),
    ],
)
def test_late_sound_comes_late(
    tmp_path: Path, song: Samples, suffix: str, codec: str, tolerance: int
) -> None:
    sound = media.wav(tmp_path / "song.wav", song)
    path = tmp_path / f"late.{suffix}"
    late = ("-itsoffset", "1.5", "-i", f"file:{sound}", "-map", "0:v", "-map", "1:a")
    media.run(*VIDEO, *late, "-c:a", codec, f"file:{path}")
    decoded, warnings = decode(path)
    assert abs(delay(decoded, song, 0.5) - 1.5 * RATE_HZ) <= tolerance
    assert not decoded[:RATE_HZ].any()
    assert warnings == ()
    part, _ = decode(path, duration_s=2.0)
    np.testing.assert_array_equal(part, decoded[: 2 * RATE_HZ])


@pytest.mark.parametrize(
    ("suffix", "arguments", "tolerance"),
    [
        ("mkv", ("-c:a", "pcm_s16le"), 0),
        ("mka", (), 0),
        ("mp4", (), 0),
        ("ogg", (), 0),
        ("wma", (), 0),
        ("webm", (), 9),
        ("ts", (), 22),
        ("flv", (), 22),
    ],
)
def test_hole_in_the_time_stamps_is_silent(
    tmp_path: Path, song: Samples, suffix: str, arguments: tuple[str, ...], tolerance: int
) -> None:
    sound = media.wav(tmp_path / "song.wav", song)
    path = tmp_path / f"gap.{suffix}"
    hole = ("-af", "aselect='not(between(t,2,3))'")
    media.run("-i", f"file:{sound}", *hole, *arguments, f"file:{path}")
    decoded, warnings = decode(path)
    start, end = delay(decoded, song, 0.5), delay(decoded, song, 4.5)
    assert abs(end - start) <= tolerance
    # What a lossy codec rings into the hole is far below the song.
    assert np.abs(decoded[round(2.4 * RATE_HZ) : round(2.9 * RATE_HZ)]).max() < 1e-3
    (warning,) = warnings
    assert warning.startswith("1.02 s of the sound is missing, and the stems are silent there: ")


def noise(size_bytes: int) -> bytes:
    return np.random.default_rng(1).bytes(size_bytes)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("song.flac", ()),
        ("song.mp3", ()),
        ("song.mp3", ("-b:a", "320k")),
        ("song.mp3", ("-q:a", "2")),
        ("song.mp3", ("-ar", "22050")),
        ("song.ogg", ()),
        ("song.oga", ()),
        ("song.opus", ()),
        ("song.m4a", ()),
        ("song.aac", ()),
        ("song.mp2", ()),
        ("song.ac3", ()),
        ("song.eac3", ()),
        ("song.dts", ("-c:a", "dca", "-strict", "-2")),
        ("song.dts", ("-c:a", "dca", "-strict", "-2", "-ar", "48000")),
        ("song.latm", ("-c:a", "aac", "-f", "latm")),
        ("song.thd", ("-c:a", "truehd", "-strict", "-2", "-f", "truehd")),
        ("song.mlp", ("-c:a", "mlp", "-strict", "-2", "-f", "mlp", "-ar", "96000")),
        ("song.wma", ()),
        ("song.avi", ()),
        ("song.avi", ("-c:a", "ac3")),
        ("song.avi", ("-c:a", "aac")),
        ("song.mkv", ()),
        ("song.ts", ()),
        ("song.flv", ()),
    ],
)
def test_damage_moves_nothing(
    tmp_path: Path, song: Samples, name: str, arguments: tuple[str, ...]
) -> None:
    path = media.encode(tmp_path / name, song, *arguments)
    clean, none = decode(path)
    assert none == ()
    delays = [delay(clean, song, at_s) for at_s in (0.5, 5.2)]
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    for damage in (noise(DAMAGE_BYTES), bytes(DAMAGE_BYTES)):
        data[middle : middle + DAMAGE_BYTES] = damage
        path.write_bytes(data)
        decoded, warnings = decode(path)
        assert len(decoded) == len(clean)
        assert [delay(decoded, song, at_s) for at_s in (0.5, 5.2)] == delays
        assert "of the sound is missing, and the stems are silent there: " in warnings[0]
        start_s, end_s = map(float, re.findall(r"(\d+\.\d+) to (\d+\.\d+) s", warnings[0])[0])
        hole = decoded[round((start_s + 0.01) * RATE_HZ) : round((end_s - 0.01) * RATE_HZ)]
        assert len(hole)
        assert not hole.any()


@pytest.mark.parametrize("rate", ["44100", "48000"])
def test_damage_in_any_frame_of_dts_moves_nothing(tmp_path: Path, song: Samples, rate: str) -> None:
    arguments = ("-c:a", "dca", "-strict", "-2", "-ar", rate)
    path = media.encode(tmp_path / "song.dts", song, *arguments)
    clean, _ = decode(path)
    delays = [delay(clean, song, at_s) for at_s in (0.5, 5.2)]
    data = path.read_bytes()
    for share in (0.3, 0.5, 0.53, 0.8):
        start = int(share * len(data))
        path.write_bytes(data[:start] + noise(400) + data[start + 400 :])
        decoded, _ = decode(path)
        # At 48 kHz, a block isn't a whole number of samples at 44.1 kHz.
        assert abs(len(decoded) - len(clean)) <= 1
        assert [delay(decoded, song, at_s) for at_s in (0.5, 5.2)] == delays


def test_parity_shows_damage_inside_of_truehd(tmp_path: Path, song: Samples) -> None:
    arguments = ("-c:a", "truehd", "-strict", "-2", "-f", "truehd")
    path = media.encode(tmp_path / "song.thd", song, *arguments)
    clean, _ = decode(path)
    data = path.read_bytes()
    middle = len(data) // 2
    for size_bytes in (1, 21, 401):
        damage = bytes(each ^ 0x55 for each in data[middle : middle + size_bytes])
        path.write_bytes(data[:middle] + damage + data[middle + size_bytes :])
        decoded, (warning,) = decode(path)
        assert "of the sound is missing, and the stems are silent there: " in warning
        (different,) = np.nonzero(np.any(decoded != clean, axis=1))
        # The decoder needs some samples after it to find back.
        assert different[-1] - different[0] < 0.05 * RATE_HZ


def video(path: Path, song: Samples, *arguments: str) -> Path:
    """Write a video, as long as the song, in which both alternate."""
    sound = media.wav(path.with_name("song.wav"), song)
    media.run(*MOVING, "-i", f"file:{sound}", *arguments, f"file:{path}")
    return path


@pytest.mark.parametrize("codec", ["libmp3lame", "mp2", "ac3", "aac", "pcm_s16le"])
def test_damage_in_an_avi_with_pictures_moves_nothing(
    tmp_path: Path, song: Samples, codec: str
) -> None:
    path = video(tmp_path / "song.avi", song, "-c:a", codec)
    clean, _ = decode(path)
    delays = [delay(clean, song, at_s) for at_s in (0.5, 5.2)]
    data = path.read_bytes()
    for share in (0.3, 0.5, 0.6):
        start = int(share * len(data))
        path.write_bytes(data[:start] + noise(DAMAGE_BYTES) + data[start + DAMAGE_BYTES :])
        decoded, _ = decode(path)
        assert len(decoded) == len(clean)
        assert [delay(decoded, song, at_s) for at_s in (0.5, 5.2)] == delays


@pytest.mark.parametrize(
    ("has_pictures", "damage"), [(False, bytes(100)), (True, noise(100))], ids=["zeros", "noise"]
)
def test_damaged_index_of_an_avi_is_no_damage(
    tmp_path: Path, song: Samples, has_pictures: bool, damage: bytes
) -> None:
    path = tmp_path / "song.avi"
    path = video(path, song) if has_pictures else media.encode(path, song)
    clean, _ = decode(path)
    data = path.read_bytes()
    at = data.rindex(b"idx1") + 200
    path.write_bytes(data[:at] + damage + data[at + 100 :])
    decoded, warnings = decode(path)
    np.testing.assert_array_equal(decoded, clean)
    assert warnings == ()


@pytest.mark.parametrize(
    ("suffix", "has_pictures"),
    [*zip(("avi", "wmv", "flv", "mkv", "mp4"), cycle([True, False]), strict=False)],
)
def test_end_of_a_truncated_file_is_reported(
    tmp_path: Path, song: Samples, suffix: str, has_pictures: bool
) -> None:
    share = 0.8 if has_pictures else 0.6
    path, start = tmp_path / f"song.{suffix}", ("-movflags", "faststart") if suffix == "mp4" else ()
    path = video(path, song, *start) if has_pictures else media.encode(path, song, *start)
    _, warnings = decode(path)
    assert warnings == ()
    decoded, (warning,) = decode(media.truncate(path, share))
    end_s = len(decoded) / RATE_HZ
    assert abs(end_s - share * SONG_S) < 0.3
    assert re.fullmatch(rf"The sound ends after {end_s:.1f} s, although .* 6\.[01] s\.", warning)


@pytest.mark.parametrize("is_wide", [False, True])
def test_extensions_of_dts_are_no_damage(tmp_path: Path, song: Samples, is_wide: bool) -> None:
    """Frames of DTS-HD are those of DTS, each with a substream for other decoders."""
    path = media.encode(tmp_path / "song.dts", song, "-c:a", "dca", "-strict", "-2")
    size_bytes, more = 2048, 4 * is_wide
    # Source: ETSI TS 102 114, 7.4.1: a bit for the widths of the header's size and of the whole.
    fields = (is_wide << 37) | (11 << (29 - more)) | ((400 - 1) << (13 - 2 * more))
    extension = (b"\x64\x58\x20\x25\0" + fields.to_bytes(5)).ljust(400, b"\0")
    data = path.read_bytes()
    frames = [data[at : at + size_bytes] for at in range(0, len(data), size_bytes)]
    path.write_bytes(b"".join(frame + extension for frame in frames))
    whole, source = repair(path, probe(path, FFMPEG), tmp_path)
    assert whole == path
    assert source.duration_s == pytest.approx(len(frames) * 512 / RATE_HZ)


def test_only_damaged_blocks_of_a_flac_are_silent(tmp_path: Path, song: Samples) -> None:
    path = media.encode(tmp_path / "song.flac", song)
    clean, _ = decode(path)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + DAMAGE_BYTES] = noise(DAMAGE_BYTES)
    path.write_bytes(data)
    decoded, _ = decode(path)
    (different,) = np.nonzero(np.any(decoded != clean, axis=1))
    first, last = different[0], different[-1]
    assert first % FLAC_BLOCK == (last + 1) % FLAC_BLOCK == 0
    assert last - first < 2 * FLAC_BLOCK
    assert not decoded[first : last + 1].any()


def riff(body: bytes) -> bytes:
    fmt = struct.pack("<HHIIHHHHIHHH", 0x55, 2, RATE_HZ, 16_000, 1, 0, 12, 1, 2, 417, 1, 1105)
    chunks = b"WAVE" + media.chunk(b"fmt ", fmt) + media.chunk(b"data", body)
    return struct.pack("<4sI", b"RIFF", len(chunks)) + chunks


def ape_tag() -> bytes:
    item = struct.pack("<II", 4, 0) + b"Artist\0" + b"Anna"
    ends = [
        b"APETAGEX" + struct.pack("<IIII", 2000, len(item) + 32, 1, flags) + bytes(8)
        for flags in (0xA0000000, 0x80000000)
    ]
    return ends[0] + item + ends[1]


def id3_tag(announced: int, size_bytes: int) -> bytes:
    digits = bytes(announced >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x04\0\0" + digits + bytes(size_bytes)


CONSTANT, VARIABLE = (), ("-q:a", "2")


@pytest.fixture(scope="module")
def frames(song: Samples, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, ...], bytes]:
    """Return the song as mp3, without tags, by the encoder's arguments for the bitrate."""
    path = tmp_path_factory.mktemp("frames") / "song.mp3"
    return {
        arguments: media.encode(path, song, *arguments, "-id3v2_version", "0").read_bytes()
        for arguments in (CONSTANT, VARIABLE)
    }


@pytest.mark.parametrize(
    ("wrap", "arguments"),
    [
        (lambda body: body, CONSTANT),
        (lambda body: body, VARIABLE),
        (lambda body: bytes(5000) + body, CONSTANT),
        (lambda body: ape_tag() + body, CONSTANT),
        (lambda body: id3_tag(3000, 3000) + bytes(500) + body, CONSTANT),
        (lambda body: id3_tag(100, 3000) + body, CONSTANT),
        (lambda body: id3_tag(5000, 3000) + body, CONSTANT),
        (riff, CONSTANT),
    ],
    ids=["plain", "vbr", "zeros", "ape", "id3-zeros", "id3-small", "id3-large", "riff"],
)
def test_encoder_delay_of_an_mp3_is_taken_off(
    tmp_path: Path,
    song: Samples,
    frames: dict[tuple[str, ...], bytes],
    wrap: Callable[[bytes], bytes],
    arguments: tuple[str, ...],
) -> None:
    path = tmp_path / "song.mp3"
    path.write_bytes(wrap(frames[arguments]))
    decoded, warnings = decode(path)
    assert len(decoded) == len(song)
    assert delay(decoded, song, 0.0) == delay(decoded, song, 5.0) == 0
    assert warnings == ()


def test_mp3_is_in_the_same_place_as_from_another_decoder(tmp_path: Path, song: Samples) -> None:
    path = media.encode(tmp_path / "song.mp3", song)
    path.write_bytes(ape_tag() + path.read_bytes())
    decoded, _ = decode(path)
    other, _ = soundfile.read(path, dtype="float32")
    assert len(decoded) == len(other)
    np.testing.assert_allclose(decoded, other, atol=2e-4)


def test_tag_between_frames_is_not_missing_sound(tmp_path: Path, song: Samples) -> None:
    halves = [media.encode(tmp_path / f"{n}.mp3", song, "-write_xing", "0") for n in range(2)]
    path = tmp_path / "song.mp3"
    path.write_bytes(b"".join(half.read_bytes() + ape_tag() for half in halves))
    decoded, warnings = decode(path)
    # Two encoder delays, and two last frames, are longer than the songs.
    assert 2 * len(song) < len(decoded) < 2 * len(song) + 4 * 1152 * 2
    assert warnings == ()


@pytest.mark.parametrize("suffix", ["wma", "mp3", "m4a", "ogg", "ts", "aac"])
def test_part_is_counted_in_samples_of_the_whole(
    tmp_path: Path, song: Samples, suffix: str
) -> None:
    path = media.encode(tmp_path / f"song.{suffix}", song)
    whole, _ = decode(path)
    part, _ = decode(path, offset_s=1.5, duration_s=2.0)
    start = round(1.5 * RATE_HZ)
    np.testing.assert_array_equal(part, whole[start : start + 2 * RATE_HZ])


@pytest.mark.parametrize("suffix", ["mp3", "flac", "wav", "aac", "ogg"])
def test_what_lies_behind_the_sound_is_no_damage(
    tmp_path: Path, song: Samples, suffix: str
) -> None:
    path = media.encode(tmp_path / f"song.{suffix}", song)
    clean, _ = decode(path)
    data = path.read_bytes()
    lyrics = b"LYRICSBEGIN" + b"x" * 500 + b"LYRICS200"
    for behind in (bytes(20_000), b"TAG" + bytes(125), ape_tag(), lyrics):
        path.write_bytes(data + behind)
        decoded, warnings = decode(path)
        np.testing.assert_array_equal(decoded, clean)
        assert warnings == ()


@pytest.mark.parametrize("suffix", ["mp3", "flac", "m4a"])
def test_broken_cover_is_no_damage(tmp_path: Path, song: Samples, suffix: str) -> None:
    cover = media.picture(tmp_path / "cover.png")
    sound = media.wav(tmp_path / "song.wav", song)
    path = tmp_path / f"song.{suffix}"
    inputs = ("-i", f"file:{sound}", "-i", f"file:{cover}", "-map", "0:a", "-map", "1:v")
    media.run(*inputs, "-c:v", "copy", "-disposition:v", "attached_pic", f"file:{path}")
    clean, _ = decode(path)
    data = path.read_bytes()
    at = data.index(b"IDAT") + 4
    path.write_bytes(data[:at] + noise(100) + data[at + 100 :])
    decoded, warnings = decode(path)
    np.testing.assert_array_equal(decoded, clean)
    assert warnings == ()


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi", "ts", "webm"])
def test_video_may_be_longer_than_its_sound(tmp_path: Path, song: Samples, suffix: str) -> None:
    sound = media.wav(tmp_path / "song.wav", song)
    path = tmp_path / f"video.{suffix}"
    media.run(*VIDEO, "-i", f"file:{sound}", f"file:{path}")
    decoded, warnings = decode(path)
    assert len(decoded) == pytest.approx(len(song), abs=4096)
    assert warnings == ()


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3"])
def test_song_of_which_most_is_missing_is_rejected(
    tmp_path: Path, song: Samples, suffix: str
) -> None:
    path = media.truncate(media.encode(tmp_path / f"song.{suffix}", song), 0.3)
    with pytest.raises(DamagedError, match=r"of 6\.0 s of the sound can't be decoded"):
        decode(path)


def many_tracks(path: Path, song: Samples) -> Path:
    sound = media.wav(path.with_suffix(".wav"), song[:1000])
    media.run("-i", f"file:{sound}", *("-map", "0:a") * 60, "-c:a", "copy", f"file:{path}")
    return path


def two_tracks(path: Path, song: Samples) -> Path:
    first = media.wav(path.with_name("first.wav"), song)
    second = media.wav(path.with_name("second.wav"), np.ascontiguousarray(song[::-1]))
    inputs = ("-i", f"file:{first}", "-i", f"file:{second}", "-map", "0:a", "-map", "1:a")
    names = ("-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=deu")
    titles = ("-metadata:s:a:1", "title=Karaoke")
    default = ("-disposition:a:0", "0", "-disposition:a:1", "default")
    media.run(*inputs, "-c:a", "flac", *names, *titles, *default, f"file:{path}")
    return path


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_default_track_is_taken_and_another_one_on_request(
    tmp_path: Path, song: Samples, suffix: str
) -> None:
    path = two_tracks(tmp_path / f"song.{suffix}", song)
    reverse = np.ascontiguousarray(song[::-1])
    for track, expected in [(None, reverse), ("1", song), ("eng", song), ("DEU", reverse)]:
        decoded, _ = decode(path, track=track)
        np.testing.assert_allclose(decoded, expected, atol=1e-4)


def test_unknown_track_is_refused_with_a_list(tmp_path: Path, song: Samples) -> None:
    path = two_tracks(tmp_path / "song.mkv", song)
    listed = r"no audio track 'fra': choose one of 1 \(eng\), 2 \(deu, Karaoke\)\."
    with pytest.raises(OptionError, match=listed):
        probe(path, FFMPEG, "fra")
    source = probe(path, FFMPEG)
    assert [track.number for track in source.tracks] == [1, 2]
    assert source.track == source.tracks[1]
    assert source.track.is_default


def test_list_of_many_tracks_ends(tmp_path: Path, song: Samples) -> None:
    path = many_tracks(tmp_path / "song.mkv", song)
    with pytest.raises(OptionError, match=r"choose one of 1, 2, .*, 50, up to 60\.$"):
        probe(path, FFMPEG, "fra")
    assert probe(path, FFMPEG, "60").track.number == 60
