"""The way back: whose results come, when, and that no file is ever half there."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from captured_output import CapturedOutput
from faults import Faults, cut_body, first, unavailable
from stemdrop.jobs import Failure, Job, Status, Stem, StemArchive, UploadSource, now
from stemdrop.keys import UploadKey, record_key, result_key
from stemdrop.store import Store
from stemdrop_local.console import Console
from stemdrop_local.deployment import Stack
from stemdrop_local.folders.exporter import Exporter
from stemdrop_local.folders.sync_state import FileVersion, SyncState

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
    sync_state: SyncState
    output: CapturedOutput = field(default_factory=CapturedOutput)

    def __post_init__(self) -> None:
        self.exporter = self.open()

    def open(self) -> Exporter:
        console = Console(self.output)
        return Exporter(self.folder, self.stack, self.store, self.sync_state, console)

    def note(self, etag: str = ETAG, uploaded_at: str = UPLOADED_AT, mtime_ns: int = 1) -> None:
        self.sync_state.record_upload(str(KEY), FileVersion(4, mtime_ns), etag, uploaded_at)

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

    def export(self) -> dict[str, bytes]:
        """Return the files of the song's folder, after somebody expected them."""
        self.exporter.enqueue(str(KEY))
        self.exporter.export()
        return self.files()

    def files(self) -> dict[str, bytes]:
        folder = self.folder / "live" / "a+b ü.mp3"
        return {path.name: path.read_bytes() for path in sorted(folder.glob("*"))}


@pytest.fixture
def way(buckets: Stack, client: "S3Client", store: Store, tmp_path: Path) -> Iterator[Way]:
    with SyncState(tmp_path / "songs.sqlite") as sync_state:
        yield Way(replace(buckets, s3=client), store, tmp_path / "stems", sync_state)


def test_results_are_saved_with_their_record(way: Way) -> None:
    way.note()
    way.finish("vocals.wav", "drums.wav", "stems.zip")
    files = way.export()
    assert Job.from_json(files.pop("job.json")).status is Status.DONE
    assert files == {name: name.encode() for name in ("drums.wav", "stems.zip", "vocals.wav")}
    assert way.output.count("saved .*live/a\\+b ü.mp3: 3 files, 12 bytes") == 1


def test_results_are_saved_once(way: Way, faults: Faults) -> None:
    way.note()
    way.finish("vocals.wav")
    way.export()
    faults.forget()
    way.export()
    assert faults.requests == []
    way.exporter = way.open()
    way.exporter.export()
    assert faults.requests == []


def test_results_are_saved_after_a_restart(way: Way) -> None:
    way.note()
    way.finish("vocals.wav")
    way.open().export()
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
def test_results_of_another_upload_are_ignored(way: Way, changes: dict[str, Any]) -> None:
    way.note()
    way.finish("vocals.wav", **changes)
    assert way.export() == {}
    way.finish("vocals.wav")
    assert "vocals.wav" in way.export()


def test_same_bytes_keep_their_results(way: Way) -> None:
    way.note(uploaded_at="later")
    way.finish("vocals.wav")
    assert "vocals.wav" in way.export()


def test_results_of_other_clients_are_ignored(way: Way) -> None:
    way.finish("vocals.wav")
    assert way.export() == {}


def test_missing_record_is_ignored(way: Way) -> None:
    way.note()
    assert way.export() == {}
    assert way.output.text == ""


def test_failure_saves_record_and_removes_old_stems(way: Way) -> None:
    way.note()
    way.finish("vocals.wav", "drums.wav")
    way.export()
    mine = way.folder / "live" / "a+b ü.mp3" / "notes.txt"
    mine.write_bytes(b"mine")
    way.note(mtime_ns=2)
    failure = Failure("not_audio", "It is none.")
    way.finish(status=Status.FAILED, stems=(), error=failure)
    files = way.export()
    assert set(files) == {"job.json", "notes.txt"}
    assert json.loads(files["job.json"])["error"]["code"] == "not_audio"
    assert way.output.count("saved ") == 1


def test_new_results_replace_old_results(way: Way) -> None:
    way.note()
    way.finish("vocals.wav", "drums.wav")
    way.export()
    way.note(mtime_ns=2)
    way.finish("vocals.wav", "bass.flac")
    assert set(way.export()) == {"bass.flac", "job.json", "vocals.wav"}


@pytest.mark.parametrize("name", ["vocals.wav", "drums.wav"])
def test_broken_download_leaves_no_partial_file(way: Way, faults: Faults, name: str) -> None:
    way.note()
    way.finish("drums.wav", "vocals.wav")
    faults.on(cut_body, "GET", result_key(KEY, name))
    files = way.export()
    assert name not in files
    assert "job.json" not in files
    assert all(data == key.encode() for key, data in files.items() if not key.startswith("."))
    assert way.output.count("problem .*a\\+b ü.mp3: Could not fetch") == 1
    assert set(way.export()) == {"drums.wav", "job.json", "vocals.wav"}


def test_file_is_renamed_once_complete(way: Way, faults: Faults) -> None:
    seen: list[set[str]] = []
    way.note()
    way.finish("vocals.wav")
    faults.on(
        first(lambda: seen.append(set(way.files()))), "GET", result_key(KEY, "vocals.wav"), times=9
    )
    way.export()
    assert seen == [set()]
    assert set(way.files()) == {"job.json", "vocals.wav"}


def test_leftover_of_a_crash_is_replaced(way: Way) -> None:
    folder = way.folder / "live" / "a+b ü.mp3"
    folder.mkdir(parents=True)
    (folder / ".vocals.wav.part").write_bytes(b"half of a longer file")
    (folder / "job.json").write_bytes(b"{")
    way.note()
    way.finish("vocals.wav")
    assert way.export()["vocals.wav"] == b"vocals.wav"
    assert sorted(path.name for path in folder.iterdir()) == ["job.json", "vocals.wav"]


def test_missing_stems_are_reported(way: Way) -> None:
    way.note()
    way.finish("vocals.wav")
    way.stack.s3.delete_object(Bucket=way.stack.stems_bucket, Key=result_key(KEY, "vocals.wav"))
    assert way.export() == {}
    assert way.output.count("problem ") == 1


def test_unwritable_stems_folder_is_reported(way: Way) -> None:
    way.folder.mkdir()
    (way.folder / "live").write_bytes(b"a file")
    way.note()
    way.finish("vocals.wav")
    way.exporter.enqueue(str(KEY))
    way.exporter.export()
    assert way.output.count("problem .*the stems can't be saved.*live") == 1
    (way.folder / "live").unlink()
    assert set(way.export()) == {"job.json", "vocals.wav"}


def test_s3_outage_is_retried(way: Way, faults: Faults) -> None:
    way.note()
    way.finish("vocals.wav")
    faults.on(unavailable, "GET", record_key(KEY), times=5)
    assert way.export() == {}
    assert way.output.count("problem ") == 1
    assert set(way.export()) == {"job.json", "vocals.wav"}
