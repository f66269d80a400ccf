"""Results of songs: a summary for people, or JSON for programs."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from stemdrop.errors import StemdropError
from stemdrop.job_record import Failure, Status
from stemdrop.lyrics import LyricsFormat, LyricsStatus
from stemdrop.music import Music
from stemdrop_cli.display import Display, Row
from stemdrop_cli.errors import (
    DONE,
    SONG_FAILED,
    ClientError,
    FailedJobError,
    describe_os_error,
)
from stemdrop_cli.names import displayable


@dataclass(frozen=True, slots=True)
class LyricsResult:
    """Lyrics of a song, which `--json` prints with the names of the job record.

    Attributes
    ----------
    engine : Name of the engine, such as ``whisper tiny.en``.
    language : ISO 639 code; None if it is unknown.
    words : Number of words.
    files : Format to the path of its file; none if nobody sings.
    code, reason : Why there are none, if the transcription failed.
    """

    status: LyricsStatus
    engine: str
    language: str | None = None
    words: int = 0
    files: dict[LyricsFormat, Path] = field(default_factory=dict)
    code: str | None = None
    reason: str | None = None

    def summary(self) -> str:
        """Say how many words there are, and where."""
        if not self.files:
            return "no words for lyrics"
        return f"lyrics of {self.words} words: {', '.join(map(str, self.files.values()))}"


@dataclass(slots=True)
class SongResult:
    """Result of a song, which `--json` prints with the names of the job record.

    Attributes
    ----------
    song : Path of the song as given.
    job_id : ID of the server's job; None for a separation on this machine.
    stems : Stem to the path of its file.
    zip, stem_file : Paths of the zip and the stem file, if there are any.
    duration_s : Seconds of sound; None without stems.
    elapsed_s : Seconds that it took.
    warnings : Sentences about the song, and about stems that clip.
    music : Tempo, beats, key and loudness; None without stems.
    lyrics : What came of the lyrics; None if they weren't wanted, or the song failed.
    error : Why the song failed; it still has stems if it only lacks its lyrics.
    """

    song: str
    model: str | None = None
    job_id: str | None = None
    status: Status = Status.PROCESSING
    stems: dict[str, Path] = field(default_factory=dict)
    zip: Path | None = None
    stem_file: Path | None = None
    duration_s: float | None = None
    elapsed_s: float = 0.0
    warnings: tuple[str, ...] = ()
    gain_db: float = 0.0
    music: Music | None = None
    lyrics: LyricsResult | None = None
    error: Failure | None = None

    def to_json(self) -> str:
        """Return the result as one line of ASCII characters."""
        shown = asdict(self)
        if self.error:
            shown["error"] = {"code": self.error.code, "message": self.error.message}
        return json.dumps(shown, default=str)

    def summary(self) -> str:
        """Say how long the song took, and where its files are."""
        took = f"done in {self.elapsed_s:.1f} s"
        if self.job_id is None and self.duration_s:
            speed = self.duration_s / self.elapsed_s
            took = f"{self.duration_s:.1f} s in {self.elapsed_s:.1f} s ({speed:.0f}x)"
        return f"{took}: {self.paths()}"

    def paths(self) -> str:
        """Return the paths of the stems, the zip and the stem file, separated by commas."""
        files = [*self.stems.values(), *filter(None, [self.zip, self.stem_file])]
        return ", ".join(map(str, files))


@dataclass(frozen=True, slots=True)
class SongReporter:
    """Prints what comes of each song. Threads may share it.

    Attributes
    ----------
    as_json : Whether to print a JSON object per song instead of summaries.
    quiet : Whether to print errors only, apart from JSON.
    """

    display: Display
    as_json: bool = False
    quiet: bool = False

    def run(self, result: SongResult, work: Callable[[Row], None]) -> int:
        """Run the work on a song, print its result, and return the exit status.

        Parameters
        ----------
        work : Function that shows its progress in a row, and completes the result.
        """
        name = displayable(result.song)
        began_s, status = time.monotonic(), DONE
        try:
            with self.display.row(name) as row:
                work(row)
            result.status = Status.DONE
        except (StemdropError, OSError) as failure:
            error = describe_os_error(failure) if isinstance(failure, OSError) else failure
            status = error.exit_status if isinstance(error, ClientError) else SONG_FAILED
            result.status, result.error = Status.FAILED, Failure(error.code, error.message)
            if isinstance(error, FailedJobError):
                result.error = error.failure
        result.elapsed_s = max(round(time.monotonic() - began_s, 3), 0.001)
        self._print(name, result)
        return status

    def _print(self, name: str, result: SongResult) -> None:
        if self.as_json:
            self.display.print_result(result.to_json())
        elif not self.quiet and not result.error:
            self.display.print_result(f"{name}: {displayable(result.summary())}")
            if result.music and (described := result.music.summary()):
                self.display.print_result(f"{name}: {displayable(described)}")
            if result.lyrics and not result.lyrics.reason:
                self.display.print_result(f"{name}: {displayable(result.lyrics.summary())}")
        for note in self._notes(result):
            self.display.print_error(f"{name}: {note}")

    def _notes(self, result: SongResult) -> list[str]:
        """Return what to print about a song on standard error."""
        if result.error:
            notes = [result.error.message]
            if result.stems and not (self.as_json or self.quiet):
                notes.append(f"Its stems are complete: {result.paths()}")
            return notes
        notes = [] if self.quiet else [*result.warnings]
        if result.gain_db and not self.quiet:
            gain = f"{result.gain_db:.1f} dB"
            notes.append(f"All stems are scaled by {gain}, so that none of them clips.")
        if result.lyrics and result.lyrics.reason:
            notes.append(f"There are no lyrics: {result.lyrics.reason}")
        return notes
