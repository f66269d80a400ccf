"""Lyrics of `stemdrop separate`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.songs.song import generate
from benchmarks.songs.wav import write_wav
from stemdrop.errors import LyricsTimedOutError, OptionError
from stemdrop.lyrics import Transcription, Word
from stemdrop_cli.main import main
from stemdrop_separate.separator import Separator

LYRICS = [f"song/lyrics.{kind}" for kind in ("json", "lrc", "srt", "vtt")]
STEMS = ["song/accompaniment.wav", "song/vocals.wav"]
WORDS = (Word("Hello", 1.0, 1.4, 0.9), Word("world.", 1.5, 2.0, 0.8))


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("song") / "song.wav"
    write_wav(path, [generate(2.5, seed=3).mix])
    return path


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def separate(*arguments: object) -> int:
    return main(["separate", *map(str, arguments), "--lyrics"])


class SilentWhisper:
    """Takes the place of Whisper where the words don't matter, and keeps what it was given."""

    def __init__(self, outcome: Transcription | LyricsTimedOutError, stems: Path) -> None:
        self.outcome, self.stems = outcome, stems
        self.found: list[str] = []
        self.given: dict[str, Any] = {}

    def transcribe(
        self, vocals: Path, _: Path, *, on_progress: Callable[[float], None], **given: Any
    ) -> Transcription:
        assert vocals.read_bytes().startswith(b"fLaC")
        self.found, self.given = tree(self.stems), given
        on_progress(0.5)
        if isinstance(self.outcome, LyricsTimedOutError):
            raise self.outcome
        return self.outcome


@pytest.fixture
def whisper(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[[Transcription | LyricsTimedOutError], SilentWhisper]:
    def install(outcome: Transcription | LyricsTimedOutError) -> SilentWhisper:
        fake = SilentWhisper(outcome, tmp_path)
        for module in ("stemdrop_cli.lyrics", "stemdrop_separate.separator"):
            monkeypatch.setattr(f"{module}.Whisper", lambda _: fake)
        return fake

    return install


def test_lyrics_are_written_once_the_stems_are_complete(
    whisper: Callable[[Transcription], SilentWhisper],
    song: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fake = whisper(Transcription(WORDS, "en"))
    assert separate(song, "-o", tmp_path, "--json", "--language", "en", "-s", "0.5") == 0
    assert fake.found == STEMS
    assert fake.given == {"language": "en", "offset_s": 0.5}
    assert tree(tmp_path) == [*STEMS[:1], *LYRICS, *STEMS[1:]]
    assert "[00:01.00]" in (tmp_path / "song/lyrics.lrc").read_text()
    printed = capsys.readouterr()
    assert printed.err.splitlines() == [f"{song}: separating", f"{song}: transcribing"]
    result = json.loads(printed.out)
    assert result["stems"].keys() == {"vocals", "accompaniment"}
    assert result["lyrics"] == {
        "status": "done",
        "engine": "whisper tiny.en",
        "language": "en",
        "words": 2,
        "files": {
            kind: str(tmp_path / f"song/lyrics.{kind}") for kind in ("json", "lrc", "vtt", "srt")
        },
        "code": None,
        "reason": None,
    }


def test_lyrics_are_named_as_the_stems(
    whisper: Callable[[Transcription], SilentWhisper],
    song: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    whisper(Transcription(WORDS, "en"))
    layout = "{filename} - {instrument}.{codec}"
    assert (
        separate(song, "-o", tmp_path, "-f", layout, "-c", "mp3", "--stems", "accompaniment") == 0
    )
    names = ["accompaniment.mp3", "lyrics.json", "lyrics.lrc", "lyrics.srt", "lyrics.vtt"]
    assert tree(tmp_path) == [f"song - {name}" for name in names]
    paths = ", ".join(str(tmp_path / f"song - lyrics.{kind}") for kind in ("json", "lrc", "vtt"))
    assert f"{song}: lyrics of 2 words: {paths}, " in capsys.readouterr().out


def test_failed_lyrics_are_a_warning_and_no_failed_song(
    whisper: Callable[[LyricsTimedOutError], SilentWhisper],
    song: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    whisper(LyricsTimedOutError("It took too long."))
    assert separate(song, "-o", tmp_path, "--json") == 0
    assert tree(tmp_path) == STEMS
    printed = capsys.readouterr()
    assert printed.err.endswith(f"stemdrop: {song}: There are no lyrics: It took too long.\n")
    lyrics = json.loads(printed.out)["lyrics"]
    assert (lyrics["status"], lyrics["code"]) == ("failed", "lyrics_timed_out")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--language", "de"], "The model tiny.en doesn't know the language 'de'"),
        (["--language", "xx"], "language can't be 'xx'"),
        (["--lyrics_model", "none"], "There is no Whisper model"),
    ],
)
def test_lyrics_that_can_not_be_written_are_refused_before_any_work(
    song: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    assert separate(song, "-o", tmp_path, *arguments) in {1, 2}
    assert message in capsys.readouterr().err
    assert tree(tmp_path) == []


def test_missing_packages_are_named_before_any_work(
    monkeypatch: pytest.MonkeyPatch,
    song: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("stemdrop_separate.lyrics.lyrics_writer.find_spec", lambda _: None)
    assert separate(song, "-o", tmp_path) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("stemdrop: Lyrics need faster-whisper: install it with `pip install ")
    assert printed.count("\n") == 1
    assert tree(tmp_path) == []


def test_model_folder_without_whisper_is_named(
    song: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert separate(song, "-o", tmp_path, "--model_dir", tmp_path / "models") == 1
    assert capsys.readouterr().err == (
        f"stemdrop: There is no Whisper model in {tmp_path}/models/lyrics/tiny.en.\n"
    )


def test_python_api_returns_the_paths_of_the_lyrics(
    whisper: Callable[[Transcription], SilentWhisper], song: Path, tmp_path: Path
) -> None:
    fake = whisper(Transcription(WORDS, "en"))
    paths = Separator("2stems").separate_file(song, tmp_path, lyrics=True)
    assert fake.found == STEMS
    assert paths["lyrics.lrc"] == tmp_path / "song/lyrics.lrc"
    assert tree(tmp_path) == sorted(str(path.relative_to(tmp_path)) for path in paths.values())
    whisper(Transcription((), None))
    assert set(Separator("2stems").separate_file(song, tmp_path / "new", lyrics=True)) == {
        *("vocals", "accompaniment"),
    }
    with pytest.raises(OptionError, match="language is that of the lyrics"):
        Separator("2stems").separate_file(song, tmp_path, language="en")


def test_real_whisper_finds_no_words_in_an_instrumental(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    song = tmp_path / "song.wav"
    write_wav(song, [generate(10, seed=3).accompaniment])
    assert separate(song, "-o", tmp_path, "--json") == 0
    assert tree(tmp_path) == ["song.wav", *STEMS]
    lyrics = json.loads(capsys.readouterr().out)["lyrics"]
    assert (lyrics["status"], lyrics["words"], lyrics["files"]) == ("done", 0, {})
