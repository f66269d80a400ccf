from pathlib import Path

import numpy as np
import pytest

import media
from media import FFMPEG, RATE_HZ
from stemdrop.errors import (
    EmptyAudioError,
    NoAudioStreamError,
    NoRoomError,
    NotAudioError,
    TimedOutError,
    TransientError,
)
from stemdrop_separate.audio.pipes import LOG_LIMIT_BYTES
from stemdrop_separate.audio.probe import probe

TAGS = (
    "-metadata",
    "title=Blue; #1 = a\\b",
    "-metadata",
    "artist=Ann 🎸",
    "-metadata",
    "album=Red",
)


@pytest.mark.parametrize(
    ("name", "codec", "container"),
    [
        ("song.mp3", "mp3", "mp3"),
        ("song.wav", "pcm_s16le", "wav"),
        ("song.flac", "flac", "flac"),
        ("song.ogg", "vorbis", "ogg"),
        ("song.m4a", "aac", "mov,mp4,m4a,3gp,3g2,mj2"),
        ("song.wma", "wmav2", "asf"),
        ("song.mkv", "vorbis", "matroska,webm"),
    ],
)
def test_probe_returns_format_duration_and_tags(
    tmp_path: Path, name: str, codec: str, container: str
) -> None:
    media.encode(tmp_path / name, media.tones(2.0), *TAGS)
    source = probe(tmp_path / name, FFMPEG)
    assert source.duration_s == pytest.approx(2.0, abs=0.1)
    assert (source.sample_rate_hz, source.channels, source.layout) == (RATE_HZ, 2, "stereo")
    assert (source.codec, source.container) == (codec, container)
    assert source.tags.values == {"title": "Blue; #1 = a\\b", "artist": "Ann 🎸", "album": "Red"}


@pytest.mark.parametrize(("channels", "rate_hz"), [(1, 8_000), (2, 48_000), (6, 192_000)])
def test_probe_returns_channels_and_rate(tmp_path: Path, channels: int, rate_hz: int) -> None:
    path = media.wav(tmp_path / "a.wav", media.tones(0.2, channels, rate_hz), rate_hz=rate_hz)
    source = probe(path, FFMPEG)
    assert (source.channels, source.sample_rate_hz) == (channels, rate_hz)


def test_elementary_stream_has_no_duration(tmp_path: Path) -> None:
    source = probe(media.encode(tmp_path / "song.aac", media.tones(2.0)), FFMPEG)
    assert source.duration_s is None


def test_recorded_webm_has_no_duration(tmp_path: Path) -> None:
    # As a browser records it: into a pipe, so that the header has no duration.
    live = ("-f", "f32le", "-ar", str(RATE_HZ), "-ac", "2", "-i", "pipe:0")
    webm = media.run(*live, "-f", "webm", "-live", "1", "pipe:1", stdin=media.tones(2.0).tobytes())
    path = tmp_path / "recording.webm"
    path.write_bytes(webm)
    source = probe(path, FFMPEG)
    assert source.duration_s is None
    assert source.codec == "opus"


@pytest.mark.parametrize("announced_bytes", [0x7FFFF000, 0xFFFFFFFF])
def test_piped_wav_has_no_duration(tmp_path: Path, announced_bytes: int) -> None:
    samples = media.tones(0.5)
    path = media.wav(tmp_path / "a.wav", samples, announced_bytes=announced_bytes)
    source = probe(path, FFMPEG)
    assert source.duration_s is None


@pytest.mark.parametrize(
    ("name", "faststart"),
    [("a.wav", ()), ("a.m4a", ("-movflags", "+faststart")), ("a.mp3", ()), ("a.flac", ())],
)
def test_truncated_file_has_its_whole_duration(
    tmp_path: Path, name: str, faststart: tuple[str, ...]
) -> None:
    path = media.truncate(media.encode(tmp_path / name, media.tones(4.0), *faststart), 0.5)
    assert probe(path, FFMPEG).duration_s == pytest.approx(4.0, abs=0.1)


def test_audio_stream_of_a_video_is_found(tmp_path: Path) -> None:
    video = media.silent_video(tmp_path / "silent.mp4")
    sound = media.encode(tmp_path / "sound.flac", media.tones(1.0))
    path = tmp_path / "video.mkv"
    media.run("-i", f"file:{video}", "-i", f"file:{sound}", "-c:v", "copy", f"file:{path}")
    assert probe(path, FFMPEG).codec == "vorbis"


def test_tag_does_not_change_duration_or_codec(tmp_path: Path) -> None:
    lines = ["x", "  Duration: 99:00:00.00, start: 0", "[info]   Duration: 99:00:00.00, start: 0"]
    lines += ["#codec_id 0: evil", "[fatal] Stream map 'x' matches no streams"]
    lyrics = ("-metadata", "lyrics=" + "\n".join(lines))
    path = media.encode(tmp_path / "a.mp3", media.tones(1.0), *lyrics)
    source = probe(path, FFMPEG)
    assert source.duration_s == pytest.approx(1.0, abs=0.1)
    assert source.codec == "mp3"


def test_empty_file_is_an_empty_song(tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    path.touch()
    with pytest.raises(EmptyAudioError, match="0 bytes"):
        probe(path, FFMPEG)


def test_file_without_samples_is_an_empty_song(tmp_path: Path) -> None:
    path = media.wav(tmp_path / "song.wav", media.tones(0.0))
    with pytest.raises(EmptyAudioError, match="not one sample"):
        probe(path, FFMPEG)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("song.mp3", "text"),
        ("song.mp3", "zip"),
        ("song.wav", "noise"),
        ("song.m4a", "html"),
        ("song", "zip"),
        ("song", "noise"),
        ("song.txt", "text"),
    ],
)
def test_file_that_is_not_audio_is_rejected_in_one_sentence(
    tmp_path: Path, name: str, kind: str
) -> None:
    content = {
        "text": b"The quick brown fox jumps over the lazy dog.\n" * 2000,
        "noise": np.random.default_rng(3).bytes(100_000),
        "html": b"<!DOCTYPE html><html><body>404 Not Found</body></html>\n" * 50,
        "zip": b"PK\x03\x04" + np.random.default_rng(4).bytes(50_000),
    }
    path = tmp_path / name
    path.write_bytes(content[kind])
    with pytest.raises(NotAudioError) as caught:
        probe(path, FFMPEG)
    assert caught.value.message.startswith("The file can't be read as audio: ")
    assert caught.value.message.endswith(".")
    assert "\n" not in caught.value.message
    assert str(tmp_path) not in caught.value.message


def test_ffmpegs_own_reason_is_kept(tmp_path: Path) -> None:
    path = media.truncate(media.encode(tmp_path / "song.m4a", media.tones(2.0)), 0.5)
    with pytest.raises(NotAudioError, match="moov atom not found"):
        probe(path, FFMPEG)


def test_a_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotAudioError, match="files of this kind are not read here"):
        probe(media.picture(tmp_path / "song.png"), FFMPEG)


@pytest.mark.parametrize("name", ["video.mp4", "video.mkv", "video.avi"])
def test_a_video_without_sound_has_no_audio_stream(tmp_path: Path, name: str) -> None:
    with pytest.raises(NoAudioStreamError, match="no sound"):
        probe(media.silent_video(tmp_path / name), FFMPEG)


def test_cover_art_alone_is_no_audio_stream(tmp_path: Path) -> None:
    with pytest.raises(NoAudioStreamError, match="no sound"):
        probe(media.cover_only(tmp_path / "song.m4a", tmp_path), FFMPEG)


def test_mp3_with_only_a_cover_has_no_audio_stream(tmp_path: Path) -> None:
    cover = media.picture(tmp_path / "cover.png")
    sound = media.encode(tmp_path / "sound.mp3", media.tones(0.5))
    path = tmp_path / "song.mp3"
    both = ("-i", f"file:{sound}", "-i", f"file:{cover}", "-map", "0:a", "-map", "1:v")
    media.run(*both, "-c", "copy", "-disposition:v", "attached_pic", f"file:{path}")
    whole = path.read_bytes()
    size_bytes = sum(
        (byte & 0x7F) << shift for byte, shift in zip(whole[6:10], (21, 14, 7, 0), strict=True)
    )
    path.write_bytes(whole[: 10 + size_bytes])
    with pytest.raises(NoAudioStreamError, match="no sound"):
        probe(path, FFMPEG)


def test_program_past_its_deadline_is_ended(tmp_path: Path) -> None:
    path = media.wav(tmp_path / "song.wav", media.tones(0.1))
    slow = tmp_path / "ffmpeg"
    slow.write_text("#!/bin/sh\nexec sleep 600\n")
    slow.chmod(0o755)
    with pytest.raises(TimedOutError, match=r"within 0\.1 s"):
        probe(path, slow, within_s=0.1)


def test_killed_program_is_a_transient_error(tmp_path: Path) -> None:
    path = media.wav(tmp_path / "song.wav", media.tones(0.1))
    killed = tmp_path / "ffmpeg"
    killed.write_text("#!/bin/sh\nkill -KILL $$\n")
    killed.chmod(0o755)
    with pytest.raises(TransientError, match="signal 9"):
        probe(path, killed)


def test_full_disk_is_not_the_songs_fault(tmp_path: Path) -> None:
    path = media.wav(tmp_path / "song.wav", media.tones(0.1))
    full = tmp_path / "ffmpeg"
    full.write_text(
        "#!/bin/sh\necho '[error] Error closing file: No space left on device' >&2\nexit 228\n"
    )
    full.chmod(0o755)
    with pytest.raises(NoRoomError, match="no room on the disk"):
        probe(path, full)


def test_tags_of_any_size_are_cut_off(tmp_path: Path) -> None:
    path = media.wav(tmp_path / "song.wav", media.tones(0.1))
    tags = tmp_path / "tags.txt"
    tags.write_text(f";FFMETADATA1\ntitle=Blue\ncomment={'x' * 3 * LOG_LIMIT_BYTES}\n")
    tagged = tmp_path / "song.flac"
    media.run(
        "-i",
        f"file:{path}",
        "-f",
        "ffmetadata",
        "-i",
        f"file:{tags}",
        "-map_metadata",
        "1",
        f"file:{tagged}",
    )
    assert tagged.stat().st_size > 3 * LOG_LIMIT_BYTES
    source = probe(tagged, FFMPEG)
    assert (source.codec, source.channels) == ("flac", 2)


def test_protected_song_is_refused(tmp_path: Path) -> None:
    path = media.encode(tmp_path / "song.m4a", media.tones(0.5))
    path.write_bytes(path.read_bytes().replace(b"mp4a", b"drms"))
    with pytest.raises(NotAudioError, match=r"protected against copying \(DRM\)"):
        probe(path, FFMPEG)
