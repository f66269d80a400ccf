import os
import subprocess
import sys
from pathlib import Path

import pytest

from stemdrop.errors import SetupError
from stemdrop_separate.audio.ffmpeg import (
    DEMUXERS,
    FfmpegProcess,
    error_message,
    find_ffmpeg,
    untrusted_input,
)
from stemdrop_separate.audio.pipes import LOG_LIMIT_BYTES, PipeReader


def test_default_program_is_that_of_imageio_ffmpeg() -> None:
    program = find_ffmpeg(None)
    assert program.is_absolute()
    assert "imageio_ffmpeg" in program.parts
    assert subprocess.run([program, "-version"], capture_output=True, check=True).stdout


def test_configured_program_is_preferred(tmp_path: Path) -> None:
    program = tmp_path / "ffmpeg"
    program.touch(mode=0o755)
    assert find_ffmpeg(str(program)) == program


def test_name_of_a_program_is_searched_for_in_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "my-ffmpeg"
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_ffmpeg("my-ffmpeg") == program


@pytest.mark.parametrize("mode", [None, 0o644])
def test_a_configured_program_that_cannot_run_is_an_error(tmp_path: Path, mode: int | None) -> None:
    program = tmp_path / "ffmpeg"
    if mode is not None:
        program.touch(mode=mode)
    with pytest.raises(SetupError, match=r"^FFMPEG names"):
        find_ffmpeg(str(program))
    with pytest.raises(SetupError, match=r"^--ffmpeg names"):
        find_ffmpeg(program, "--ffmpeg")


def test_missing_program_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "imageio_ffmpeg", raising=False)
    with pytest.raises(SetupError, match="install imageio-ffmpeg, or name it with --ffmpeg"):
        find_ffmpeg(None, "--ffmpeg")


def test_program_of_another_architecture_is_an_error(tmp_path: Path) -> None:
    program = tmp_path / "ffmpeg"
    program.write_bytes(b"\x7fELF of something else")
    program.chmod(0o755)
    with pytest.raises(SetupError, match="can't be started"):
        FfmpegProcess(program, [])


def test_formats_that_open_other_files_are_not_allowed() -> None:
    openers = {
        *("applehttp", "avisynth", "bluray", "concat", "concatf", "dash", "dvdvideo", "ffmetadata"),
        *("hls", "image2", "image2pipe", "imf", "lavfi", "mlv", "rtp", "rtsp", "sap", "sbg", "sdp"),
        *("subfile", "tee", "tedcaptions", "txd", "vapoursynth", "vobsub", "webm_dash_manifest"),
    }
    allowed = set(DEMUXERS.split(","))
    assert len(allowed) > 40
    assert not allowed & openers
    assert not [name for name in allowed if name.endswith("_pipe")]


def test_input_is_one_absolute_path() -> None:
    assert untrusted_input(Path("-i http:a.mp3")) == [
        *("-protocol_whitelist", "file", "-format_whitelist", DEMUXERS),
        *("-i", f"file:{Path.cwd()}/-i http:a.mp3"),
    ]


@pytest.mark.parametrize(
    ("log", "told"),
    [
        ("", ""),
        ("[info] Input #0\n[info]     title           : [error] from the file\n", ""),
        ("[mp3 @ 0x55f8] [error] Header missing.\n[error] Conversion failed!\n", "Header missing"),
        (
            "[aist#0:0/mp3 @ 0x1] [dec:mp3 @ 0x2] [error] Decoding error: Bad\n",
            "Decoding error: Bad",
        ),
        (
            "[in#0 @ 0x56] [error] Error opening input: Invalid data\n"
            "[error] Error opening input file file:/tmp/secret/song.mp3.\n",
            "Invalid data",
        ),
        ("[error] file:/tmp/a: b/song.mp3: Invalid argument\n", "Invalid argument"),
        (
            "[in#0 @ 000001E4F6D0e400] [error] Error opening input: Invalid data\r\n"
            "[error] Error opening input file file:C:\\a\\song.mp3.\r\n",
            "Invalid data",
        ),
        ("[error] file:C:\\a\\song.mp3: Invalid argument\r\n", "Invalid argument"),
        (
            "[in#0 @ 0x56] [error] Format not on whitelist 'aac,ac3'\n",
            "files of this kind are not read here",
        ),
        (f"[error] {'x' * 1000}\n", "x" * 200),
    ],
)
def test_reason_is_the_first_error_without_addresses_and_paths(log: str, told: str) -> None:
    assert error_message(log) == told


def test_log_is_bounded_and_never_blocks_its_writer() -> None:
    read_end, write_end = os.pipe()
    reader = PipeReader(os.fdopen(read_end, "rb"), limit_bytes=1000)
    with os.fdopen(write_end, "wb") as pipe:
        for _ in range(100):
            pipe.write(b"x" * 10_000)
    assert reader.text() == "x" * 1000


def test_messages_beyond_any_pipe_neither_block_nor_fill_the_memory() -> None:
    noisy = ["-f", "lavfi", "-i", "anullsrc=d=300", "-af", "ashowinfo", "-f", "null", "-"]
    with FfmpegProcess(find_ffmpeg(None), noisy) as running:
        assert running.wait(60.0) == 0
        assert len(running.log) == LOG_LIMIT_BYTES


def test_ffmpeg_runs_without_environment_and_terminal(tmp_path: Path) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text(
        f"#!{sys.executable} -IS\nimport os, sys\n"
        "sys.stderr.write(f'{sorted(os.environ)} {os.getcwd()} {os.getsid(0) == os.getpid()}')\n"
    )
    program.chmod(0o755)
    with FfmpegProcess(program, []) as running:
        assert running.wait() == 0
        # Python sets LC_CTYPE if no locale is set.
        assert running.log.replace("'LC_CTYPE'", "") == "[] / True"


def test_leaving_the_context_ends_an_endless_run() -> None:
    endless = [
        "-loglevel",
        "level+error",
        "-re",
        "-f",
        "lavfi",
        "-i",
        "anullsrc",
        "-f",
        "null",
        "-",
    ]
    with FfmpegProcess(find_ffmpeg(None), endless) as running:
        assert running.wait(0.2) is None
    assert running.process.returncode == -9
