"""What a call of `stemdrop submit` is to get, and where each file of it goes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from threading import Lock

from stemdrop.errors import OptionError
from stemdrop.keys import JOB_ID, ZIP_NAME
from stemdrop.options import Options
from stemdrop_cli.errors import SongError
from stemdrop_cli.names import showable
from stemdrop_cli.responses import JobView
from stemdrop_separate.output_paths import name_targets


@dataclass(slots=True)
class Order:
    """A song to have separated, or a job to go on with.

    Attributes
    ----------
    name : as it is shown.
    song : None to go on with a job.
    job_id : of the server's job, from when nothing more has to be sent.
    status : the exit status that it means, once it is over.
    """

    name: str
    song: Path | None = None
    job_id: str | None = None
    status: int | None = None


class Layout:
    """Names the files of songs, none like another's. Threads may share it.

    Parameters
    ----------
    folder : for all of them.
    filename_format : as in `name_targets`.
    """

    def __init__(self, folder: Path, filename_format: str) -> None:
        self.folder = folder
        self.filename_format = filename_format
        self._owners: dict[Path, Order] = {}
        self._lock = Lock()

    def check(self, songs: Iterable[Path], options: Options) -> None:
        """Find out whether songs can have names, before any work.

        Raises
        ------
        OptionError : the format is wrong, or gives two files the same name.
        """
        name_targets(songs, self.folder, self.filename_format, options)

    def paths(self, order: Order, job: JobView) -> dict[str, Path]:
        """Return the path of each file of a job that is done.

        Raises
        ------
        SongError : one of them is that of another order.
        """
        song = order.song or Path(job.filename)
        options = job.options
        paths = self._name(song, options)
        if options.zip:
            # The zip is named like a stem, with its own suffix instead of the codec's.
            like_a_stem = replace(options, stems=(PurePath(ZIP_NAME).stem,), residual=False)
            (path,) = self._name(song, like_a_stem).values()
            paths[ZIP_NAME] = path.with_name(
                path.name.removesuffix(f".{options.codec}") + PurePath(ZIP_NAME).suffix
            )
        with self._lock:
            for path in paths.values():
                owner = self._owners.setdefault(path.resolve(), order)
                if owner is not order:
                    raise SongError(f"Its stems would be written over those of {owner.name}.")
        return paths

    def _name(self, song: Path, options: Options) -> dict[str, Path]:
        return name_targets([song], self.folder, self.filename_format, options)[song]


def read_orders(songs: Sequence[Path], job_ids: Sequence[str]) -> list[Order]:
    """Return what a person wants, each once.

    Raises
    ------
    OptionError : there is nothing, or something that isn't the id of a job.
    """
    for job_id in job_ids:
        if not JOB_ID.fullmatch(job_id):
            raise OptionError(f"{job_id!r} is not the id of a job: it has 32 digits, 0 to f.")
    if not songs and not job_ids:
        raise OptionError("There is nothing to do: name a song, or a job by --resume.")
    resumed = [Order(f"job {job_id}", job_id=job_id) for job_id in dict.fromkeys(job_ids)]
    return [*(Order(showable(str(song)), song) for song in songs), *resumed]
