"""The command line on systems other than Linux, imitated by taking away what these lack."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.songs.song import generate
from benchmarks.songs.wav import write_wav
from stemdrop_cli import names

# What typeshed declares for neither Windows nor, in the case of sched_getaffinity, macOS.
WITHOUT_POSIX = """
import os, signal, subprocess, sys
for module in ("fcntl", "grp", "pwd", "resource", "termios"):
    sys.modules[module] = None
for name in ("fork", "geteuid", "getuid", "getpgid", "killpg", "sched_getaffinity", "setsid"):
    delattr(os, name)

class Popen(subprocess.Popen):
    def __init__(self, *arguments, pass_fds=(), preexec_fn=None, **options):
        assert not pass_fds and preexec_fn is None, "Windows has neither"
        super().__init__(*arguments, **options)

subprocess.Popen = Popen
sys.platform = "win32" if sys.argv.pop(1) == "windows" else "darwin"
"""
RUN = """
from stemdrop_cli.main import main
sys.exit(main())
"""


@pytest.mark.parametrize("system", ["windows", "macos"])
def test_stems_are_those_of_linux(system: str, tmp_path: Path) -> None:
    song = tmp_path / "song.wav"
    write_wav(song, [generate(2.5, seed=3).mix])
    # The libraries are loaded before: their own ways of telling systems apart are not tested.
    libraries = "import ctypes, filelock, httpx, multiprocessing.pool, onnxruntime, platformdirs"
    libraries += ", rich.console, rich.progress, scipy.fft, tempfile"
    for name, program in (("linux", RUN), (system, libraries + WITHOUT_POSIX + RUN)):
        arguments = ["separate", str(song), "-o", str(tmp_path / name)]
        if name != "linux":
            arguments.insert(0, system)
        command = [sys.executable, "-c", f"import sys\n{program}", *arguments]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
    for stem in ("vocals", "accompaniment"):
        path = Path("song", f"{stem}.wav")
        assert (tmp_path / system / path).read_bytes() == (tmp_path / "linux" / path).read_bytes()


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("AC/DC: live?.mp3", "DC_ live_.mp3"),
        ("con.mp3", "_con.mp3"),
        ("console.mp3", "console.mp3"),
        ("the end. ", "the end_"),
    ],
)
def test_names_that_windows_reserves_are_changed_there(
    monkeypatch: pytest.MonkeyPatch, filename: str, expected: str
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert names.safe_basename(filename) == expected
