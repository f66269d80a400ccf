import os
import signal
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import media
from media import FFMPEG, RATE_HZ, SURROUND, SURROUND_MASK, Samples
from stemdrop.errors import (
    EmptyAudioError,
    NotAudioError,
    NotFiniteError,
    TimedOutError,
    TooLongError,
    TransientError,
)
from stemdrop_separate.audio.decode import BLOCK_SAMPLES, Decoder
from stemdrop_separate.audio.probe import probe
from stemdrop_separate.deadline import Deadline

FORMATS = [
    "song.mp3",
    "song.wav",
    "song.flac",
    "song.ogg",
    "song.m4a",
    "song.opus",
    "song.mkv",
]
# Offset and duration, with the arguments of Spleeter's command.
PARTS = [
    (0.0, None, ()),
    (0.0, 1.25, ("-ss", "0:00:00", "-t", "0:00:01.250000")),
    (0.7654321, None, ("-ss", "0:00:00.765432")),
    (1.0, 0.5, ("-ss", "0:00:01", "-t", "0:00:00.500000")),
]


@contextmanager
def decoder(
    path: Path, offset_s: float = 0.0, duration_s: float | None = None, max_s: float = 60.0
) -> Iterator[Decoder]:
    with Decoder(
        path,
        probe(path, FFMPEG),
        FFMPEG,
        offset_s=offset_s,
        duration_s=duration_s,
        max_duration_s=max_s,
    ) as blocks:
        yield blocks


def decode(path: Path, offset_s: float = 0.0, duration_s: float | None = None) -> Samples:
    with decoder(path, offset_s, duration_s) as blocks:
        samples = np.concatenate(list(blocks))
        assert blocks.samples == len(samples)
        assert blocks.warnings == ()
    return samples


def spleeters(path: Path, *part: str, channels: int = 2) -> Samples:
    """Return the input of Spleeter: mono is duplicated, and stereo is unchanged."""
    return np.tile(media.decode(path, *part, channels=channels), (1, 2 // channels))


@pytest.mark.parametrize(
    ("name", "channels", "rate_hz"),
    [
        (name, *sound)
        for name, sound in zip(FORMATS, cycle([(2, 44_100), (1, 48_000)]), strict=False)
    ],
)
def test_samples_equal_spleeters(tmp_path: Path, name: str, channels: int, rate_hz: int) -> None:
    tones = media.tones(2.0, channels, rate_hz)
    path = media.encode(tmp_path / name, tones, rate_hz=rate_hz)
    for offset_s, duration_s, part in PARTS:
        decoded = decode(path, offset_s, duration_s)
        assert len(decoded) > RATE_HZ * 0.4
        np.testing.assert_array_equal(decoded, spleeters(path, *part, channels=channels))


def test_whole_wma_equals_spleeters(tmp_path: Path) -> None:
    # Spleeter counts its parts on another clock; test_audio_place.py says what is right.
    path = media.encode(tmp_path / "song.wma", media.tones(2.0))
    np.testing.assert_array_equal(decode(path), spleeters(path))


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return media.encode(tmp_path_factory.mktemp("song") / "song.mp3", media.tones(3.0))


@pytest.fixture(scope="module")
def whole(song: Path) -> Samples:
    return decode(song)


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(st.floats(0, 2.9), st.floats(0.001, 4))
def test_any_part_of_a_song_equals_that_part_of_the_whole(
    song: Path, whole: Samples, offset_s: float, duration_s: float
) -> None:
    part = decode(song, offset_s, duration_s)
    start = round(offset_s * RATE_HZ)
    assert abs(len(part) - min(duration_s * RATE_HZ, len(whole) - start)) <= 2
    # ffmpeg can round a boundary to the previous or next sample.
    near = [whole[max(start + shift, 0) :][: len(part)] for shift in (-1, 0, 1)]
    assert any(np.array_equal(part, there) for there in near)


def test_offset_of_days_is_accepted(song: Path) -> None:
    with pytest.raises(EmptyAudioError, match="ends before 100000 s"):
        decode(song, offset_s=100_000.0)


@pytest.mark.parametrize(
    ("encoding", "channels", "rate_hz"),
    [
        ("pcm_u8", 1, 8_000),
        ("pcm_s16le", 2, 8_000),
        ("pcm_s24le", 1, 192_000),
        ("pcm_s32le", 2, 192_000),
        ("pcm_f64le", 1, 44_100),
    ],
)
def test_depth_and_rate_are_converted_as_by_spleeter(
    tmp_path: Path, encoding: str, channels: int, rate_hz: int
) -> None:
    tones = media.tones(0.3, channels, rate_hz)
    path = media.encode(tmp_path / "song.wav", tones, "-c:a", encoding, rate_hz=rate_hz)
    decoded = decode(path)
    assert abs(len(decoded) - 0.3 * RATE_HZ) <= 1
    np.testing.assert_array_equal(decoded, spleeters(path, channels=channels))


def test_blocks_are_small_stereo_floats(tmp_path: Path) -> None:
    path = media.wav(tmp_path / "song.wav", media.tones(2.5, channels=1))
    with decoder(path) as blocks:
        for block in blocks:
            assert block.dtype == np.float32
            assert block.flags.c_contiguous
            assert block.shape[1] == 2
            assert 0 < len(block) <= BLOCK_SAMPLES


def test_one_sample_is_decoded(tmp_path: Path) -> None:
    path = media.wav(tmp_path / "song.wav", np.array([[0.5, -0.25]], np.float32))
    assert decode(path).tolist() == [[0.5, -0.25]]


def test_samples_beyond_full_scale_are_kept(tmp_path: Path) -> None:
    samples = media.tones(0.5) * 100
    np.testing.assert_array_equal(decode(media.wav(tmp_path / "song.wav", samples)), samples)


@pytest.mark.parametrize("mask", [0x1, 0x2, 0x8, 0x100])
def test_single_channel_of_any_layout_is_mixed_to_both_sides(tmp_path: Path, mask: int) -> None:
    samples = media.tones(0.2, channels=1)
    path = media.wav(tmp_path / "song.wav", samples, mask=mask)
    np.testing.assert_array_equal(decode(path), np.tile(samples, (1, 2)))


@pytest.mark.parametrize("mask", [0x3, 0xC, 0x204, 0x600])
def test_two_channels_of_any_layout_are_left_and_right(tmp_path: Path, mask: int) -> None:
    samples = media.tones(0.2)
    path = media.wav(tmp_path / "song.wav", samples, mask=mask)
    np.testing.assert_array_equal(decode(path), samples)


@pytest.mark.parametrize(
    ("name", "channel", "left", "right"),
    [
        ("song.wav", "FL", 1.0, 0.0),
        ("song.flac", "FR", 0.0, 1.0),
        ("song.wav", "FC", 0.7071, 0.7071),
        ("song.flac", "LFE", 0.0, 0.0),
        ("song.flac", "BL", 0.7071, 0.0),
        ("song.wav", "BR", 0.0, 0.7071),
    ],
)
def test_surround_channel_is_mixed_to_its_side(
    tmp_path: Path, name: str, channel: str, left: float, right: float
) -> None:
    samples = np.zeros((4410, 6), np.float32)
    sound = media.tones(0.1, channels=1)[:, 0]
    samples[:, SURROUND.index(channel)] = sound
    path = media.wav(tmp_path / "surround.wav", samples, mask=SURROUND_MASK)
    if name == "song.flac":
        path = media.encode(tmp_path / name, samples)
    np.testing.assert_allclose(decode(path), np.outer(sound, [left, right]), atol=6e-5)


def test_surround_at_full_scale_does_not_clip(tmp_path: Path) -> None:
    samples = np.full((1000, 6), 0.99, np.float32)
    path = media.encode(tmp_path / "song.flac", samples, "-sample_fmt", "s16")
    np.testing.assert_allclose(decode(path), 0.99 * (1 + 2 * 0.7071), atol=1e-3)


@pytest.mark.parametrize("channels", [3, 5, 8, 16])
def test_every_common_channel_count_is_mixed_to_both_sides(tmp_path: Path, channels: int) -> None:
    path = media.wav(tmp_path / "song.wav", media.tones(0.1, channels))
    assert (np.abs(decode(path)).max(axis=0) > 0.3).all()


def test_channels_of_unknown_layout_are_refused(tmp_path: Path) -> None:
    path = media.wav(tmp_path / "song.wav", media.tones(0.1, channels=9))
    with pytest.raises(NotAudioError, match="has 9 channels"):
        decode(path)


@pytest.mark.parametrize(
    ("suffix", "first"), [("mp3", "mono"), ("aac", "stereo"), ("ac3", "mono"), ("mp3", "stereo")]
)
def test_song_changing_between_mono_and_stereo_is_decoded(
    tmp_path: Path, suffix: str, first: str
) -> None:
    tones = media.tones(1.0)
    parts = {
        "mono": media.encode(tmp_path / f"mono.{suffix}", tones[:, :1]),
        "stereo": media.encode(tmp_path / f"stereo.{suffix}", tones * [1, 0.5]),
    }
    order = ["mono", "stereo"] if first == "mono" else ["stereo", "mono"]
    path = tmp_path / f"song.{suffix}"
    path.write_bytes(b"".join(parts[name].read_bytes() for name in order))
    with decoder(path) as blocks:
        samples = np.concatenate(list(blocks))
    assert len(samples) == pytest.approx(2 * RATE_HZ, rel=0.06)
    peaks = dict(
        zip(
            order,
            (np.abs(samples[at : at + 22_050]).max(axis=0) for at in (11_025, 60_000)),
            strict=True,
        )
    )
    np.testing.assert_allclose(peaks["mono"], 0.4, atol=0.06)
    np.testing.assert_allclose(peaks["stereo"], [0.4, 0.2], atol=0.06)


@pytest.mark.parametrize("suffix", ["mp3", "aac", "ac3"])
def test_song_changing_its_rate_is_decoded(tmp_path: Path, suffix: str) -> None:
    first = media.encode(tmp_path / f"a.{suffix}", media.tones(1.0))
    second = media.encode(
        tmp_path / f"b.{suffix}", media.tones(1.0, rate_hz=32_000), rate_hz=32_000
    )
    path = tmp_path / f"song.{suffix}"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    with decoder(path) as blocks:
        samples = np.concatenate(list(blocks))
    assert len(samples) == pytest.approx(2 * RATE_HZ, rel=0.06)
    spectrum = np.abs(np.fft.rfft(samples[60_000 : 60_000 + 22_050, 0]))
    # Half a second from 0.36 s on: the chord's lower tone rises there from 242 to 272 Hz.
    assert 220 < np.argmax(spectrum) * RATE_HZ / 22_050 < 290


@pytest.mark.parametrize(
    ("bad", "rate_hz"),
    [(np.nan, 44_100), (np.inf, 48_000), (-np.inf, 44_100), (1e30, 48_000)],
)
def test_sample_that_is_not_finite_is_rejected_with_its_time(
    tmp_path: Path, bad: float, rate_hz: int
) -> None:
    samples = media.tones(2.0, rate_hz=rate_hz)
    samples[int(1.5 * rate_hz), 1] = bad
    path = media.wav(tmp_path / "song.wav", samples, rate_hz=rate_hz)
    with pytest.raises(NotFiniteError, match=r"at 1\.50 s"):
        decode(path)
    with pytest.raises(NotFiniteError, match=r"at 1\.50 s"):
        decode(path, offset_s=0.25)
    decode(path, duration_s=1.0)


def test_announced_duration_beyond_the_limit_is_refused_before_decoding(tmp_path: Path) -> None:
    path = media.wav(tmp_path / "song.wav", media.tones(2.0))
    with pytest.raises(TooLongError, match="0:00:01"), decoder(path, max_s=1.0):
        pytest.fail("the song announces that it is too long")


def test_duration_beyond_the_limit_is_refused_despite_a_false_header(tmp_path: Path) -> None:
    path = media.wav(tmp_path / "song.wav", media.tones(3.0))
    source = replace(probe(path, FFMPEG), duration_s=0.5)
    heard: list[Samples] = []
    with (
        Decoder(path, source, FFMPEG, max_duration_s=1.5) as blocks,
        pytest.raises(TooLongError, match="the limit"),
    ):
        heard.extend(blocks)
    assert sum(map(len, heard)) <= 1.5 * RATE_HZ


def test_part_of_a_long_song_is_accepted(tmp_path: Path) -> None:
    path = media.wav(tmp_path / "song.wav", media.tones(3.0))
    with decoder(path, offset_s=0.5, duration_s=1.0, max_s=1.0) as blocks:
        assert sum(map(len, blocks)) == RATE_HZ


@pytest.mark.parametrize("name", ["song.mp3", "song.wav", "song.m4a", "song.flac"])
def test_truncated_song_is_decoded_to_its_end_with_a_warning(tmp_path: Path, name: str) -> None:
    path = media.encode(tmp_path / name, media.tones(6.0), "-movflags", "+faststart")
    media.truncate(path, 0.6)
    with decoder(path) as blocks:
        seconds = sum(map(len, blocks)) / RATE_HZ
        assert 3.0 < seconds < 4.5
        assert (
            f"The sound ends after {seconds:.1f} s, although the file announces 6.0 s."
            in blocks.warnings
        )


def test_part_before_the_end_of_a_truncated_song_has_no_warning(tmp_path: Path) -> None:
    path = media.truncate(media.encode(tmp_path / "song.wav", media.tones(4.0)), 0.5)
    assert len(decode(path, offset_s=0.5, duration_s=1.0)) == RATE_HZ


def test_partially_decoded_song_is_refused(
    tmp_path: Path,
) -> None:
    path = media.truncate(media.encode(tmp_path / "song.mp3", media.tones(2.0)), 0.1)
    path.write_bytes(path.read_bytes() + np.random.default_rng(5).bytes(200_000))
    with decoder(path) as blocks:
        with pytest.raises(NotAudioError, match=r"can't be decoded: .*Header missing"):
            list(blocks)
        assert blocks.samples > 0


def test_killed_decoder_is_a_transient_error(tmp_path: Path) -> None:
    path = media.wav(tmp_path / "song.wav", media.tones(20.0, channels=1))
    with decoder(path) as blocks:
        stream = iter(blocks)
        next(stream)
        os.kill(blocks._running.process.pid, signal.SIGKILL)
        with pytest.raises(TransientError, match="signal 9"):
            list(stream)


@pytest.mark.parametrize("taken", [0, 1])
def test_leaving_the_context_early_ends_ffmpeg(tmp_path: Path, taken: int) -> None:
    path = media.wav(tmp_path / "song.wav", media.tones(20.0, channels=1))
    with decoder(path) as blocks:
        stream = iter(blocks)
        for _ in range(taken):
            next(stream)
        process = blocks._running.process
        assert process.poll() is None  # it blocks until its pipe is read
    assert process.returncode == -signal.SIGKILL


def test_decoder_past_its_deadline_is_ended(tmp_path: Path) -> None:
    pipe = tmp_path / "song.wav"
    source = probe(media.wav(tmp_path / "template.wav", media.tones(0.1)), FFMPEG)
    os.mkfifo(pipe)  # ffmpeg blocks, because nothing writes to the pipe
    with Decoder(pipe, source, FFMPEG, max_duration_s=60.0, deadline=Deadline.after(0.1)) as blocks:
        with pytest.raises(TimedOutError, match="not decoded in time"):
            list(blocks)
        assert blocks._running.process.returncode == -signal.SIGKILL


def test_decoder_that_ends_in_time_leaves_no_thread(tmp_path: Path) -> None:
    path = media.wav(tmp_path / "song.wav", media.tones(0.1))
    threads = threading.active_count()
    with Decoder(
        path, probe(path, FFMPEG), FFMPEG, max_duration_s=9.0, deadline=Deadline.after(600.0)
    ) as blocks:
        assert sum(map(len, blocks)) == RATE_HZ // 10
    assert threading.active_count() == threads


def test_memory_does_not_grow_with_the_song(tmp_path: Path) -> None:
    path = media.encode(tmp_path / "song.flac", np.tile(media.tones(5.0), (12, 1)))
    with decoder(path, max_s=120.0) as blocks:
        tracemalloc.start()
        samples = sum(map(len, blocks))
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert samples == 60 * RATE_HZ
    assert peak_bytes < 4 * BLOCK_SAMPLES * 8
