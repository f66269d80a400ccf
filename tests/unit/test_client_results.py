import io
import json
from pathlib import Path
from unittest.mock import Mock

import pytest
from rich.console import Console

from stemdrop.errors import NotAudioError, OptionError
from stemdrop.job_record import Failure
from stemdrop.lyrics import LyricsFormat, LyricsStatus
from stemdrop_cli.display import Row, open_display
from stemdrop_cli.errors import FailedJobError, ServerError
from stemdrop_cli.names import CONTROLS
from stemdrop_cli.results import LyricsResult, SongReporter, SongResult

FIELDS = {"song", "model", "job_id", "stems", "zip", "stem_file", "status", "warnings", "error"}
FIELDS |= {"duration_s", "elapsed_s", "gain_db", "music", "lyrics"}


def report(failure: Exception | None = None, *, as_json: bool = False, quiet: bool = False) -> int:
    result = SongResult("a\nü.mp3", "2stems")

    def work(_: Row) -> None:
        result.job_id = "7"
        if failure:
            raise failure
        result.stems, result.duration_s = {"vocals": Path("stems/vocals.wav")}, 2.5
        result.warnings, result.gain_db = ("Short.",), -1.5

    with open_display(Console(file=io.StringIO()), quiet=quiet) as display:
        return SongReporter(display, as_json, quiet).run(result, work)


@pytest.mark.parametrize("quiet", [False, True])
def test_json_of_a_song_is_one_line_of_standard_output(
    capsys: pytest.CaptureFixture[str], quiet: bool
) -> None:
    assert report(as_json=True, quiet=quiet) == 0
    printed = capsys.readouterr()
    (line,) = printed.out.splitlines()
    fields = json.loads(line)
    assert line.isascii()
    assert fields.keys() == FIELDS
    assert (fields["song"], fields["model"], fields["job_id"]) == ("a\nü.mp3", "2stems", "7")
    assert (fields["status"], fields["error"], fields["gain_db"]) == ("done", None, -1.5)
    assert fields["stems"] == {"vocals": str(Path("stems/vocals.wav"))}
    assert (fields["warnings"], fields["duration_s"]) == (["Short."], 2.5)
    assert ("Short." in printed.err) is not quiet


@pytest.mark.parametrize(
    ("failure", "code", "status"),
    [
        (NotAudioError("No audio."), "not_audio", 1),
        (FailedJobError(Failure("too_long", "No audio.")), "too_long", 1),
        (ServerError("No audio."), "server", 3),
    ],
)
def test_json_of_a_failed_song_has_its_error(
    capsys: pytest.CaptureFixture[str], failure: Exception, code: str, status: int
) -> None:
    assert report(failure, as_json=True) == status
    printed = capsys.readouterr()
    fields = json.loads(printed.out)
    assert fields.keys() == FIELDS
    assert (fields["status"], fields["stems"], fields["duration_s"]) == ("failed", {}, None)
    assert fields["error"] == {"code": code, "message": "No audio."}
    assert "No audio." in printed.err


def test_quiet_prints_nothing_but_errors(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(quiet=True) == 0
    assert tuple(capsys.readouterr()) == ("", "")
    assert report(ServerError("Gone."), quiet=True) == 3
    assert tuple(capsys.readouterr()) == ("", "stemdrop: a?ü.mp3: Gone.\n")


def test_paths_can_not_change_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    lyrics = LyricsResult(LyricsStatus.DONE, "whisper", files={LyricsFormat.LRC: Path("\x1b[2J")})
    result = SongResult("\x1b[1m", stems={"vocals": Path("\x1b[31m.wav")}, lyrics=lyrics)
    with open_display(Console(file=io.StringIO())) as display:
        reporter = SongReporter(display)
        reporter.run(result, lambda _: display.print_error("\x1b[5m"))
        reporter.run(result, Mock(side_effect=OptionError("\x1b]0;title\x07")))
    printed = "".join(capsys.readouterr())
    for shown in ("?[1m", "?[31m.wav", "?[2J", "?[5m", "?]0;title?"):
        assert shown in printed
    assert not CONTROLS.search(printed.replace("\n", ""))


def test_file_that_vanishes_fails_its_song_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(FileNotFoundError(2, "No such file or directory", "a.mp3"), as_json=True) == 1
    printed = capsys.readouterr()
    message = "a.mp3 can't be read or written: No such file or directory."
    assert json.loads(printed.out)["error"] == {"code": "song", "message": message}
    assert message in printed.err


def test_json_keeps_names_that_are_not_text() -> None:
    assert json.loads(SongResult("\udcff.mp3").to_json())["song"] == "\udcff.mp3"
