"""The exporter: which results it downloads, when, and without partial files."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from captured_output import CapturedOutput
from fault_proxy import FaultProxy, run_before, truncate_body, unavailable
from stemdrop.job_record import Failure, Job, ResultFile, Status, Stem, UploadSource, now
from stemdrop.keys import UploadKey, record_key, result_key
from stemdrop.lyrics import Lyrics, LyricsFile, LyricsFormat, LyricsStatus
from stemdrop.store import Store
from stemdrop_local.console import Console
from stemdrop_local.deployment import Stack
from stemdrop_local.folders.exporter import Exporter
from stemdrop_local.folders.sync_state import FileVersion, SyncState
from uploads import RESULTS_ID

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = UploadKey.parse("drop/live/a+b ü.mp3")
ETAG, UPLOADED_AT = "abc", "2026-01-01T00:00:00.000Z"
SONG = UploadSource(str(KEY), ETAG, 4, UPLOADED_AT)


def key_of(name: str) -> str:
    return result_key(KEY, RESULTS_ID, name)


@dataclass
class ExporterSetup:
    """Results in the stems bucket, and the target folder."""

    stack: Stack
    store: Store
    folder: Path
    sync_state: SyncState
    output: CapturedOutput = field(default_factory=CapturedOutput)

    def __post_init__(self) -> None:
        self.exporter = self.create_exporter()

    def create_exporter(self) -> Exporter:
        console = Console(self.output)
        return Exporter(self.folder, self.store, self.sync_state, console)

    def record_upload(
        self, etag: str = ETAG, uploaded_at: str = UPLOADED_AT, mtime_ns: int = 1
    ) -> None:
        self.sync_state.record_upload(str(KEY), FileVersion(4, mtime_ns), etag, uploaded_at)

    def finish_job(self, *names: str, **changes: Any) -> None:
        """Put results and their record into the bucket. Names with .zip are the archive."""
        stems = [name for name in names if not name.endswith(".zip")]
        job = Job(
            key=str(KEY),
            status=Status.DONE,
            created_at=now(),
            updated_at=now(),
            source=SONG,
            results_ids=(RESULTS_ID,),
            stems=tuple(Stem(n.split(".")[0], key_of(n), 4, 1.0, -1.0, 0) for n in stems),
            zip=ResultFile(key_of("stems.zip"), 4) if len(stems) < len(names) else None,
        )
        for name in names:
            self.put(key_of(name), name.encode())
        self.put(record_key(KEY), replace(job, **changes).to_json().encode())

    def put(self, key: str, data: bytes) -> None:
        self.stack.s3.put_object(Bucket=self.stack.stems_bucket, Key=key, Body=data)

    def export(self) -> dict[str, bytes]:
        """Export the song, and return the files of its folder."""
        self.exporter.enqueue(str(KEY))
        self.exporter.export()
        return self.files()

    def files(self) -> dict[str, bytes]:
        folder = self.folder / "live" / "a+b ü.mp3"
        return {path.name: path.read_bytes() for path in sorted(folder.glob("*"))}


@pytest.fixture
def setup(
    buckets: Stack, client: "S3Client", store: Store, tmp_path: Path
) -> Iterator[ExporterSetup]:
    with SyncState(tmp_path / "songs.sqlite") as sync_state:
        yield ExporterSetup(replace(buckets, s3=client), store, tmp_path / "stems", sync_state)


def test_results_are_saved_with_their_record(setup: ExporterSetup) -> None:
    setup.record_upload()
    peaks = ResultFile(key_of("peaks.dat"), 4)
    setup.finish_job("vocals.wav", "drums.wav", "stems.zip", peaks=peaks)
    files = setup.export()
    assert Job.from_json(files.pop("job.json")).status is Status.DONE
    assert files == {name: name.encode() for name in ("drums.wav", "stems.zip", "vocals.wav")}
    assert setup.output.count("saved .*live/a\\+b ü.mp3: 3 files, 12 bytes") == 1


def test_results_are_saved_once(setup: ExporterSetup, faults: FaultProxy) -> None:
    setup.record_upload()
    setup.finish_job("vocals.wav")
    setup.export()
    faults.reset()
    setup.export()
    assert faults.requests == []
    setup.exporter = setup.create_exporter()
    setup.exporter.export()
    assert faults.requests == []


def test_lyrics_are_saved_when_they_have_come(setup: ExporterSetup, faults: FaultProxy) -> None:
    setup.record_upload()
    setup.finish_job("vocals.wav", lyrics=Lyrics(LyricsStatus.PENDING, "transcribe"))
    assert setup.export().keys() == {"job.json", "vocals.wav"}
    file = LyricsFile(LyricsFormat.LRC, key_of("lyrics.lrc"), 10)
    setup.put(file.key, b"[00:01.00]")
    setup.finish_job("vocals.wav", lyrics=Lyrics(LyricsStatus.DONE, "transcribe", files=(file,)))
    faults.reset()
    files = setup.export()
    assert files["lyrics.lrc"] == b"[00:01.00]"
    assert Job.from_json(files["job.json"]).has_pending_lyrics is False
    assert faults.count_requests("GET", key_of("vocals.wav")) == 0  # it is there already
    faults.reset()
    setup.export()
    assert faults.requests == []


def test_results_are_saved_after_a_restart(setup: ExporterSetup) -> None:
    setup.record_upload()
    setup.finish_job("vocals.wav")
    setup.create_exporter().export()
    assert set(setup.files()) == {"job.json", "vocals.wav"}


@pytest.mark.parametrize(
    "changes",
    [
        {"status": Status.PROCESSING},
        {"status": Status.AWAITING_UPLOAD, "source": None},
        {"source": replace(SONG, etag="other")},
        {"status": Status.FAILED, "source": replace(SONG, uploaded_at="earlier")},
    ],
)
def test_results_of_another_upload_are_ignored(
    setup: ExporterSetup, changes: dict[str, Any]
) -> None:
    setup.record_upload()
    setup.finish_job("vocals.wav", **changes)
    assert setup.export() == {}
    setup.finish_job("vocals.wav")
    assert "vocals.wav" in setup.export()


def test_same_bytes_keep_their_results(setup: ExporterSetup) -> None:
    setup.record_upload(uploaded_at="later")
    setup.finish_job("vocals.wav")
    assert "vocals.wav" in setup.export()


def test_results_of_other_clients_are_ignored(setup: ExporterSetup) -> None:
    setup.finish_job("vocals.wav")
    assert setup.export() == {}


def test_missing_record_is_ignored(setup: ExporterSetup) -> None:
    setup.record_upload()
    assert setup.export() == {}
    assert setup.output.text == ""


def test_failure_saves_record_and_removes_old_stems(setup: ExporterSetup) -> None:
    setup.record_upload()
    setup.finish_job("vocals.wav", "drums.wav")
    setup.export()
    mine = setup.folder / "live" / "a+b ü.mp3" / "notes.txt"
    mine.write_bytes(b"mine")
    setup.record_upload(mtime_ns=2)
    failure = Failure("not_audio", "It is none.")
    setup.finish_job(status=Status.FAILED, stems=(), error=failure)
    files = setup.export()
    assert set(files) == {"job.json", "notes.txt"}
    assert json.loads(files["job.json"])["error"]["code"] == "not_audio"
    assert setup.output.count("saved ") == 1


def test_new_results_replace_old_results(setup: ExporterSetup) -> None:
    setup.record_upload()
    setup.finish_job("vocals.wav", "drums.wav")
    setup.export()
    setup.record_upload(mtime_ns=2)
    setup.finish_job("vocals.wav", "bass.flac")
    assert set(setup.export()) == {"bass.flac", "job.json", "vocals.wav"}


@pytest.mark.parametrize("name", ["vocals.wav", "drums.wav"])
def test_broken_download_leaves_no_partial_file(
    setup: ExporterSetup, faults: FaultProxy, name: str
) -> None:
    setup.record_upload()
    setup.finish_job("drums.wav", "vocals.wav")
    faults.inject(truncate_body, "GET", key_of(name), times=5)
    files = setup.export()
    assert name not in files
    assert "job.json" not in files
    assert all(data == key.encode() for key, data in files.items())
    assert setup.output.count("problem .*a\\+b ü.mp3: Could not download") == 1
    assert set(setup.export()) == {"drums.wav", "job.json", "vocals.wav"}


def test_file_is_renamed_once_complete(setup: ExporterSetup, faults: FaultProxy) -> None:
    seen: list[set[str]] = []
    setup.record_upload()
    setup.finish_job("vocals.wav")
    faults.inject(
        run_before(lambda: seen.append(set(setup.files()))),
        "GET",
        key_of("vocals.wav"),
        times=9,
    )
    setup.export()
    assert seen == [set()]
    assert set(setup.files()) == {"job.json", "vocals.wav"}


def test_leftovers_of_a_crash_are_removed(setup: ExporterSetup) -> None:
    folder = setup.folder / "live" / "a+b ü.mp3"
    folder.mkdir(parents=True)
    for name in (".vocals.wav.part", ".drums.wav.part.0f1E2d3C", ".job.json.part"):
        (folder / name).write_bytes(b"half of a longer file")
    (folder / "job.json").write_bytes(b"{")
    setup.record_upload()
    setup.finish_job("vocals.wav")
    assert setup.export()["vocals.wav"] == b"vocals.wav"
    assert sorted(path.name for path in folder.iterdir()) == ["job.json", "vocals.wav"]


def test_missing_stems_are_reported(setup: ExporterSetup) -> None:
    setup.record_upload()
    setup.finish_job("vocals.wav")
    setup.stack.s3.delete_object(Bucket=setup.stack.stems_bucket, Key=key_of("vocals.wav"))
    assert setup.export() == {}
    assert setup.output.count("problem ") == 1


def test_unwritable_stems_folder_is_reported_once_and_retried(setup: ExporterSetup) -> None:
    setup.folder.mkdir()
    (setup.folder / "live").write_bytes(b"a file")
    setup.record_upload()
    setup.finish_job("vocals.wav")
    setup.exporter.enqueue(str(KEY))
    for _ in range(2):
        setup.exporter.export()
    assert setup.output.count("problem .*The stems can't be saved.*live") == 1
    (setup.folder / "live").unlink()
    setup.exporter.export()
    assert set(setup.files()) == {"job.json", "vocals.wav"}


def test_s3_outage_is_retried(setup: ExporterSetup, faults: FaultProxy) -> None:
    setup.record_upload()
    setup.finish_job("vocals.wav")
    faults.inject(unavailable, "GET", record_key(KEY), times=5)
    assert setup.export() == {}
    assert setup.output.count("problem ") == 1
    assert set(setup.export()) == {"job.json", "vocals.wav"}
