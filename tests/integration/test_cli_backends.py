"""`stemdrop separate --backend`, in the process of the other tests that take TensorFlow."""

import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from benchmarks.songs.song import generate
from benchmarks.songs.wav import write_wav
from stemdrop_cli.main import main


def test_backends_return_equal_stems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    song = tmp_path / "song.wav"
    write_wav(song, [generate(2.5, seed=3).mix])
    for backend, engine in (("onnx", "onnxruntime "), ("tensorflow", "tensorflow-")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TensorFlow's own
            options = ["-o", str(tmp_path / backend), "--backend", backend, "--verbose"]
            assert main(["separate", str(song), *options]) == 0
        assert engine in capsys.readouterr().err
    for stem in ("vocals", "accompaniment"):
        one, other = (
            wavfile.read(tmp_path / backend / "song" / f"{stem}.wav")[1].astype(int)
            for backend in ("onnx", "tensorflow")
        )
        assert np.abs(one - other).max() <= 2
        assert np.any(one)


def test_missing_tensorflow_is_reported_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    monkeypatch.delitem(sys.modules, "stemdrop_separate.models.tensorflow", raising=False)
    song = tmp_path / "song.wav"
    write_wav(song, [generate(0.5, seed=3).mix])
    assert main(["separate", str(song), "-o", str(tmp_path), "--backend", "tensorflow"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("stemdrop: The backend tensorflow needs TensorFlow: install it on")
