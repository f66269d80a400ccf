"""The demo: the whole application on this machine, as run by `make demo`."""

import re
from pathlib import Path

import pytest

from benchmarks.demo import main
from benchmarks.songs.song import generate
from benchmarks.songs.wav import write_wav
from stemdrop.job_record import Job, Status
from stemdrop_cli.main import main as command_line


def test_demo_stems_equal_those_of_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    song, out = tmp_path / "ein Lied + ½ 🎵.wav", tmp_path / "out"
    write_wav(song, [generate(2, seed=8).mix])
    assert main(["--song", str(song), "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert command_line(["separate", str(song), "-o", str(out), "-f", "{instrument}-cli.wav"]) == 0
    for stem in ("vocals", "accompaniment"):
        assert (out / f"{stem}.wav").read_bytes() == (out / f"{stem}-cli.wav").read_bytes()
        assert f"{stem}.wav" in printed
    job = Job.from_json((out / "job.json").read_bytes())
    assert job.status is Status.DONE
    assert (out / "stems.svg").read_text().startswith("<svg ")
    for word in ("seconds", "peak dBFS", "Time:", "Memory:", "AWS:", "USD"):
        assert word in printed
    assert "SI-SDR" not in printed


def test_generated_song_reports_si_sdr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.demo.GENERATED_S", 8)
    assert main(["--out", str(tmp_path)]) == 0
    gains = re.findall(r"(-?[\d.]+) dB -> (-?[\d.]+) dB", capsys.readouterr().out)
    assert len(gains) == 2
    assert all(float(after) > float(before) + 12 for before, after in gains)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "accompaniment.wav",
        "job.json",
        "song.wav",
        "stems.svg",
        "vocals.wav",
    ]


def test_missing_song_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.mp3"
    bad.write_bytes(b"not a song")
    out = tmp_path / "out"
    assert main(["--song", str(bad), "--out", str(out)]) == 1
    assert capsys.readouterr().err.startswith("demo: The file can't be read as audio")
    assert main(["--song", str(tmp_path / "none"), "--out", str(out)]) == 1
    assert capsys.readouterr().err == f"demo: There is no file {tmp_path / 'none'}.\n"


def test_song_that_a_stem_would_replace_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    song, link = tmp_path / "vocals.wav", tmp_path / "link.wav"
    song.write_bytes(b"song")
    link.symlink_to(song)
    for path in (song, link):
        assert main(["--song", str(path), "--out", str(tmp_path)]) == 1
        assert capsys.readouterr().err == (
            f"demo: A stem would replace the song {path}: choose another folder with OUT.\n"
        )


def test_interruption_is_reported_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("benchmarks.demo.generate", interrupt)
    assert main(["--out", str(tmp_path)]) == 130
    assert capsys.readouterr().err == "demo: Interrupted.\n"


def test_file_in_place_of_the_folder_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.touch()
    assert main(["--out", str(out)]) == 1
    assert capsys.readouterr().err == (
        f"demo: {out} is not a folder: choose another one with OUT.\n"
    )
