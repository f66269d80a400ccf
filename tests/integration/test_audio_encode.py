import contextlib
import os
import signal
import struct
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import media
from media import FFMPEG, RATE_HZ, Samples
from stemdrop.codecs import Codec
from stemdrop.errors import EncodeError, NoRoomError
from stemdrop_separate.audio.decode import Decoder
from stemdrop_separate.audio.encode import EncodedStem, Encoder, StemFormat, StemMetadata
from stemdrop_separate.audio.probe import probe
from stemdrop_separate.audio.tags import Tags

TAGS = Tags({"title": "Blue", "artist": "Ann", "album": "Red"})
TITLE = "Blue (vocals)"
METADATA = StemMetadata(TAGS, TITLE)
LOSSY = [codec for codec in Codec if not codec.bit_depths]
LOSSLESS = [(codec, bit_depth) for codec in Codec for bit_depth in codec.bit_depths]
# Every codec with a low and a high bitrate, and every bitrate with some codecs.
BITRATES = [*zip(LOSSY, cycle(["64k", "97k"])), *zip(LOSSY, cycle(["320k", "192k"]))]


def encode(
    folder: Path,
    codec: Codec,
    samples: Samples,
    *,
    bitrate: str = "192k",
    bit_depth: str | None = None,
    tags: Tags = TAGS,
    sample_rate_hz: int = RATE_HZ,
    channels: int = 2,
    block: int = 30_000,
) -> EncodedStem:
    path = folder / f"vocals.{codec.suffix}"
    rate = None if codec.bit_depths else bitrate
    stem_format = StemFormat(codec, rate, bit_depth, sample_rate_hz, channels)
    with Encoder(path, FFMPEG, stem_format, StemMetadata(tags, TITLE), "vocals") as encoder:
        for start in range(0, len(samples), block):
            encoder.write(samples[start : start + block])
        return encoder.finish()


def decode(path: Path) -> Samples:
    with Decoder(path, probe(path, FFMPEG), FFMPEG, max_duration_s=60.0) as blocks:
        return np.concatenate(list(blocks))


def snr_db(expected: Samples, got: Samples) -> float:
    noise = np.square(got - expected, dtype=np.float64).mean()
    return float(10 * np.log10(np.square(expected, dtype=np.float64).mean() / max(noise, 1e-30)))


@pytest.mark.parametrize(("codec", "bitrate"), BITRATES)
def test_lossy_stem_keeps_sound_length_and_place(
    tmp_path: Path, codec: Codec, bitrate: str
) -> None:
    samples = media.tones(3.0)
    stem = encode(tmp_path, codec, samples, bitrate=bitrate)
    decoded = decode(stem.path)
    # wma has frames of 2,048 samples, and a frame of silence at the end.
    surplus = len(decoded) - len(samples)
    assert 0 <= surplus <= (4096 if codec is Codec.WMA else 0)
    least_db = 12 if bitrate in {"64k", "97k"} else 18
    assert snr_db(samples, decoded[: len(samples)]) > least_db
    end = slice(len(samples) - 500, len(samples))
    assert snr_db(samples[end], decoded[end]) > least_db - 6
    assert np.abs(decoded[len(samples) :]).max(initial=0) < 0.1
    assert stem.samples == len(samples)


@pytest.mark.parametrize("codec", LOSSY)
def test_short_lossy_stem_keeps_its_length(tmp_path: Path, codec: Codec) -> None:
    samples = media.tones(0.3)
    decoded = decode(encode(tmp_path, codec, samples).path)
    assert 0 <= len(decoded) - len(samples) <= (4096 if codec is Codec.WMA else 1)
    assert snr_db(samples, decoded[: len(samples)]) > 15


@pytest.mark.parametrize(("codec", "bitrate"), [*zip(LOSSY, cycle(["320k", "64k"]), strict=False)])
def test_lossy_stem_has_about_the_size_of_its_bitrate(
    tmp_path: Path, codec: Codec, bitrate: str
) -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, (8 * RATE_HZ, 2)).astype(np.float32)
    stem = encode(tmp_path, codec, noise, bitrate=bitrate)
    assert stem.size_bytes == stem.path.stat().st_size
    kbps = stem.size_bytes * 8 / 1000 / 8.0
    assert kbps == pytest.approx(int(bitrate[:-1]), rel=0.3)


@pytest.mark.parametrize(("codec", "bit_depth"), LOSSLESS)
def test_lossless_stem_is_within_half_a_step(tmp_path: Path, codec: Codec, bit_depth: str) -> None:
    samples = media.tones(1.5)
    decoded = decode(encode(tmp_path, codec, samples, bit_depth=bit_depth).path)
    # The encoder adds to 24 bits in float32, which rounds as well.
    half_step = {"16": 0.5 / 2**15, "24": 0.501 / 2**23, "32f": 0.0}[bit_depth]
    assert len(decoded) == len(samples)
    assert np.abs(decoded - samples).max() <= half_step


def test_16_bits_are_rounded_as_by_spleeters_encoder(tmp_path: Path) -> None:
    samples = media.tones(1.0)
    samples = np.concatenate([samples, 3 * samples])
    halves = (np.arange(-40_000, 40_000, dtype=np.float32) / 2 / 2**15).reshape(-1, 2)
    samples = np.concatenate([samples, halves])
    stem = encode(tmp_path, Codec.WAV, samples, bit_depth="16")
    plain = media.encode(tmp_path / "plain.wav", samples)
    ours, theirs = (
        media.run("-i", f"file:{path}", "-f", "s16le", "-") for path in (stem.path, plain)
    )
    assert ours == theirs


@pytest.mark.parametrize("bit_depth", Codec.FLAC.bit_depths)
def test_flac_equals_wav(tmp_path: Path, bit_depth: str) -> None:
    samples = media.tones(1.0)
    wav, flac = (
        decode(encode(tmp_path, codec, samples, bit_depth=bit_depth).path)
        for codec in (Codec.WAV, Codec.FLAC)
    )
    np.testing.assert_array_equal(wav, flac)


@pytest.mark.parametrize("codec", Codec)
def test_one_sample_is_encoded(tmp_path: Path, codec: Codec) -> None:
    stem = encode(tmp_path, codec, np.full((1, 2), 0.5, np.float32))
    assert stem.samples == 1
    decoded = decode(stem.path)
    assert 1 <= len(decoded) <= 4096
    assert codec is not Codec.WAV or len(decoded) == 1


CODEC_NAMES = {
    (Codec.WAV, "16"): "pcm_s16le",
    (Codec.WAV, "24"): "pcm_s24le",
    (Codec.WAV, "32f"): "pcm_f32le",
    (Codec.FLAC, "16"): "flac",
    (Codec.FLAC, "24"): "flac",
    (Codec.MP3, None): "mp3",
    (Codec.OGG, None): "vorbis",
    (Codec.M4A, None): "aac",
    (Codec.OPUS, None): "opus",
    (Codec.WMA, None): "wmav2",
    (Codec.AIFF, "16"): "pcm_s16be",
    (Codec.AIFF, "24"): "pcm_s24be",
    (Codec.AIFF, "32f"): "pcm_f32be",
    (Codec.ALAC, "16"): "alac",
    (Codec.ALAC, "24"): "alac",
}
# The magic bytes of each format. In a wav file, the length follows the first four.
MAGIC = {
    Codec.WAV: b"RIFF",
    Codec.FLAC: b"fLaC",
    Codec.MP3: b"ID3",
    Codec.OGG: b"OggS",
    Codec.M4A: b"\0\0\0\x1cftypM4A",
    Codec.OPUS: b"OggS",
    Codec.WMA: b"\x30\x26\xb2\x75",
    Codec.AIFF: b"FORM",
    Codec.ALAC: b"\0\0\0\x1cftypM4A",
}


@pytest.mark.parametrize(("codec", "bit_depth"), CODEC_NAMES)
def test_header_has_length_codec_and_tags(
    tmp_path: Path, codec: Codec, bit_depth: str | None
) -> None:
    stem = encode(tmp_path, codec, media.tones(2.0), bit_depth=bit_depth)
    assert stem.path.read_bytes().startswith(MAGIC[codec])
    source = probe(stem.path, FFMPEG)
    assert source.duration_s == pytest.approx(2.0, abs=0.2)
    assert source.tags.values == {**TAGS.values, "title": TITLE}
    assert source.channels == 2
    assert source.codec == CODEC_NAMES[codec, bit_depth]


def test_flac_has_its_bit_depth(tmp_path: Path) -> None:
    for bit_depth in ("16", "24"):
        stem = encode(tmp_path, Codec.FLAC, media.tones(0.5), bit_depth=bit_depth)
        # Source: RFC 9639, section 8.2: the bits per sample, less one, in 5 bits from bit 103 on.
        bits = int.from_bytes(stem.path.read_bytes()[8 + 12 : 8 + 14], "big") >> 4 & 0x1F
        assert bits + 1 == int(bit_depth)


def test_wav_has_its_length_and_room_for_an_rf64_header(tmp_path: Path) -> None:
    data = encode(tmp_path, Codec.WAV, media.tones(1.0)).path.read_bytes()
    assert struct.unpack("<4sI4s", data[:12]) == (b"RIFF", len(data) - 8, b"WAVE")
    at = data.index(b"data")
    assert struct.unpack("<I", data[at + 4 : at + 8]) == (RATE_HZ * 4,)
    # ffmpeg reserves 28 bytes for the sizes of an RF64 header.
    assert struct.pack("<4sI", b"JUNK", 28) in data[:at]


def test_m4a_index_precedes_its_samples(tmp_path: Path) -> None:
    data = encode(tmp_path, Codec.M4A, media.tones(1.0)).path.read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


# ffmpeg's and shells' syntax, sections of its files, and emoji.
STRANGE_TAGS = {
    "artist": "a=b;c#d\\e -f null $(reboot) `reboot` %s",
    "album": "[STREAM] 🎸👩\u200d🎤 naïve",
}


# One codec of each kind of tags, and of each way that they get into the file.
@pytest.mark.parametrize(
    "codec", [Codec.WAV, Codec.FLAC, Codec.MP3, Codec.OGG, Codec.M4A, Codec.WMA]
)
def test_unusual_text_in_tags_is_kept(tmp_path: Path, codec: Codec) -> None:
    path = encode(tmp_path, codec, media.tones(0.2), tags=Tags(STRANGE_TAGS)).path
    assert probe(path, FFMPEG).tags.values == {**STRANGE_TAGS, "title": TITLE}


@pytest.mark.parametrize("codec", Codec)
def test_same_samples_in_other_blocks_give_the_same_bytes(tmp_path: Path, codec: Codec) -> None:
    samples = media.tones(1.5)
    first = encode(tmp_path, codec, samples).path.read_bytes()
    again = encode(tmp_path, codec, samples, block=1_111).path.read_bytes()
    assert first == again


def test_block_may_be_reused_after_write(tmp_path: Path) -> None:
    samples = media.tones(10.0)
    block = np.empty((RATE_HZ, 2), np.float32)
    path = tmp_path / "vocals.wav"
    with Encoder(path, FFMPEG, StemFormat(Codec.WAV, None, "32f"), METADATA, "vocals") as encoder:
        for start in range(0, len(samples), RATE_HZ):
            block[:] = samples[start : start + RATE_HZ]
            encoder.write(block)  # the caller reuses the memory of the block
        encoder.finish()
    np.testing.assert_array_equal(decode(path), samples)


def test_block_may_have_any_memory_layout(tmp_path: Path) -> None:
    samples = np.asfortranarray(media.tones(0.5))
    path = encode(tmp_path, Codec.WAV, samples[::2], bit_depth="32f").path
    np.testing.assert_array_equal(decode(path), samples[::2])


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    peak=st.floats(0.0009765625, 8, width=32),
    loud=st.integers(0, 50),
    bit_depth=st.sampled_from(Codec.WAV.bit_depths),
)
def test_peak_and_clipped_samples_are_counted(
    tmp_path: Path, peak: float, loud: int, bit_depth: str
) -> None:
    samples = np.zeros((1000, 2), np.float32)
    samples.flat[:loud] = -peak
    stem = encode(tmp_path, Codec.WAV, samples, bit_depth=bit_depth, block=77)
    clips = peak > 1 and bit_depth != "32f"
    assert stem.clipped_samples == (loud if clips else 0)
    if loud:
        assert stem.peak_dbfs == pytest.approx(20 * np.log10(peak), abs=1e-4)
    else:
        assert stem.peak_dbfs is None


def test_full_scale_is_not_clipping(tmp_path: Path) -> None:
    stem = encode(tmp_path, Codec.WAV, np.full((100, 2), -1, np.float32))
    assert (stem.peak_dbfs, stem.clipped_samples) == (0.0, 0)


def children() -> set[str]:
    return {entry.name for entry in Path("/proc").glob("[0-9]*") if parent(entry) == os.getpid()}


def parent(entry: Path) -> int:
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


@pytest.mark.parametrize("written", [0, 20])
def test_abandoned_stem_leaves_neither_file_nor_process(tmp_path: Path, written: int) -> None:
    before = children()
    path = tmp_path / "vocals.mp3"
    with (
        contextlib.suppress(KeyboardInterrupt),
        Encoder(path, FFMPEG, StemFormat(Codec.MP3, "320k", None), METADATA, "vocals") as encoder,
    ):
        for _ in range(written):
            encoder.write(np.zeros((RATE_HZ, 2), np.float32))
        raise KeyboardInterrupt
    assert not path.exists()
    assert children() <= before


def write_on(encoder: Encoder) -> None:
    write_half_a_minute(encoder)
    encoder.finish()


def write_half_a_minute(encoder: Encoder) -> None:
    noise = np.random.default_rng(2).normal(0, 0.1, (RATE_HZ, 2)).astype(np.float32)
    for _ in range(30):
        encoder.write(noise)


@pytest.mark.parametrize("codec", [Codec.WAV, Codec.M4A, Codec.OPUS])
def test_full_disk_is_an_error(tmp_path: Path, codec: Codec) -> None:
    path = tmp_path / f"vocals.{codec}"
    path.symlink_to("/dev/full")
    rate = None if codec.bit_depths else "320k"
    with (
        pytest.raises(NoRoomError, match="don't fit on the disk"),
        Encoder(path, FFMPEG, StemFormat(codec, rate, None), METADATA, "vocals") as encoder,
    ):
        write_on(encoder)
    assert not path.is_symlink()


def test_missing_folder_is_an_error_with_ffmpegs_message(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "vocals.wav"
    with (
        pytest.raises(EncodeError, match=r"'vocals' can't be written: .*No such file or directory"),
        Encoder(path, FFMPEG, StemFormat(Codec.WAV, None, "16"), METADATA, "vocals") as encoder,
    ):
        write_on(encoder)


def test_killed_encoder_is_an_error_and_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "vocals.wav"
    with Encoder(path, FFMPEG, StemFormat(Codec.WAV, None, "16"), METADATA, "vocals") as encoder:
        encoder.write(media.tones(1.0))
        os.kill(encoder._running.process.pid, signal.SIGKILL)
        with pytest.raises(EncodeError, match="ended with code -9"):
            write_half_a_minute(encoder)  # not only at the end
    assert not path.exists()


@pytest.mark.parametrize(
    ("end", "error"),
    [
        ("echo '[error] broken to the end' >&2; exit 1", "broken to the end"),
        ("exit 3", "ended with code 3"),
        # ffmpeg 5 does this if the disk is full at the end.
        ("echo '[error] No space left on device' >&2", "fit on the disk"),
    ],
)
def test_failure_after_the_last_block_is_an_error(tmp_path: Path, end: str, error: str) -> None:
    with pytest.raises((EncodeError, NoRoomError), match=error):
        encode_by(f'for last; do :; done\necho file > "${{last#file:}}"\n{end}', tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["ffmpeg"]


def test_success_without_a_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EncodeError, match="came out empty"):
        encode_by("exit 0", tmp_path)


def encode_by(script: str, folder: Path) -> None:
    program = folder / "ffmpeg"
    program.write_text(f"#!/bin/sh\ncat > /dev/null\n{script}\n")
    program.chmod(0o755)
    path = folder / "vocals.wav"
    with Encoder(path, program, StemFormat(Codec.WAV, None, "16"), METADATA, "vocals") as encoder:
        encoder.write(media.tones(1.0))
        encoder.finish()


def test_stalled_encoder_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stemdrop_separate.audio.encode.STALL_TIMEOUT_S", 0.1)
    monkeypatch.setattr("stemdrop_separate.audio.encode.EXIT_TIMEOUT_S", 0.1)
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(0o755)
    path = tmp_path / "vocals.wav"
    with (
        pytest.raises(EncodeError, match="takes no more samples"),
        Encoder(path, program, StemFormat(Codec.WAV, None, "16"), METADATA, "vocals") as encoder,
    ):
        write_on(encoder)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_samples_that_are_not_finite_are_an_error(tmp_path: Path, bad: float) -> None:
    with pytest.raises(EncodeError, match="not numbers"):
        encode(tmp_path, Codec.WAV, np.full((10, 2), bad, np.float32))
    assert not list(tmp_path.iterdir())


def test_stem_without_samples_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EncodeError, match="no samples"):
        encode(tmp_path, Codec.WAV, np.zeros((0, 2), np.float32))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["-y %d.wav", 'http:it\'s "ü".wav'])
def test_unusual_file_name_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with Encoder(
        Path(name), FFMPEG, StemFormat(Codec.WAV, None, "16"), METADATA, "vocals"
    ) as encoder:
        encoder.write(media.tones(0.1))
        stem = encoder.finish()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert stem.path == tmp_path / name


@pytest.mark.parametrize(
    ("codec", "sample_rate_hz"),
    [(Codec.WAV, rate_hz) for rate_hz in (8_000, 22_050, 48_000, 96_000)]
    + [(Codec.FLAC, 96_000), (Codec.AIFF, 8_000), (Codec.ALAC, 48_000)],
)
def test_stem_has_the_wanted_rate_and_its_place(
    tmp_path: Path, codec: Codec, sample_rate_hz: int
) -> None:
    # Below the lowest rate's limit, so that every rate has all of it.
    seconds = np.arange(2 * RATE_HZ) / RATE_HZ
    sound = np.stack([np.sin(2 * np.pi * 200 * seconds**2), np.sin(1500 * seconds)], axis=1)
    samples = (0.5 * sound * np.hanning(len(sound))[:, None]).astype(np.float32)
    stem = encode(tmp_path, codec, samples, sample_rate_hz=sample_rate_hz)
    source = probe(stem.path, FFMPEG)
    assert (source.sample_rate_hz, source.channels) == (sample_rate_hz, 2)
    own, rate_hz = soundfile.read(stem.path) if codec is not Codec.ALAC else (None, sample_rate_hz)
    assert rate_hz == sample_rate_hz
    if own is not None:
        assert abs(len(own) - 2 * sample_rate_hz) <= 1
        at = np.arange(len(own)) / sample_rate_hz
        exact = np.sin(2 * np.pi * 200 * at**2) * 0.5 * (0.5 - 0.5 * np.cos(np.pi * at))
        assert np.abs(own[:, 0] - exact).max() < 1e-3
    np.testing.assert_allclose(decode(stem.path)[: len(samples)], samples, atol=1e-3)


@pytest.mark.parametrize(("codec", "bitrate"), [*zip(Codec, cycle(["64k", "320k"]), strict=False)])
def test_mono_stem_is_the_mean_of_both_channels(tmp_path: Path, codec: Codec, bitrate: str) -> None:
    samples = media.tones(2.0) * np.array([1.0, 0.5], np.float32)
    stem = encode(tmp_path, codec, samples, bitrate=bitrate, channels=1)
    assert probe(stem.path, FFMPEG).channels == 1
    decoded = decode(stem.path)
    np.testing.assert_array_equal(decoded[:, 0], decoded[:, 1])
    mean = samples.mean(axis=1, keepdims=True).repeat(2, axis=1)
    assert snr_db(mean, decoded[: len(mean)]) > 12
