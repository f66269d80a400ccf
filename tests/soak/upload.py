"""Uploads of a soak run, and what happens to songs while they are in work."""

import hashlib
from dataclasses import dataclass, field

import httpx

from soak.application import Application, SoakError
from soak.plan import Event, PlannedSong, Recipe
from soak.song_files import SongFiles

PREFIX = "stemdrop-"


@dataclass(slots=True)
class UploadedSong:
    """A song that was uploaded.

    Attributes
    ----------
    recipe : What its key holds now; another one once it was replaced.
    is_uploaded : Whether it was uploaded; the API knows some songs already.
    happened : What has happened to it so far.
    """

    key: str
    planned: PlannedSong
    recipe: Recipe
    is_uploaded: bool = True
    happened: list[Event] = field(default_factory=list)

    @property
    def is_deleted(self) -> bool:
        """Return whether the song was deleted."""
        return Event.DELETE in self.happened


class Uploader:
    """Uploads songs and lets happen to them what is planned."""

    def __init__(self, application: Application, files: SongFiles) -> None:
        self._application = application
        self._files = files

    def upload(self, planned: PlannedSong) -> UploadedSong:
        """Upload a song, and notify of it as often as planned."""
        song = self._upload_job(planned) if planned.is_job else self._drop(planned)
        for delay_s in planned.notices_s:
            self._application.notify(song.key, delay_s)
        return song

    def _drop(self, planned: PlannedSong) -> UploadedSong:
        song = UploadedSong(f"drop/{planned.name}", planned, planned.recipe)
        self._watch(song)
        self._put(song)
        return song

    def _put(self, song: UploadedSong) -> None:
        metadata = {f"{PREFIX}{name}": value for name, value in song.recipe.options.items()}
        self._application.put(song.key, self._files.read(song.recipe), metadata)

    def _upload_job(self, planned: PlannedSong) -> UploadedSong:
        data = self._files.read(planned.recipe)
        wanted = {
            "filename": planned.name,
            "size_bytes": len(data),
            **planned.recipe.options,
            **({"sha256": hashlib.sha256(data).hexdigest()} if planned.has_digest else {}),
        }
        for name in {"zip", "residual", "lyrics"} & wanted.keys():
            wanted[name] = True
        job = self._application.call("POST", "/jobs", json=wanted).raise_for_status().json()
        (self._application.folder / "names" / job["id"]).write_text(planned.name)
        song = UploadedSong(job["key"], planned, planned.recipe)
        self._watch(song)
        if upload := job["upload"]:
            # Not through the client of the API, whose token S3 would refuse.
            httpx.put(upload["url"], headers=upload["headers"], content=data).raise_for_status()
        song.is_uploaded = upload is not None
        return song

    def _watch(self, song: UploadedSong) -> None:
        self._application.proxy.watch(song.key, song.planned, lambda: self._happen(song))

    def _happen(self, song: UploadedSong) -> None:
        """Replace, delete or notify of a song, in the middle of a request of the function."""
        event = song.planned.event
        if event is None:
            return
        song.happened.append(event)
        if event is Event.REPLACE:
            song.recipe = song.planned.replacement
            self._put(song)
        elif event is Event.NOTIFY:
            for _ in range(2):
                self._application.notify(song.key)
        elif song.planned.is_job:
            self._delete_job(song)
        else:
            bucket = self._application.stack.uploads_bucket
            self._application.stack.s3.delete_object(Bucket=bucket, Key=song.key)

    def _delete_job(self, song: UploadedSong) -> None:
        answer = self._application.call("DELETE", f"/{song.key}")
        if answer.status_code not in {204, 404}:
            raise SoakError(f"DELETE was answered by {answer.status_code}.")
