"""Concurrent attempts in every order of their requests: a finished record has its own results."""

import hashlib
import itertools
import json
import logging
import os
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from interleavings import Scenario, explore
from memory_s3 import MemoryS3, S3Object
from stemdrop.callback_url import WebhookHosts
from stemdrop.errors import MissingError, StorageError
from stemdrop.job_record import Job, SeparationEngine, Status, now
from stemdrop.keys import OWNERS_PREFIX, TRANSCRIPTIONS_PREFIX, UploadKey, record_key
from stemdrop.lyrics import LyricsFormat, LyricsStatus, Transcription, Word
from stemdrop.lyrics_results import LyricsRequest, load_request
from stemdrop.music import Music
from stemdrop.options import Options
from stemdrop.presigned import PresignedUpload
from stemdrop.store import Store
from stemdrop_api.idempotency import job_id
from stemdrop_api.job_creation import create_job
from stemdrop_api.job_index import JobIndex
from stemdrop_api.jobs import delete_job
from stemdrop_api.schemas import JobRequest
from stemdrop_separate.audio.encode import EncodedStem
from stemdrop_separate.audio.probe import AudioSource
from stemdrop_separate.audio.tags import Tags
from stemdrop_separate.deadline import Deadline
from stemdrop_separate.job.context import Invocation, JobContext
from stemdrop_separate.job.lyrics_phase import write_lyrics
from stemdrop_separate.job.run_job import run_job
from stemdrop_separate.lyrics.transcriber import Transcriber
from stemdrop_separate.pipeline import SeparatedSong
from stemdrop_separate.settings import Settings

# One more takes minutes: the nightly workflow has it.
MORE_PREEMPTIONS = int(os.environ.get("MORE_PREEMPTIONS", "0"))
UPLOADS, STEMS = "uploads", "stems"
SONG = UploadKey.parse("drop/song.wav")
JOB = UploadKey.parse("jobs/" + "0" * 32)
IDEMPOTENCY_KEY = "key"
KNOWN = UploadKey.parse("jobs/" + job_id(None, IDEMPOTENCY_KEY))
OTHER = UploadKey.parse("drop/other.wav")
TIME = "2026-01-01T12:00:00.000Z"
FIRST, SECOND = b"first song", b"second song"
ENGINE = SeparationEngine("onnx", "2stems", "0" * 64, {})
MUSIC = Music()
NETWORK = SimpleNamespace(backend=SimpleNamespace(parallel=1))
MODELS: Any = SimpleNamespace(
    engine=lambda _: ENGINE, load=lambda _: NETWORK, available=lambda: ("2stems",)
)
JOB_PACKAGE = "stemdrop_separate.job"
parse = cache(Job.from_json)  # most orders have the same records


@contextmanager
def lasting_workspace(folder: Path) -> Iterator[Path]:
    """Yield a folder that stays, and delete its files, which takes less time than the folder."""
    folder.mkdir(exist_ok=True)
    try:
        yield folder
    finally:
        for file in folder.iterdir():
            file.unlink()


def in_one_line(job: Job) -> str:
    """Return a record without line breaks, which takes a tenth of the time."""

    def fields(part: Any) -> dict[str, Any]:
        return {name: getattr(part, name) for name in part.__slots__}

    return json.dumps(job, default=fields)


def stem_of(song: bytes, name: str) -> bytes:
    return name.encode() + b" of " + song


def separate(
    song: Path, targets: Mapping[str, Path], options: Options, *_: object, **named: Any
) -> SeparatedSong:
    """Write stems that tell which song they are of."""
    named["on_progress"](0.5)
    stems = {}
    for name in options.outputs:
        path = targets[name]
        path.write_bytes(stem_of(song.read_bytes(), name))
        stems[name] = EncodedStem(path, 44_100, path.stat().st_size, -1.0, 0, "", b"")
    if vocals_file := named["vocals_file"]:
        vocals_file.write_bytes(stem_of(song.read_bytes(), "vocals"))
    source = AudioSource(1.0, 44_100, 2, "pcm_s16le", "wav", Tags({"title": "Title"}))
    return SeparatedSong(source, stems, 1.0, (), 0.0, MUSIC, b"", vocals_file=vocals_file)


class SungTitle(Transcriber):
    """An engine that hears which song the vocals are of."""

    name = "transcribe"
    runs_here = False
    max_wait_s = 3600.0

    def cost_usd(self, _duration_s: float) -> float:
        return 0.0

    def require_possible(self, _language: str | None, _duration_s: float) -> None:
        pass

    def transcribe(
        self, request: LyricsRequest, store: Store, _deadline: Deadline
    ) -> Transcription:
        body = store.read(request.vocals_key)
        if body is None:
            raise MissingError("The vocals are gone.")
        return Transcription((Word(body.decode(), 0.0, 1.0, 1.0),), "en")


class SequentialPool:
    """A pool whose calls are steps of the function that uses it."""

    def __init__(self, _: int) -> None:
        pass

    def __enter__(self) -> "SequentialPool":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def map(self, function: Callable[..., Any], *values: Any) -> Iterator[Any]:
        return map(function, *values)


@pytest.fixture(autouse=True)
def deterministic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the separation, the folder, the pools, the records' layout and the clock.

    One moment for all is worst.
    """
    monkeypatch.setattr(logging.root.manager, "disable", logging.CRITICAL)
    monkeypatch.setattr(Job, "to_json", in_one_line)
    monkeypatch.setattr(f"{JOB_PACKAGE}.phases.separate_song", separate)
    monkeypatch.setattr(f"{JOB_PACKAGE}.phases.workspace", lasting_workspace)
    monkeypatch.setattr(f"{JOB_PACKAGE}.publish.ThreadPoolExecutor", SequentialPool)
    monkeypatch.setattr("stemdrop.dedupe.ThreadPoolExecutor", SequentialPool)
    monkeypatch.setattr("stemdrop.job_record.timestamp", lambda _: TIME)  # `now` calls it
    monkeypatch.setattr(f"{JOB_PACKAGE}.job_start.timestamp", lambda _: TIME)
    monkeypatch.setattr(f"{JOB_PACKAGE}.lyrics_phase.timestamp", lambda _: TIME)
    monkeypatch.setattr(f"{JOB_PACKAGE}.usage.time.perf_counter", lambda: 0.0)
    monkeypatch.setattr(
        f"{JOB_PACKAGE}.usage.resource.getrusage", lambda _: SimpleNamespace(ru_maxrss=0)
    )


class Attempts(Scenario):
    """Attempts at the songs of one key.

    Parameters
    ----------
    folder : Folder for the attempts' files.
    monkeypatch : Replaces the IDs of results by numbers.
    """

    key = SONG
    options: Mapping[str, object] = {}
    killable = frozenset({"first"})

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self._folder = folder
        self._ids: dict[str, Iterator[int]] = {}
        self._checked: dict[tuple[str, str], S3Object] = {}
        self.s3 = MemoryS3()
        self.store = Store(UPLOADS, STEMS, cast(Any, self.s3))
        for module in (f"{JOB_PACKAGE}.record_writer", "stemdrop_api.job_creation"):
            monkeypatch.setattr(f"{module}.new_results_id", self._new_results_id)
        self.prepare()
        self.s3.before_call, self.s3.after_call = self.step, self.saw

    def prepare(self) -> None:
        """Upload the first song."""
        self.put_song(FIRST)

    def put_song(self, data: bytes, key: UploadKey | None = None) -> None:
        """Upload a song with the scenario's options."""
        metadata = {f"stemdrop-{name}": str(value) for name, value in self.options.items()}
        self.s3.put_song(UPLOADS, str(key or self.key), data, metadata)

    def attempt(self, key: UploadKey | None = None, *, is_last: bool = False) -> None:
        """Handle the event of the key's upload."""
        settings = Settings(
            uploads_bucket=UPLOADS,
            stems_bucket=STEMS,
            model_dir=Path(),
            backend=cast(Any, "onnx"),
            max_upload_bytes=1000,
            max_duration_s=100,
            architecture="x86_64",
            ffmpeg=None,
            work_dir=self._folder / str(self.current),
        )
        context = JobContext(settings, self.store, MODELS, Path(), transcriber=SungTitle())
        invocation = Invocation(3008, Deadline.after(900), is_last)
        result = run_job(context, key or self.key, invocation)
        if result.job:
            write_lyrics(context, result.job, invocation, had_ended=result.had_ended)

    def dependencies(self) -> Any:
        """Return what the API depends on."""
        hosts = WebhookHosts()
        return SimpleNamespace(
            settings=SimpleNamespace(
                models=("2stems",), max_upload_bytes=1000, lyrics="none", webhook_hosts=hosts
            ),
            store=self.store,
            index=JobIndex(self.store, cast(Any, self.s3)),
            signer=SimpleNamespace(upload_url=lambda *_: PresignedUpload("PUT", "", {}, "")),
        )

    def replace_song(self) -> None:
        """Upload the second song, and handle its event."""
        self.put_song(SECOND)
        self.attempt()

    def state(self) -> Hashable:
        return frozenset((place, found.data) for place, found in self.s3.objects.items())

    def check_always(self) -> None:
        """Check that a finished record names complete stems of its own song."""
        if self.s3.objects == self._checked:
            return
        self._checked = dict(self.s3.objects)
        for key in (SONG, JOB, OTHER, KNOWN):
            record = self.s3.objects.get((STEMS, record_key(key)))
            job = parse(record.data) if record else None
            if job and job.status is Status.DONE:
                assert job.source is not None
                song = {self.etag(song): song for song in (FIRST, SECOND)}[job.source.etag]
                stems = {stem.stem: self.s3.objects[STEMS, stem.key].data for stem in job.stems}
                assert stems == {name: stem_of(song, name) for name in stems}
                assert len(stems) == 2
                self.check_lyrics(job, song)

    def check_lyrics(self, job: Job, song: bytes) -> None:
        """Check that the lyrics are those of the song, and that pending ones can be written."""
        if job.lyrics is None:
            return
        if job.has_pending_lyrics:
            (results_id,) = job.results_ids
            assert load_request(self.store, results_id)
        for file in job.lyrics.files:
            assert stem_of(song, "vocals") in self.s3.objects[STEMS, file.key].data

    def etag(self, song: bytes) -> str:
        return hashlib.md5(song).hexdigest()  # noqa: S324

    def check_end(self) -> None:
        """Deliver the event of a killed attempt again: the newest song is done, nothing is left."""
        self.s3.before_call = lambda: None
        if self.killed:
            self.attempt()
        job, _ = self.store.load_job(self.key)
        newest = self.store.find_upload(self.key)
        assert newest is not None
        assert job is not None
        assert job.source is not None
        assert (job.status, job.source.etag) == (Status.DONE, newest.etag)
        self.check_always()
        self.check_leftovers(job)

    def check_leftovers(self, *jobs: Job) -> None:
        keys = {key for bucket, key in self.s3.objects if bucket == STEMS}
        named = {key for job in jobs for key in {*job.result_keys, f"{job.key}/job.json"}}
        assert {key for key in keys if not key.startswith("content/")} == named

    def _new_results_id(self) -> str:
        name = str(self.current)
        numbers = self._ids.setdefault(name, itertools.count(1))
        return f"{name.encode().hex():0>12.12}{next(numbers):04}"


class SameEventTwice(Attempts):
    def functions(self) -> Mapping[str, Callable[[], object]]:
        return {"first": self.attempt, "second": self.attempt}


class SongReplaced(Attempts):
    def functions(self) -> Mapping[str, Callable[[], object]]:
        return {"first": self.attempt, "second": self.replace_song}


class SongReplacedTwice(Attempts):
    """The first song comes back after the second one."""

    killable = frozenset()

    def functions(self) -> Mapping[str, Callable[[], object]]:
        def replace_twice() -> None:
            self.replace_song()
            self.put_song(FIRST)
            self.attempt()

        return {"first": self.attempt, "second": replace_twice}


class StemsCopiedWhileReplaced(Attempts):
    """The same song is known under another key, where another song replaces it."""

    def prepare(self) -> None:
        super().prepare()
        self.put_song(FIRST, OTHER)
        self.attempt(OTHER)

    def functions(self) -> Mapping[str, Callable[[], object]]:
        def replace_original() -> None:
            self.put_song(SECOND, OTHER)
            self.attempt(OTHER)

        return {"first": self.attempt, "second": replace_original}

    def check_leftovers(self, *jobs: Job) -> None:
        other, _ = self.store.load_job(OTHER)
        assert other is not None
        super().check_leftovers(*jobs, other)


class JobDeleted(Attempts):
    key = JOB

    def prepare(self) -> None:
        super().prepare()
        options = Options.parse(self.options).to_dict()
        job = Job(str(JOB), Status.AWAITING_UPLOAD, now(), now(), options=options)
        self.store.save_job(JOB, job, None)

    def functions(self) -> Mapping[str, Callable[[], object]]:
        return {"first": self.attempt, "second": self.delete}

    def delete(self) -> None:
        delete_job(self.dependencies(), JOB, None)

    def check_end(self) -> None:
        self.s3.before_call = lambda: None
        if self.killed:
            self.attempt()
        self.check_leftovers()


class KnownSongUploaded(Attempts):
    """The request for a job with a known song is repeated, and the second response is used."""

    key = KNOWN
    killable = frozenset()

    def prepare(self) -> None:
        options = Options().to_dict()
        job = Job(str(JOB), Status.AWAITING_UPLOAD, now(), now(), filename="a", options=options)
        self.store.save_job(JOB, job, None)
        self.put_song(FIRST, JOB)
        self.attempt(JOB)

    def functions(self) -> Mapping[str, Callable[[], object]]:
        return {"first": self.create, "second": self.create_and_upload}

    def create(self) -> bool:
        """Create the job, and return whether its song has to be uploaded."""
        sha256 = hashlib.sha256(FIRST).hexdigest()
        request = JobRequest(filename="a", size_bytes=len(FIRST), sha256=sha256, callback_url=None)
        _, upload = create_job(self.dependencies(), request, None, IDEMPOTENCY_KEY)
        return upload is not None

    def create_and_upload(self) -> None:
        if self.create():
            self.put_song(FIRST)
            self.attempt()

    def check_end(self) -> None:
        self.s3.before_call = lambda: None
        job, _ = self.store.load_job(KNOWN)
        assert job is not None
        assert job.status is Status.DONE
        self.check_leftovers(job)

    def check_leftovers(self, *jobs: Job) -> None:
        original, _ = self.store.load_job(JOB)
        assert original is not None
        for place in list(self.s3.objects):
            if place[1].startswith(OWNERS_PREFIX):
                del self.s3.objects[place]
        super().check_leftovers(original, *jobs)


class KnownSongDeleted(KnownSongUploaded):
    """The request for a job with a known song is repeated, and the job is deleted."""

    def functions(self) -> Mapping[str, Callable[[], object]]:
        return {"first": self.create_unless_deleted, "second": self.create_and_delete}

    def create_unless_deleted(self) -> None:
        with suppress(StorageError):  # deleted between two requests
            self.create()

    def create_and_delete(self) -> None:
        self.create()
        try:
            delete_job(self.dependencies(), KNOWN, None)
        except StorageError:  # the job was created again
            delete_job(self.dependencies(), KNOWN, None)

    def check_end(self) -> None:
        self.s3.before_call = lambda: None
        job, _ = self.store.load_job(KNOWN)
        self.check_leftovers(*filter(None, [job]))


class SongDeleted(Attempts):
    """The song is deleted, and its event comes again."""

    def functions(self) -> Mapping[str, Callable[[], object]]:
        def delete_song() -> None:
            self.s3.delete_object(Bucket=UPLOADS, Key=str(SONG))
            self.attempt()

        return {"first": self.attempt, "second": delete_song}

    def check_end(self) -> None:
        self.s3.before_call = lambda: None
        if self.killed:
            self.attempt()
        job, _ = self.store.load_job(SONG)
        assert job is not None
        assert job.is_final
        self.check_leftovers(job)


class GivenUp(Attempts):
    """S3 refuses the stems of an attempt that is the last one of its event."""

    killable = frozenset()

    def functions(self) -> Mapping[str, Callable[[], object]]:
        def fail() -> None:
            with suppress(StorageError):
                self.attempt(is_last=True)

        self.s3.refuses = lambda key: key.endswith("/vocals.wav") and self.current == "first"
        return {"first": fail, "second": self.attempt}


class WithLyrics(Attempts):
    options: Mapping[str, object] = {"lyrics": "true"}

    def check_leftovers(self, *jobs: Job) -> None:
        if self.killed:  # S3 expires a request that was made after all other traces were deleted
            for bucket, key in list(self.s3.objects):
                if key.startswith(TRANSCRIPTIONS_PREFIX):
                    del self.s3.objects[bucket, key]
        super().check_leftovers(*jobs)

    def check_end(self) -> None:
        super().check_end()
        job, _ = self.store.load_job(self.key)
        assert job is not None
        assert job.lyrics is not None
        assert (job.lyrics.status, job.lyrics.words) == (LyricsStatus.DONE, 1)
        assert len(job.lyrics.files) == len(LyricsFormat)


class LyricsTwice(WithLyrics, SameEventTwice):
    pass


class LyricsReplaced(WithLyrics, SongReplaced):
    pass


class LyricsCopiedWhileReplaced(WithLyrics, StemsCopiedWhileReplaced):
    pass


class LyricsDeleted(JobDeleted):
    options: Mapping[str, object] = {"lyrics": "true"}
    # Only the record of a killed attempt knows its request. Without the record, S3 expires it.
    killable = frozenset()


@pytest.mark.parametrize(
    ("scenario", "preemptions"),
    [
        (SameEventTwice, 2),
        (SongReplaced, 2),
        (SongReplacedTwice, 1),
        (StemsCopiedWhileReplaced, 2),
        (JobDeleted, 2),
        (KnownSongUploaded, 2),
        (KnownSongDeleted, 2),
        (SongDeleted, 2),
        (GivenUp, 2),
        (LyricsTwice, 1),
        (LyricsReplaced, 1),
        (LyricsCopiedWhileReplaced, 1),
        (LyricsDeleted, 1),
    ],
)
def test_finished_record_has_the_stems_of_its_song_in_every_order(
    scenario: type[Attempts], preemptions: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = explore(lambda: scenario(tmp_path, monkeypatch), preemptions + MORE_PREEMPTIONS)
    assert runs > 20
