"""Tasks of `stemdrop submit`, and the paths of their files."""

import string
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock

from stemdrop.errors import OptionError
from stemdrop.keys import JOB_ID, ZIP_NAME, ZIP_SUFFIX
from stemdrop.options import Options
from stemdrop_cli.errors import SongError
from stemdrop_cli.names import displayable
from stemdrop_cli.responses import JobResponse
from stemdrop_separate.output_paths import name_targets, number, path_on_disk, with_suffix

# Placeholders for what a server's job doesn't know of its song.
SONG_PLACEHOLDERS = {"parent", "foldername", "index"}


@dataclass(slots=True)
class Task:
    """A song to submit, or a job to resume.

    Attributes
    ----------
    name : Name to display.
    song : Path of the song; None to resume a job.
    job_id : ID of the server's job, once nothing is left to upload.
    status : Exit status, once the task has ended.
    """

    name: str
    song: Path | None = None
    job_id: str | None = None
    status: int | None = None


class Layout:
    """Paths of the files of all songs, each different. Threads may share it.

    Parameters
    ----------
    folder : Folder of all files.
    filename_format : Format of the paths in it; see `name_targets`.
    """

    def __init__(self, folder: Path, filename_format: str) -> None:
        self.folder = folder
        self.filename_format = filename_format
        self._owners: dict[str, Task] = {}
        self._indexes: dict[Path, str] = {}
        self._lock = Lock()

    @property
    def needs_songs(self) -> bool:
        """Return whether the paths depend on more than a resumed job knows."""
        fields = {field for _, field, _, _ in string.Formatter().parse(self.filename_format)}
        return not fields.isdisjoint(SONG_PLACEHOLDERS)

    def check(self, songs: Sequence[Path], options: Options, *, resumes: bool = False) -> None:
        """Check the paths of all songs before any work.

        Parameters
        ----------
        resumes : Whether there are jobs to resume.

        Raises
        ------
        OptionError : The format is invalid, gives two files the same path, or can't be that of a
            resumed job.
        """
        name_targets(songs, self.folder, self.filename_format, options)
        if resumes and self.needs_songs:
            raise OptionError(
                "A job to resume has no {parent}, {foldername} or {index}: submit the songs again"
                " instead, or use another filename_format."
            )
        self._indexes = number(songs)

    def paths(self, task: Task, job: JobResponse) -> dict[str, Path]:
        """Return the path of each file of a job that is done.

        Raises
        ------
        SongError : Another task has one of the paths.
        """
        song = task.song or Path(job.filename)
        options = job.options
        paths = self._name(song, options)
        if options.zip:
            # The zip is named like a stem, with its own suffix instead of the codec's.
            as_stem = replace(options, stems=("stems",), residual=False, stem_file=False)
            (path,) = self._name(song, as_stem).values()
            paths[ZIP_NAME] = with_suffix(path, ZIP_SUFFIX, options)
        with self._lock:
            for path in paths.values():
                owner = self._owners.setdefault(path_on_disk(path), task)
                if owner is not task:
                    raise SongError(f"Its stems would overwrite those of {owner.name}.")
        return paths

    def _name(self, song: Path, options: Options) -> dict[str, Path]:
        index = {song: self._indexes.get(song, "1")}
        return name_targets([song], self.folder, self.filename_format, options, index)[song]


def parse_tasks(songs: Sequence[Path], job_ids: Sequence[str]) -> list[Task]:
    """Return the tasks for songs and for job IDs, without duplicate jobs.

    Raises
    ------
    OptionError : There is no task, or a job ID is invalid.
    """
    for job_id in job_ids:
        if not JOB_ID.fullmatch(job_id):
            raise OptionError(f"{job_id!r} isn't a job ID: use 32 hexadecimal digits.")
    if not songs and not job_ids:
        raise OptionError("There is nothing to do: name a song, or a job with --resume.")
    resumed = [Task(f"job {job_id}", job_id=job_id) for job_id in dict.fromkeys(job_ids)]
    return [*(Task(displayable(str(song)), song) for song in songs), *resumed]
