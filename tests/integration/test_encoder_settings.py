"""Encoder settings that save time keep the quality."""

from pathlib import Path

import pytest

from benchmarks.encoder_settings import compare_settings
from benchmarks.songs.song import generate
from benchmarks.songs.wav import write_wav
from stemdrop.codecs import LOW_BITRATE_KBPS, Codec
from stemdrop_separate.audio.encoder_arguments import codec_arguments


@pytest.mark.parametrize("bitrate", ["64k", f"{LOW_BITRATE_KBPS}k"])
def test_faster_settings_do_not_make_noise_more_audible(bitrate: str, tmp_path: Path) -> None:
    song = tmp_path / "song.wav"
    write_wav(song, [generate(5, seed=2).mix])
    ours, own = compare_settings(song, Codec.M4A, bitrate)
    assert ours.noise_to_mask_db < own.noise_to_mask_db + 0.1


def test_high_bitrates_have_the_settings_of_the_encoder() -> None:
    low, high = (codec_arguments(Codec.M4A, bitrate, None) for bitrate in ("128k", "129k"))
    assert "fast" in low
    assert "fast" not in high
