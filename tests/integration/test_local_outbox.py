"""The way back: whose results come, when, and that no file is ever half there."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from faults import Faults, cut_body, first, unavailable
from stemdrop.jobs import Failure, Job, Status, Stem, StemArchive, UploadSource, now
from stemdrop.keys import UploadKey, record_key, result_key
from stemdrop.store import Store
from stemdrop_local.console import Console
from stemdrop_local.deployment import Stack
from stemdrop_local.folders.exporter import Outbox
from stemdrop_local.folders.sync_state import Ledger, Version
from transcript import Transcript

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = UploadKey.parse("drop/live/a+b ü.mp3")
ETAG, UPLOADED_AT = "abc", "2026-01-01T00:00:00.000Z"
SONG = UploadSource(str(KEY), ETAG, 4, UPLOADED_AT)


@dataclass
class Way:
    """Results in the stems bucket, and the folder that they go to."""

    stack: Stack
    store: Store
    folder: Path
    ledger: Ledger
    transcript: Transcript = field(default_factory=Transcript)

    def __post_init__(self) -> None:
        self.outbox = self.open()

    def open(self) -> Outbox:
        console = Console(self.transcript)
        return Outbox(self.folder, self.stack, self.store, self.ledger, console)

    def note(self, etag: str = ETAG, uploaded_at: str = UPLOADED_AT, mtime_ns: int = 1) -> None:
        self.ledger.note_upload(str(KEY), Version(4, mtime_ns), etag, uploaded_at)

    def finish(self, *names: str, **changes: Any) -> None:
        """Put results and their record into the bucket; those of a zip are its archive."""
        stems = [name for name in names if not name.endswith(".zip")]
        job = Job(
            key=str(KEY),
            status=Status.DONE,
            created_at=now(),
            updated_at=now(),
            source=SONG,
            stems=tuple(Stem(n.split(".")[0], result_key(KEY, n), 4, 1.0, -1.0, 0) for n in stems),
            zip=StemArchive(result_key(KEY, "stems.zip"), 4) if len(stems) < len(names) else None,
        )
        for name in names:
            self.put(result_key(KEY, name), name.encode())
        self.put(record_key(KEY), replace(job, **changes).to_json().encode())

    def put(self, key: str, data: bytes) -> None:
        self.stack.s3.put_object(Bucket=self.stack.stems_bucket, Key=key, Body=data)

    def fetch(self) -> dict[str, bytes]:
        """Return the files of the song's folder, after somebody expected them."""
        self.outbox.expect(str(KEY))
        self.outbox.fetch()
        return self.files()

    def files(self) -> dict[str, bytes]:
        folder = self.folder / "live" / "a+b ü.mp3"
        return {path.name: path.read_bytes() for path in sorted(folder.glob("*"))}


@pytest.fixture
def way(buckets: Stack, client: "S3Client", store: Store, tmp_path: Path) -> Iterator[Way]:
    with Ledger(tmp_path / "songs.sqlite") as ledger:
        yield Way(replace(buckets, s3=client), store, tmp_path / "stems", ledger)


def test_results_come_back_with_their_record(way: Way) -> None:
    way.note()
    way.finish("vocals.wav", "drums.wav", "stems.zip")
    files = way.fetch()
    assert Job.from_json(files.pop("job.json")).status is Status.DONE
    assert files == {name: name.encode() for name in ("drums.wav", "stems.zip", "vocals.wav")}
    assert way.transcript.count("saved .*live/a\\+b ü.mp3: 3 files, 12 bytes") == 1


def test_they_come_once(way: Way, faults: Faults) -> None:
    way.note()
    way.finish("vocals.wav")
    way.fetch()
    faults.forget()
    way.fetch()
    assert faults.requests == []
    way.outbox = way.open()
    way.outbox.fetch()
    assert faults.requests == []


def test_what_was_done_while_nobody_fetched_comes_after_a_restart(way: Way) -> None:
    way.note()
    way.finish("vocals.wav")
    way.open().fetch()
    assert set(way.files()) == {"job.json", "vocals.wav"}


@pytest.mark.parametrize(
    "changes",
    [
        {"status": Status.PROCESSING},
        {"status": Status.AWAITING_UPLOAD, "source": None},
        {"source": replace(SONG, etag="other")},
        {"status": Status.FAILED, "source": replace(SONG, uploaded_at="earlier")},
    ],
)
def test_what_is_not_the_end_of_this_upload_stays(way: Way, changes: dict[str, Any]) -> None:
    way.note()
    way.finish("vocals.wav", **changes)
    assert way.fetch() == {}
    way.finish("vocals.wav")
    assert "vocals.wav" in way.fetch()


def test_the_same_bytes_again_have_their_stems_already(way: Way) -> None:
    way.note(uploaded_at="later")
    way.finish("vocals.wav")
    assert "vocals.wav" in way.fetch()


def test_nothing_comes_of_what_was_not_dropped_here(way: Way) -> None:
    way.finish("vocals.wav")
    assert way.fetch() == {}


def test_there_may_be_no_record_yet(way: Way) -> None:
    way.note()
    assert way.fetch() == {}
    assert way.transcript.text == ""


def test_a_failure_leaves_its_record_and_takes_old_stems_away(way: Way) -> None:
    way.note()
    way.finish("vocals.wav", "drums.wav")
    way.fetch()
    mine = way.folder / "live" / "a+b ü.mp3" / "notes.txt"
    mine.write_bytes(b"mine")
    way.note(mtime_ns=2)
    failure = Failure("not_audio", "It is none.")
    way.finish(status=Status.FAILED, stems=(), error=failure)
    files = way.fetch()
    assert set(files) == {"job.json", "notes.txt"}
    assert json.loads(files["job.json"])["error"]["code"] == "not_audio"
    assert way.transcript.count("saved ") == 1


def test_new_results_replace_old_ones(way: Way) -> None:
    way.note()
    way.finish("vocals.wav", "drums.wav")
    way.fetch()
    way.note(mtime_ns=2)
    way.finish("vocals.wav", "bass.flac")
    assert set(way.fetch()) == {"bass.flac", "job.json", "vocals.wav"}


@pytest.mark.parametrize("name", ["vocals.wav", "drums.wav"])
def test_a_connection_that_breaks_leaves_nothing_half(way: Way, faults: Faults, name: str) -> None:
    way.note()
    way.finish("drums.wav", "vocals.wav")
    faults.on(cut_body, "GET", result_key(KEY, name))
    files = way.fetch()
    assert name not in files
    assert "job.json" not in files
    assert all(data == key.encode() for key, data in files.items() if not key.startswith("."))
    assert way.transcript.count("problem .*a\\+b ü.mp3: Could not fetch") == 1
    assert set(way.fetch()) == {"drums.wav", "job.json", "vocals.wav"}


def test_a_file_has_its_name_when_it_is_whole(way: Way, faults: Faults) -> None:
    seen: list[set[str]] = []
    way.note()
    way.finish("vocals.wav")
    faults.on(
        first(lambda: seen.append(set(way.files()))), "GET", result_key(KEY, "vocals.wav"), times=9
    )
    way.fetch()
    assert seen == [set()]
    assert set(way.files()) == {"job.json", "vocals.wav"}


def test_what_a_crash_left_is_replaced(way: Way) -> None:
    folder = way.folder / "live" / "a+b ü.mp3"
    folder.mkdir(parents=True)
    (folder / ".vocals.wav.part").write_bytes(b"half of a longer file")
    (folder / "job.json").write_bytes(b"{")
    way.note()
    way.finish("vocals.wav")
    assert way.fetch()["vocals.wav"] == b"vocals.wav"
    assert sorted(path.name for path in folder.iterdir()) == ["job.json", "vocals.wav"]


def test_stems_that_are_gone_are_told(way: Way) -> None:
    way.note()
    way.finish("vocals.wav")
    way.stack.s3.delete_object(Bucket=way.stack.stems_bucket, Key=result_key(KEY, "vocals.wav"))
    assert way.fetch() == {}
    assert way.transcript.count("problem ") == 1


def test_a_folder_that_cannot_be_made_is_told(way: Way) -> None:
    way.folder.mkdir()
    (way.folder / "live").write_bytes(b"a file")
    way.note()
    way.finish("vocals.wav")
    way.outbox.expect(str(KEY))
    way.outbox.fetch()
    assert way.transcript.count("problem .*the stems can't be saved.*live") == 1
    (way.folder / "live").unlink()
    assert set(way.fetch()) == {"job.json", "vocals.wav"}


def test_s3_may_be_away_for_a_while(way: Way, faults: Faults) -> None:
    way.note()
    way.finish("vocals.wav")
    faults.on(unavailable, "GET", record_key(KEY), times=5)
    assert way.fetch() == {}
    assert way.transcript.count("problem ") == 1
    assert set(way.fetch()) == {"job.json", "vocals.wav"}
