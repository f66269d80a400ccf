import wave
from pathlib import Path

import numpy as np
import pytest
import scipy.io.wavfile

from benchmarks.songs.instruments import Waveform
from benchmarks.songs.wav import BitDepth, write_wav

RAMP = np.linspace(-1, 1, 999, dtype=np.float32).reshape(-1, 3)


@pytest.mark.parametrize(
    ("bit_depth", "kind", "step"), [("16", "<i2", 2**-15), ("24", "<i4", 2**-23), ("32f", "<f4", 0)]
)
def test_samples_round_trip(tmp_path: Path, bit_depth: BitDepth, kind: str, step: float) -> None:
    path = tmp_path / "ramp.wav"
    blocks = [RAMP[:100], RAMP[100:101], RAMP[101:]]
    assert write_wav(path, blocks, bit_depth=bit_depth, sample_rate_hz=8000) == len(RAMP)
    rate_hz, stored = scipy.io.wavfile.read(path)
    assert rate_hz == 8000
    assert stored.dtype == kind
    # 24-bit samples are read into the upper bytes of 32 bits. Full scale clips by one step.
    read = stored / {"<i2": 2.0**15, "<i4": 2.0**31, "<f4": 1.0}[kind]
    np.testing.assert_allclose(read, np.minimum(RAMP, 1 - step), rtol=0, atol=step / 2)


def test_only_floats_keep_samples_beyond_full_scale(tmp_path: Path) -> None:
    loud: Waveform = np.array([[1.5], [-1.5], [0.25]], np.float32)
    strange: Waveform = np.array([[np.nan], [np.inf], [-7.0]], np.float32)
    write_wav(tmp_path / "16.wav", [loud])
    write_wav(tmp_path / "float.wav", [strange], bit_depth="32f")
    clipped = scipy.io.wavfile.read(tmp_path / "16.wav")[1]
    assert clipped.tolist() == [32_767, -32_768, 8192]
    kept = scipy.io.wavfile.read(tmp_path / "float.wav")[1]
    assert np.array_equal(kept, strange[:, 0], equal_nan=True)


def test_headers_are_read_by_a_pcm_reader(tmp_path: Path) -> None:
    path = tmp_path / "24.wav"
    write_wav(path, [RAMP], bit_depth="24")
    with wave.open(str(path)) as file:
        parameters = file.getparams()
    assert (parameters.nchannels, parameters.sampwidth) == (3, 3)
    assert (parameters.framerate, parameters.nframes) == (44_100, len(RAMP))
    assert path.stat().st_size == 44 + RAMP.size * 3
