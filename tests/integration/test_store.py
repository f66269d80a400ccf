"""The store against the emulator, with and without faults."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fault_proxy import FaultProxy, drop_response, forbidden, truncate_body, unavailable
from stemdrop.errors import ChangedError, StorageError
from stemdrop.job_record import Job, Status, now
from stemdrop.keys import UploadKey, content_key, record_key, result_key
from stemdrop.store import CHUNK_BYTES, Store
from stemdrop_local.deployment import Stack
from uploads import RESULTS_ID

KEY = UploadKey.parse("drop/song.mp3")
DIGEST = "d" * 64
# Larger than a part of a multipart upload, without repetition.
LARGE = hashlib.shake_256(b"large").digest(9 << 20)
STRANGE_KEYS = [
    "drop/with space  twice.mp3",
    "drop/a+b+c.mp3",
    "drop/100% %20 %2F.mp3",
    "drop/'single' \"double\".mp3",
    "drop/🎵 Größe 曲.mp3",
    "drop/e\u0301 \u00e9.mp3",
    "drop/../../up.mp3",
    "drop/a/./b//c.mp3",
    "drop/..",
    "drop/a&b=c?d#e;f,g.mp3",
    "drop/<b>&amp;</b>.mp3",
    "drop/back\\slash.mp3",
    "drop/" + "x" * 891 + ".mp3",
    "drop/" + "🎵" * 238 + "xyz",
    "jobs/" + "0123456789abcdef" * 2,
]


def put_song(buckets: Stack, data: bytes, key: UploadKey = KEY, **metadata: str) -> None:
    buckets.s3.put_object(Bucket=buckets.uploads_bucket, Key=str(key), Body=data, Metadata=metadata)


def put_result(buckets: Stack, key: str, data: bytes = b"x") -> None:
    buckets.s3.put_object(Bucket=buckets.stems_bucket, Key=key, Body=data)


def read_result(buckets: Stack, key: str) -> bytes:
    return buckets.s3.get_object(Bucket=buckets.stems_bucket, Key=key)["Body"].read()


def all_results(buckets: Stack) -> set[str]:
    listed = buckets.s3.list_objects_v2(Bucket=buckets.stems_bucket).get("Contents", [])
    return {entry["Key"] for entry in listed}


def a_job(**changes: object) -> Job:
    job = Job(str(KEY), Status.PROCESSING, now(), now())
    return job.updated(**changes)


def test_upload_has_size_etag_time_and_metadata(buckets: Stack, store: Store) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    put_song(buckets, b"sound", model="4stems", duration_s="7.5", bit_depth="24")
    upload = store.find_upload(KEY)
    assert upload is not None
    assert (upload.key, upload.size_bytes) == (str(KEY), 5)
    assert upload.etag == hashlib.md5(b"sound").hexdigest()  # noqa: S324
    assert upload.metadata == {"model": "4stems", "duration_s": "7.5", "bit_depth": "24"}
    assert before <= datetime.fromisoformat(upload.uploaded_at) <= datetime.now(UTC)
    assert upload.uploaded_at.endswith("Z")


def test_missing_upload_is_none(store: Store) -> None:
    assert store.find_upload(KEY) is None


@pytest.mark.parametrize("data", [b"", b"x", LARGE[: CHUNK_BYTES + 1]], ids=len)
def test_a_song_is_downloaded_with_its_hash(
    buckets: Stack, store: Store, tmp_path: Path, data: bytes
) -> None:
    put_song(buckets, data)
    upload = store.find_upload(KEY)
    assert upload is not None
    assert store.download(upload, tmp_path / "song") == hashlib.sha256(data).hexdigest()
    assert (tmp_path / "song").read_bytes() == data


def test_replaced_song_is_not_downloaded(buckets: Stack, store: Store, tmp_path: Path) -> None:
    put_song(buckets, b"one")
    upload = store.find_upload(KEY)
    assert upload is not None
    put_song(buckets, b"two")
    with pytest.raises(ChangedError):
        store.download(upload, tmp_path / "song")


def test_deleted_song_is_a_transient_error(buckets: Stack, store: Store, tmp_path: Path) -> None:
    # Not a ChangedError, because no newer upload has an event, so this one must be retried.
    put_song(buckets, b"one")
    upload = store.find_upload(KEY)
    assert upload is not None
    buckets.s3.delete_object(Bucket=buckets.uploads_bucket, Key=str(KEY))
    with pytest.raises(StorageError) as raised:
        store.download(upload, tmp_path / "song")
    assert not isinstance(raised.value, ChangedError)


def test_truncated_download_is_an_error(
    buckets: Stack, store: Store, faults: FaultProxy, tmp_path: Path
) -> None:
    put_song(buckets, LARGE)
    upload = store.find_upload(KEY)
    assert upload is not None
    faults.inject(truncate_body, "GET", str(KEY))
    with pytest.raises(StorageError, match=r"drop/song\.mp3"):
        store.download(upload, tmp_path / "song")
    assert store.download(upload, tmp_path / "song") == hashlib.sha256(LARGE).hexdigest()


@pytest.mark.parametrize("text", STRANGE_KEYS, ids=ascii)
def test_unusual_keys_are_kept(buckets: Stack, store: Store, tmp_path: Path, text: str) -> None:
    key = UploadKey.parse(text)
    put_song(buckets, b"sound", key)
    upload = store.find_upload(key)
    assert upload is not None
    store.download(upload, tmp_path / "song")
    store.upload(tmp_path / "song", result_key(key, RESULTS_ID, "vocals.wav"), "audio/wav")
    copied = result_key(key, RESULTS_ID, "accompaniment.opus")
    store.copy(result_key(key, RESULTS_ID, "vocals.wav"), copied)
    store.save_job(key, a_job(key=text), None)
    store.save_content(DIGEST, key)
    folder = f"{text}/results-{RESULTS_ID}"
    results = {f"{folder}/vocals.wav", f"{folder}/accompaniment.opus"}
    assert all_results(buckets) == {*results, f"{text}/job.json", content_key(DIGEST)}
    assert store.list_results(key) == results
    assert store.find_content(DIGEST) == key
    found, _ = store.load_job(key)
    assert found is not None
    assert found.key == text
    store.delete(results)
    assert store.list_results(key) == set()


def test_record_is_created_only_if_missing(buckets: Stack, store: Store) -> None:
    job = a_job()
    assert store.load_job(KEY) == (None, None)
    etag = store.save_job(KEY, job, None)
    assert store.load_job(KEY) == (job, etag)
    assert read_result(buckets, record_key(KEY)) == job.to_json().encode()
    with pytest.raises(ChangedError):
        store.save_job(KEY, a_job(), None)
    assert store.load_job(KEY) == (job, etag)


def test_record_is_replaced_only_if_unchanged(store: Store) -> None:
    first_etag = store.save_job(KEY, a_job(), None)
    second = a_job(progress=0.5)
    second_etag = store.save_job(KEY, second, first_etag)
    with pytest.raises(ChangedError):
        store.save_job(KEY, a_job(progress=0.7), first_etag)
    assert store.load_job(KEY) == (second, second_etag)


def test_a_deleted_record_is_not_replaced(buckets: Stack, store: Store) -> None:
    etag = store.save_job(KEY, a_job(), None)
    buckets.s3.delete_object(Bucket=buckets.stems_bucket, Key=record_key(KEY))
    with pytest.raises(ChangedError):
        store.save_job(KEY, a_job(), etag)
    assert store.load_job(KEY) == (None, None)


def test_record_is_json_without_caching(buckets: Stack, store: Store) -> None:
    store.save_job(KEY, a_job(), None)
    head = buckets.s3.head_object(Bucket=buckets.stems_bucket, Key=record_key(KEY))
    assert (head["ContentType"], head["CacheControl"]) == ("application/json", "no-cache")


def test_invalid_record_is_a_storage_error(buckets: Stack, store: Store) -> None:
    put_result(buckets, record_key(KEY), b"{")
    with pytest.raises(StorageError):
        store.load_job(KEY)


def test_write_with_a_lost_response_is_kept(store: Store, faults: FaultProxy) -> None:
    # boto3 retries and gets an error that the record has changed. `RecordWriter` finds out by whom.
    faults.inject(drop_response, "PUT", record_key(KEY))
    job = a_job()
    with pytest.raises(ChangedError):
        store.save_job(KEY, job, None)
    assert store.load_job(KEY)[0] == job
    assert faults.count_requests("PUT", record_key(KEY)) == 2


@pytest.mark.parametrize("data", [b"sound", LARGE], ids=["small", "in parts"])
def test_a_result_is_uploaded_and_copied_with_its_type(
    buckets: Stack, store: Store, tmp_path: Path, data: bytes
) -> None:
    (tmp_path / "stem").write_bytes(data)
    keys = ["drop/song.mp3/vocals.wav", "drop/other.mp3/vocals.wav"]
    store.upload(tmp_path / "stem", keys[0], "audio/wav")
    store.copy(*keys)
    for key in keys:
        assert read_result(buckets, key) == data
        head = buckets.s3.head_object(Bucket=buckets.stems_bucket, Key=key)
        assert head["ContentType"] == "audio/wav"


def test_a_missing_result_is_not_copied(buckets: Stack, store: Store) -> None:
    with pytest.raises(StorageError):
        store.copy("drop/song.mp3/vocals.wav", "drop/other.mp3/vocals.wav")
    assert all_results(buckets) == set()


def test_results_are_those_in_all_folders_of_one_upload(buckets: Stack, store: Store) -> None:
    other_id = RESULTS_ID[::-1]
    own = {VOCALS, result_key(KEY, RESULTS_ID, "stems.zip"), result_key(KEY, other_id, "a.wav")}
    below = UploadKey.parse(f"{KEY}/results-{RESULTS_ID}")
    others = {
        record_key(KEY),
        record_key(below),
        result_key(below, RESULTS_ID, "vocals.wav"),
        record_key(UploadKey.parse(f"{KEY}/results-of-mine.mp3")),
        f"{KEY}/results-{RESULTS_ID}",
        f"{KEY}/live/song.mp3/results-{RESULTS_ID}/vocals.wav",
        f"{KEY}x/results-{RESULTS_ID}/vocals.wav",
        f"drop/song.mp/results-{RESULTS_ID}/vocals.wav",
        "content/x.json",
    }
    for key in own | others:
        put_result(buckets, key)
    assert store.list_results(KEY) == own
    store.delete(own | {result_key(KEY, RESULTS_ID, "not-there.wav")})
    assert all_results(buckets) == others


def test_index_entry_round_trips(store: Store) -> None:
    assert store.find_content(DIGEST) is None
    store.save_content(DIGEST, KEY)
    other = replace(KEY, name="other.mp3")
    store.save_content(DIGEST, other)
    assert store.find_content(DIGEST) == other


@pytest.mark.parametrize(
    "entry", [b"", b"{", b"[]", b"7", b"{}", b'{"key": 1}', b'{"key": "elsewhere/x"}', b"\xff"]
)
def test_invalid_index_entry_is_ignored(buckets: Stack, store: Store, entry: bytes) -> None:
    put_result(buckets, content_key(DIGEST), entry)
    assert store.find_content(DIGEST) is None


Call = tuple[str, str, Callable[[Store, Path], object]]
VOCALS = result_key(KEY, RESULTS_ID, "vocals.wav")
# The request of each call, and the call. A song, its record, a stem and an index entry exist.
CALLS: dict[str, Call] = {
    "find_upload": ("HEAD", str(KEY), lambda store, _: store.find_upload(KEY)),
    "download": ("GET", str(KEY), lambda store, path: download(store, path / "song")),
    "load_job": ("GET", record_key(KEY), lambda store, _: store.load_job(KEY)),
    "save_job": (
        "PUT",
        record_key(KEY),
        lambda store, _: store.save_job(KEY, a_job(), store.load_job(KEY)[1]),
    ),
    "upload": ("PUT", VOCALS, lambda store, path: store.upload(path / "stem", VOCALS, "x/y")),
    "copy": ("PUT", f"{KEY}/x", lambda store, _: store.copy(VOCALS, f"{KEY}/x")),
    "delete": ("DELETE", VOCALS, lambda store, _: store.delete({VOCALS})),
    "list_results": ("GET", "", lambda store, _: store.list_results(KEY)),
    "find_content": ("GET", content_key(DIGEST), lambda store, _: store.find_content(DIGEST)),
    "save_content": ("PUT", content_key(DIGEST), lambda store, _: store.save_content(DIGEST, KEY)),
}


def download(store: Store, path: Path) -> str:
    upload = store.find_upload(KEY)
    assert upload is not None
    return store.download(upload, path)


@pytest.fixture
def filled(buckets: Stack, store: Store, tmp_path: Path) -> Store:
    put_song(buckets, b"sound")
    store.save_job(KEY, a_job(), None)
    store.save_content(DIGEST, KEY)
    put_result(buckets, VOCALS)
    (tmp_path / "stem").write_bytes(b"stem")
    return store


@pytest.mark.parametrize("name", CALLS)
def test_busy_s3_is_retried(filled: Store, faults: FaultProxy, tmp_path: Path, name: str) -> None:
    method, key, call = CALLS[name]
    faults.inject(unavailable, method, key, times=4)
    before = faults.count_requests(method, key)
    call(filled, tmp_path)
    assert faults.count_requests(method, key) - before == 5


@pytest.mark.parametrize("name", CALLS)
def test_refused_request_is_a_storage_error(
    filled: Store, faults: FaultProxy, tmp_path: Path, name: str
) -> None:
    method, key, call = CALLS[name]
    faults.inject(forbidden, method, key, times=100)
    with pytest.raises(StorageError) as raised:
        call(filled, tmp_path)
    assert type(raised.value) is StorageError
    assert raised.value.message.startswith("Could not ")


def test_unavailable_s3_is_a_storage_error(
    filled: Store, faults: FaultProxy, tmp_path: Path
) -> None:
    method, key, call = CALLS["load_job"]
    faults.inject(unavailable, method, key, times=100)
    with pytest.raises(StorageError):
        call(filled, tmp_path)


def test_missing_bucket_is_a_storage_error(store: Store) -> None:
    elsewhere = Store("no-such-uploads", "no-such-stems", store._s3)
    for call in (
        lambda: elsewhere.load_job(KEY),
        lambda: elsewhere.save_job(KEY, a_job(), "x"),
        lambda: elsewhere.list_results(KEY),
    ):
        with pytest.raises(StorageError) as raised:
            call()
        assert type(raised.value) is StorageError


def test_failed_multipart_upload_leaves_nothing(
    buckets: Stack, store: Store, faults: FaultProxy, tmp_path: Path
) -> None:
    (tmp_path / "stem").write_bytes(LARGE)
    put_result(buckets, VOCALS, b"old")
    faults.inject(unavailable, "PUT", VOCALS, times=100)
    with pytest.raises(StorageError):
        store.upload(tmp_path / "stem", VOCALS, "audio/wav")
    assert read_result(buckets, VOCALS) == b"old"
    assert "Uploads" not in buckets.s3.list_multipart_uploads(Bucket=buckets.stems_bucket)
