import errno
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.io import wavfile

import tiny_models
from benchmarks.songs.song import generate
from benchmarks.songs.wav import write_wav
from folders import wait_for_name
from stemdrop.errors import OptionError
from stemdrop.music import Music
from stemdrop_cli.main import main
from stemdrop_separate.output_paths import require_file

COMMAND = [sys.executable, "-c", "from stemdrop_cli.main import main; raise SystemExit(main())"]
# As root, everything may be read and written, unless these privileges are given up.
PRIVILEGES = "-dac_override,-dac_read_search"
UNPRIVILEGED = [
    *(["setpriv", f"--bounding-set={PRIVILEGES}"] if not os.geteuid() else []),
    *COMMAND,
]


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("song") / "my song.wav"
    write_wav(path, [generate(2.5, seed=3).mix])
    return path


@pytest.fixture(scope="module")
def trivial_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    tiny_models.install(folder)
    return folder


@pytest.fixture(autouse=True)
def _trivial_model(trivial_models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use a model that takes no time in the tests that aren't about the stems' sound."""
    monkeypatch.setenv("MODEL_DIR", str(trivial_models))


@pytest.fixture
def _real_model(_trivial_model: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MODEL_DIR")


def separate(*arguments: object) -> int:
    return main(["separate", *map(str, arguments)])


def samples(path: Path) -> NDArray[Any]:
    rate_hz, data = wavfile.read(path)
    assert rate_hz == 44_100
    return np.asarray(data)


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_command_starts_no_thread_of_numpy() -> None:
    count = "import stemdrop_cli.main, numpy, os; print(len(os.listdir('/proc/self/task')))"
    environment = {"PATH": os.defpath}
    printed = subprocess.check_output([sys.executable, "-c", count], env=environment, text=True)
    assert printed == "1\n"


@pytest.mark.usefixtures("_real_model")
def test_stems_add_up_with_the_residual(song: Path, tmp_path: Path) -> None:
    assert separate(song, "-o", tmp_path, "--bit_depth", "32f", "--residual") == 0
    stems = ["vocals", "accompaniment", "residual"]
    assert tree(tmp_path) == sorted(f"my song/{stem}.wav" for stem in stems)
    total = sum(samples(tmp_path / "my song" / f"{stem}.wav") for stem in stems)
    np.testing.assert_allclose(total, samples(song) / 32768, atol=1e-6)


def test_stem_file_is_written_with_the_stems(
    song: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny_models.install(tmp_path, "4stems")
    options = ("-p", "4stems", "-c", "alac", "--stem_file", "--json")
    assert separate(song, "-o", tmp_path / "out", "--model_dir", tmp_path, *options) == 0
    shown = json.loads(capsys.readouterr().out)
    stems = ("vocals", "drums", "bass", "other")
    assert shown["stem_file"] == str(tmp_path / "out/my song/my song.stem.mp4")
    assert tuple(shown["stems"]) == stems
    assert tree(tmp_path / "out/my song") == sorted(
        ["my song.stem.mp4", *(f"{stem}.m4a" for stem in stems)]
    )


def test_summary_names_files_and_speed(
    song: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert separate(song, "-o", tmp_path, "-c", "flac") == 0
    printed = capsys.readouterr()
    files, music = printed.out.splitlines()
    assert f"{song}: 2.5 s in" in files
    assert re.fullmatch(re.escape(str(song)) + r": .* LUFS", music)
    assert str(tmp_path / "my song" / "vocals.flac") in printed.out
    assert printed.err == f"{song}: separating\n"


@pytest.mark.usefixtures("_real_model")
def test_part_of_a_song_equals_that_part_alone(song: Path, tmp_path: Path) -> None:
    part = tmp_path / "part.wav"
    write_wav(part, [(samples(song)[22_050:66_150] / 32768).astype(np.float32)])
    assert separate(song, "-o", tmp_path / "a", "-s", "0.5", "-d", "1") == 0
    assert separate(part, "-o", tmp_path / "b") == 0
    expected = samples(tmp_path / "b" / "part" / "vocals.wav")
    assert np.array_equal(samples(tmp_path / "a" / "my song" / "vocals.wav"), expected)


def test_spleeter_arguments_are_accepted(song: Path, tmp_path: Path) -> None:
    layout = "{foldername}-{filename}_{instrument}.{codec}"
    long = ["--output_path", tmp_path, "--params_filename", "spleeter:2stems-16kHz"]
    long += ["--filename_format", layout, "--codec", "ogg", "--bitrate", "128k"]
    assert separate(*long, "--offset", "1", "--duration", "1", song) == 0
    name = f"{song.parent.name}-my song"
    assert tree(tmp_path) == [f"{name}_accompaniment.ogg", f"{name}_vocals.ogg"]


@pytest.mark.usefixtures("_real_model")
def test_high_quality_returns_different_stems(song: Path, tmp_path: Path) -> None:
    for quality in ("spleeter", "high"):
        assert separate(song, "-o", tmp_path / quality, "--quality", quality) == 0
    one, other = (
        samples(tmp_path / name / "my song" / "vocals.wav") for name in ("spleeter", "high")
    )
    assert one.shape == other.shape
    assert np.abs(one.astype(int) - other).max() > 100


@pytest.mark.parametrize(
    ("arguments", "sentence", "status"),
    [
        (["-p", "6stems"], "model can't be '6stems': use one of 2stems", 2),
        (["-p", "4stems"], "The model 4stems is not installed here: use one of these: 2stems", 1),
        (["-c", "ape"], "codec can't be 'ape'", 2),
        (["-b", "9k"], "bitrate can't be '9k'", 2),
        (["--quality", "best"], "quality can't be 'best': use one of spleeter, high", 2),
        (["--clip", "limit"], "clip can't be 'limit': use one of keep, scale", 2),
        (["-s", "-1"], "offset_s can't be '-1'", 2),
        (["-d", "soon"], "duration_s can't be 'soon'", 2),
        (["-s", "99"], "the song ends before", 1),
        (["-d", "0.00001"], "1e-05 s are less than one sample", 1),
        (["-f", "{track}.wav"], "no {track}", 2),
        (["-f", "{filename}.{codec}"], "would be written over vocals of", 2),
        (["--ffmpeg", "/nowhere/ffmpeg"], "--ffmpeg names '/nowhere/ffmpeg'", 1),
        (["--model_dir", "/nowhere"], "There are no models in /nowhere: name the folder", 1),
        (["--lyrics_model", "tiny"], "use it together with --lyrics", 2),
        (["--mwf"], "use --quality high", 2),
        (["-a", "other.Adapter"], "adapter can't be 'other.Adapter'", 2),
        (["-i", "nothing/*.mp3"], "No songs match 'nothing/*.mp3'", 2),
    ],
)
def test_invalid_arguments_are_reported_in_one_sentence(
    song: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: Sequence[str],
    sentence: str,
    status: int,
) -> None:
    assert separate(song, "-o", tmp_path, *arguments) == status
    printed = capsys.readouterr()
    (error,) = (line for line in printed.err.splitlines() if line != f"{song}: separating")
    assert sentence in error
    assert error.startswith("stemdrop: ")
    assert printed.out == ""
    assert tree(tmp_path) == []


@pytest.mark.parametrize(
    "words",
    [
        ["a", "-c", "flac", "b", "--quiet", "c"],
        ["-c", "flac", "a", "-q", "b", "c"],
        ["a", "-c", "flac", "b", "-q", "--", "c"],
        ["-q", "-c", "flac", "--", "a", "b", "c"],
    ],
)
def test_songs_may_follow_options(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    monkeypatch.setattr("stemdrop_cli.separate.run", lambda parsed: len(parsed.songs))
    assert main(["separate", *words]) == 3
    with pytest.raises(SystemExit):
        separate("a", "-c", "flac", "b", "--nope")
    printed = capsys.readouterr().err
    assert printed.startswith("usage: stemdrop separate")
    assert printed.endswith("unrecognized arguments: --nope\n")


def test_command_without_songs_takes_none(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["completion", "bash", "a"], ["models", "list", "--", "a"]):
        with pytest.raises(SystemExit):
            main(words)
        assert "unrecognized arguments: a" in capsys.readouterr().err


def test_bad_song_does_not_stop_the_others(
    song: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.mp3"
    bad.write_bytes(b"no song at all")
    assert separate(bad, tmp_path / "missing.mp3", song, "-o", tmp_path / "out") == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("stemdrop")]
    assert len(errors) == 2
    assert "bad.mp3" in errors[0]
    assert "missing.mp3: There is no such file." in errors[1]
    assert tree(tmp_path / "out") == ["my song/accompaniment.wav", "my song/vocals.wav"]


def test_denied_files_and_folders_do_not_stop_the_others(song: Path, tmp_path: Path) -> None:
    denied, private, looped = tmp_path / "denied.wav", tmp_path / "private", tmp_path / "looped.wav"
    denied.touch(0)
    private.mkdir(0)
    looped.symlink_to(looped)
    songs = [denied, private / "song.wav", looped, song]
    layout = ["-f", "{index}/{instrument}.{codec}", "--stems", "vocals"]
    done = run(["separate", *songs, *layout, "-o", tmp_path / "out"], command=UNPRIVILEGED)
    assert done.returncode == 1
    why = ["Permission denied", "Permission denied", os.strerror(errno.ELOOP)]
    assert [line for line in done.stderr.decode().splitlines() if "separating" not in line] == [
        f"stemdrop: {path}: The file can't be read: {reason}."
        for path, reason in zip(songs, why, strict=False)
    ]
    assert tree(tmp_path / "out") == ["4/vocals.wav"]
    cases: list[tuple[list[object], int, str]] = [
        ([song, "-o", private / "out"], 1, f"{song}: The stems can't be written"),
        ([private], 2, f"The folder '{private}' can't be read: allow access to it."),
        ([song, "--model_dir", private], 1, f"{private}/2stems.json can't be read or written"),
    ]
    for arguments, status, sentence in cases:
        refused = run(["separate", *arguments], command=UNPRIVILEGED)
        assert refused.returncode == status
        assert f"stemdrop: {sentence}" in refused.stderr.decode()
        assert b"Traceback" not in refused.stderr


@pytest.mark.parametrize("name", ["x" * 300, "-" + "x" * 300, "x" * 300 + "*"])
def test_name_that_no_disk_takes_is_reported_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    layout = ["-f", "{index}/{instrument}.{codec}", "-o", tmp_path]
    assert separate(*layout, "--", name) in {1, 2}
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_song_is_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    song = tmp_path / "vocals.wav"
    write_wav(song, [generate(1).mix])
    before = song.read_bytes()
    assert separate(song, "-o", tmp_path, "-f", "{instrument}.{codec}") == 2
    assert "written over the song" in capsys.readouterr().err
    assert song.read_bytes() == before


@pytest.mark.usefixtures("_real_model")
def test_clipping_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    song = tmp_path / "loud.wav"
    write_wav(song, [4 * generate(1.5, seed=1).mix], bit_depth="32f")
    assert separate(song, "-o", tmp_path) == 0
    assert "clips in" in capsys.readouterr().err
    assert separate(song, "-o", tmp_path, "--clip", "scale") == 0
    assert re.search(r"All stems are scaled by -\d+\.\d dB", capsys.readouterr().err)
    assert separate(song, "-o", tmp_path / "float", "--bit_depth", "32f") == 0
    assert capsys.readouterr().err == f"{song}: separating\n"


def test_replaced_stems_are_named(
    song: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert separate(song, "-o", tmp_path) == 0
    assert "replaced" not in capsys.readouterr().err
    assert separate(song, "-o", tmp_path) == 0
    replaced = tmp_path / "my song" / "accompaniment.wav"
    assert f"It replaced {replaced} and 1 more of an earlier run." in capsys.readouterr().err


def test_names_that_mislead_are_refused_in_one_sentence(
    song: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("-song.wav").write_bytes(song.read_bytes())
    Path("folder.mp3").mkdir()
    for name, words in [
        ("-song.wav", "'-song.wav' would be a flag: name the file './-song.wav'."),
        ("folder.mp3", "There are no songs in the folder 'folder.mp3'."),
    ]:
        assert separate(name) == 2
        assert capsys.readouterr().err == f"stemdrop: {words}\n"
    assert separate("./-song.wav", "--stems", "vocals") == 0
    with pytest.raises(OptionError, match="It is a folder"):
        require_file(tmp_path)


def test_folder_is_separated_into_json_without_the_stems_in_it(
    song: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("-x.wav").write_bytes(song.read_bytes())
    Path("live").mkdir()
    Path("live/bad.mp3").write_bytes(b"no song at all")
    for _ in range(2):  # the second time with stems in the folder
        assert separate(".", "--json", "--quiet", "--stems", "vocals") == 1
    printed = capsys.readouterr()
    done, failed, *_ = map(json.loads, printed.out.splitlines())
    assert printed.out.count("\n") == 4
    assert set(printed.err.splitlines()) == {
        f"stemdrop: live/bad.mp3: {failed['error']['message']}"
    }
    assert (done["song"], done["status"], done["model"]) == ("-x.wav", "done", "2stems")
    assert (done["stems"], done["duration_s"]) == ({"vocals": "stems/-x/vocals.wav"}, 2.5)
    assert done["music"].keys() == {field.name for field in fields(Music)}
    assert failed["music"] is None
    assert (failed["song"], failed["status"]) == ("live/bad.mp3", "failed")
    assert failed["error"]["code"] == "not_audio"
    assert tree(tmp_path / "stems") == ["-x/vocals.wav"]


def test_song_is_read_from_standard_input(song: Path, tmp_path: Path) -> None:
    folders = [tmp_path / "temporary", tmp_path / "out"]
    folders[0].mkdir()
    piped = run(
        ["separate", "-", "-o", folders[1], "-f", "{foldername} {filename} {instrument}.{codec}"],
        song.read_bytes(),
        TMPDIR=str(folders[0]),
    )
    assert piped.returncode == 0
    assert separate(song, "-o", tmp_path) == 0
    vocals = samples(folders[1] / "stdin stdin vocals.wav")
    np.testing.assert_array_equal(vocals, samples(tmp_path / "my song" / "vocals.wav"))
    assert piped.stderr == b"stdin: separating\n"
    assert tree(folders[0]) == []
    empty = run(["separate", "-", "-o", tmp_path], b"")
    assert empty.returncode == 1
    assert b"stemdrop: stdin: The file is empty" in empty.stderr


def test_pipe_is_not_called_a_missing_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for song in (pipe, os.devnull):
        assert separate(song, "-o", tmp_path / "out") == 1
        assert f"stemdrop: {song}: It is a pipe or a device" in capsys.readouterr().err


def test_closed_standard_input_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", None)
    assert separate("-") == 2
    assert capsys.readouterr().err.startswith("stemdrop: Standard input is closed:")


def test_flags_of_spleeter_that_change_nothing_are_accepted(
    song: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adapter = "spleeter.audio.ffmpeg.FFMPEGProcessAudioAdapter"
    flags = ["-a", adapter, "-B", "librosa", "--verbose", "--output-path", tmp_path]
    assert separate("-i", song, *flags) == 0
    assert tree(tmp_path) == ["my song/accompaniment.wav", "my song/vocals.wav"]
    printed = capsys.readouterr().err
    assert printed.count("--stft_backend has no effect") == 1
    for detail in ("onnxruntime", "model 2stems", "ffmpeg version", "pcm_s16le", " threads"):
        assert detail in printed


@pytest.fixture(scope="module")
def bash_completion() -> bytes:
    return run(["completion", "bash"]).stdout


@pytest.mark.parametrize(
    ("line", "completions"),
    [
        ("", {"separate", "submit", "completion"}),
        ("separate --re", {"--residual"}),
        ("separate --codec m", {"mp3", "m4a"}),
        ("separate -p 4", {"4stems", "4stems-16kHz"}),
        ("submit --clip s", {"scale"}),
        ("separate a.", {"a.mp3"}),
    ],
)
def test_bash_completes_commands_options_and_values(
    bash_completion: bytes, tmp_path: Path, line: str, completions: set[str]
) -> None:
    (tmp_path / "a.mp3").touch()
    words = ["stemdrop", *line.split(" ")]
    (tmp_path / "complete.sh").write_bytes(bash_completion)
    quoted = " ".join(map(shlex.quote, words))
    script = f"""
        . ./complete.sh
        COMP_WORDS=({quoted}) COMP_CWORD={len(words) - 1} COMP_LINE={shlex.quote(" ".join(words))}
        _shtab_stemdrop stemdrop "${{COMP_WORDS[-1]}}" "${{COMP_WORDS[-2]}}"
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    shell = subprocess.run(
        ["bash", "-c", script], check=True, capture_output=True, text=True, cwd=tmp_path
    )
    assert completions <= set(shell.stdout.split()), shell.stderr
    if line:
        assert completions == set(shell.stdout.split())


@pytest.mark.parametrize("shell", ["zsh", "fish", "powershell"])
def test_completion_script_knows_the_values(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert "5stems-16kHz" in capsys.readouterr().out


@pytest.mark.usefixtures("_real_model")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interruption_leaves_no_files(tmp_path: Path, number: signal.Signals) -> None:
    song = tmp_path / "long.wav"
    write_wav(song, (np.zeros((44_100, 2), np.float32) for _ in range(600)))
    out = tmp_path / "out"
    process = subprocess.Popen(
        [*COMMAND, "separate", str(song), "-o", str(out)],
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for_name(out, ".wav", process)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.endswith("\nstemdrop: Interrupted; unfinished stems are removed.\n")
    assert tree(out) == []


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_songs_go_on_when_nobody_reads_the_results(
    song: Path, tmp_path: Path, arguments: list[str]
) -> None:
    other = tmp_path / "other.wav"
    other.write_bytes(song.read_bytes())
    errors = run_unread(["separate", song, other, "-o", tmp_path / "out", *arguments])
    assert errors == f"{song}: separating\n{other}: separating\n"
    assert len(tree(tmp_path / "out")) == 4


@pytest.mark.parametrize("arguments", [["models"], ["completion", "bash"], ["separate", "--help"]])
def test_output_that_nobody_reads_is_no_error(arguments: list[object]) -> None:
    assert not run_unread(arguments)


def run_unread(arguments: Sequence[object]) -> str:
    """Run a command whose standard output is a pipe without a reader, and return its errors."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        done = subprocess.run(
            [*COMMAND, *map(str, arguments)],
            check=True,
            stdout=write_end,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
        )
    finally:
        os.close(write_end)
    return done.stderr


def test_streams_may_be_closed(song: Path, tmp_path: Path) -> None:
    closed = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *COMMAND]
    assert run(["separate", song, "-o", tmp_path], command=closed).returncode == 0
    assert len(tree(tmp_path)) == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("where", ["importlib.import_module", "stemdrop_cli.separate.find_songs"])
def test_interruption_before_the_separation_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    where: str,
    number: signal.Signals,
) -> None:
    monkeypatch.setattr(where, lambda _: signal.raise_signal(number))
    assert separate("song.wav") == 130
    assert capsys.readouterr().err == "stemdrop: Interrupted.\n"


def test_usage_error_exits_with_2_and_help_lists_options() -> None:
    assert run(["separate"]).returncode == 2
    help_text = run(["separate", "--help"])
    assert help_text.returncode == 0
    options = ["-o", "-p", "-c", "-b", "-s", "-d", "-f", "--backend", "--residual", "--json"]
    for option in [*options, "-q, --quiet", "-i", "-a", "-B", "--verbose", "--mwf"]:
        assert f"  {option}" in help_text.stdout.decode()
    for default in ("stems", "wav", "onnx"):
        assert f"(default: {default})" in help_text.stdout.decode()


def run(
    arguments: Sequence[object],
    stdin: bytes = b"",
    *,
    command: Sequence[str] = COMMAND,
    **more: str,
) -> "subprocess.CompletedProcess[bytes]":
    environment = os.environ | more
    return subprocess.run(
        [*command, *map(str, arguments)],
        check=False,
        capture_output=True,
        input=stdin,
        env=environment,
        timeout=120,
    )
