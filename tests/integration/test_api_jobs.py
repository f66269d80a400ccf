"""Jobs in the API: the real handler and its URLs against the emulator."""

import base64
import hashlib
import io
import json
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from api_events import HOST, Api, ApiResponse
from fault_proxy import FaultProxy
from stemdrop.job_record import Job, ResultFile, Status, now
from stemdrop.keys import JOB_ID, OWNERS_PREFIX, UploadKey, record_key, result_key
from stemdrop.options import LATER, Options, Quality
from stemdrop.store import Store
from stemdrop_local.deployment import Stack
from stemdrop_separate.job.context import JobContext
from uploads import RESULTS_ID, attempt, job_of, put, read, result_named, results, song

FILENAME = "Größe №1.wav"


def wanted(data: bytes, **more: object) -> dict[str, Any]:
    """Return the request for a job of this song."""
    return {"filename": FILENAME, "size_bytes": len(data)} | more


def send(upload: dict[str, Any], data: bytes) -> int:
    """Send a song to an upload URL, and return the status."""
    return httpx.put(upload["url"], headers=upload["headers"], content=data).status_code


def separated(api: Api, job_context: JobContext, data: bytes, **more: object) -> str:
    """Return the ID of a completed job."""
    created = api.post("/jobs", wanted(data, **more)).json
    assert send(created["upload"], data) == 200
    attempt(job_context, UploadKey.parse(created["key"]))
    job_id: str = created["id"]
    return job_id


def test_song_is_uploaded_and_its_stems_are_downloaded(
    api: Api, buckets: Stack, job_context: JobContext
) -> None:
    data = song()
    created = api.post("/jobs", wanted(data, zip=True, codec="flac"))
    assert created.status == 201
    job = created.json
    assert JOB_ID.fullmatch(job["id"])
    assert created.headers["location"] == job["links"]["self"] == f"https://{HOST}/jobs/{job['id']}"
    assert created.headers["cache-control"] == "no-store"
    assert (job["status"], job["filename"]) == ("awaiting_upload", FILENAME)
    assert job["options"] == Options.parse({"zip": True, "codec": "flac"}).to_dict() | LATER
    assert job_of(buckets, UploadKey.parse(job["key"])).owner is None

    waiting = api.get(f"/jobs/{job['id']}")
    assert waiting.headers["retry-after"] == "2"
    assert waiting.json == {name: value for name, value in job.items() if name != "upload"}

    assert send(job["upload"], data) == 200
    attempt(job_context, UploadKey.parse(job["key"]))
    done = api.get(f"/jobs/{job['id']}")
    assert "retry-after" not in done.headers
    view = done.json
    assert (view["status"], view["progress"], view["error"]) == ("done", 1.0, None)
    for stem in view["stems"]:
        assert stem["filename"] == f"Größe №1 - {stem['stem']}.flac"
        file = httpx.get(stem["url"])
        record = job_of(buckets, UploadKey.parse(job["key"]))
        assert file.content == read(buckets, result_named(record, f"{stem['stem']}.flac"))
        assert len(file.content) == stem["size_bytes"]
        assert file.headers["content-disposition"].startswith("attachment; ")
    archive = httpx.get(view["zip"]["url"]).content
    assert zipfile.ZipFile(io.BytesIO(archive)).namelist() == ["vocals.flac", "accompaniment.flac"]
    assert view["zip"]["filename"] == "Größe №1 - stems.zip"


def test_link_of_a_stem_redirects_to_its_file(
    api: Api, buckets: Stack, job_context: JobContext
) -> None:
    job_id = separated(api, job_context, song(), zip=True)
    links = api.get(f"/jobs/{job_id}").json["links"]
    assert links["stems"].keys() == {"vocals", "accompaniment"}
    for link in (*links["stems"].values(), links["zip"]):
        answer = api.get(link.removeprefix(f"https://{HOST}"))
        assert (answer.status, answer.headers["cache-control"]) == (307, "no-store")
        assert httpx.get(answer.headers["location"]).status_code == 200
    assert api.get(f"/jobs/{job_id}/stems/stems.zip").status == 307
    vocals = api.get(f"/jobs/{job_id}/stems/vocals").headers["location"]
    job = job_of(buckets, UploadKey.parse(f"jobs/{job_id}"))
    assert httpx.get(vocals).content == read(buckets, result_named(job, "vocals.wav"))
    assert "filename*=UTF-8''Gr" in httpx.get(vocals).headers["content-disposition"]


def test_stem_file_has_a_url_and_a_link(api: Api, buckets: Stack, store: Store) -> None:
    key = UploadKey.parse("jobs/" + "5" * 32)
    file = ResultFile(result_key(key, RESULTS_ID, "stems.stem.mp4"), 4)
    buckets.s3.put_object(Bucket=buckets.stems_bucket, Key=file.key, Body=b"mp4!")
    store.save_job(key, Job(str(key), Status.DONE, now(), now(), "a.wav", stem_file=file), None)
    view = api.get(f"/{key}").json
    assert httpx.get(view["stem_file"]["url"]).content == b"mp4!"
    assert view["stem_file"]["filename"] == "a - stems.stem.mp4"
    answer = api.get(view["links"]["stem_file"].removeprefix(f"https://{HOST}"))
    assert httpx.get(answer.headers["location"]).content == b"mp4!"


def test_unknown_stem_is_not_found(api: Api, job_context: JobContext) -> None:
    job_id = separated(api, job_context, song())
    for name in ("drums", "zip", "stems.zip", "vocals.wav", "job.json"):
        answer = api.get(f"/jobs/{job_id}/stems/{name}")
        assert (answer.status, answer.json["code"]) == (404, "not_found")
        assert "there are vocals, accompaniment." in answer.json["detail"]


def test_stem_of_an_unfinished_job_returns_not_ready(api: Api) -> None:
    job_id = api.post("/jobs", wanted(song())).json["id"]
    answer = api.get(f"/jobs/{job_id}/stems/vocals")
    assert (answer.status, answer.json["code"]) == (409, "not_ready")
    assert answer.headers["retry-after"] == "2"


def test_stem_of_a_failed_job_returns_the_reason(api: Api, job_context: JobContext) -> None:
    job_id = separated(api, job_context, b"no song")
    view = api.get(f"/jobs/{job_id}")
    assert view.json["status"] == "failed"
    assert view.json["error"]["code"] == "not_audio"
    assert "retry-after" not in view.headers
    answer = api.get(f"/jobs/{job_id}/stems/vocals")
    assert (answer.status, answer.json["code"]) == (409, "job_failed")
    assert answer.json["detail"] == view.json["error"]["message"]


def test_job_after_its_deadline_has_failed(api: Api, store: Store) -> None:
    job_id = api.post("/jobs", wanted(song())).json["id"]
    key = UploadKey.parse(f"jobs/{job_id}")
    job, etag = store.load_job(key)
    assert job is not None
    begun = job.updated(status=Status.PROCESSING, deadline_at="2026-01-01T00:00:00.000Z")
    store.save_job(key, begun, etag)
    view = api.get(f"/jobs/{job_id}")
    assert (view.json["status"], view.json["error"]["code"]) == ("failed", "timed_out")
    assert "retry-after" not in view.headers
    assert api.get(f"/jobs/{job_id}/stems/vocals").json["code"] == "job_failed"
    alive = timestamp_in(timedelta(minutes=5))
    store.save_job(key, begun.updated(deadline_at=alive), store.load_job(key)[1])
    assert api.get(f"/jobs/{job_id}", if_none_match=view.headers["etag"]).status == 200


def timestamp_in(delay: timedelta) -> str:
    return (datetime.now(UTC) + delay).isoformat()


def test_unchanged_job_returns_304(api: Api, job_context: JobContext) -> None:
    job_id = separated(api, job_context, song())
    first = api.get(f"/jobs/{job_id}")
    tag = first.headers["etag"]
    for known in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        again = api.get(f"/jobs/{job_id}", if_none_match=known)
        assert (again.status, again.body) == (304, b"")
        assert again.headers["etag"] == tag
        assert again.headers["cache-control"] == "private, no-cache"
    assert api.get(f"/jobs/{job_id}", if_none_match='"other"').status == 200


@pytest.mark.parametrize("is_hashed", [False, True])
def test_upload_url_is_signed_for_the_requested_song(api: Api, is_hashed: bool) -> None:
    before = datetime.now(UTC)
    digest = hashlib.sha256(song())
    job = api.post("/jobs", wanted(song(), sha256=digest.hexdigest() if is_hashed else None)).json
    checksum = base64.b64encode(digest.digest()).decode()
    upload = job["upload"]
    assert upload["method"] == "PUT"
    assert upload["headers"] == ({"x-amz-checksum-sha256": checksum} if is_hashed else {})
    signed = ["content-length", "host", *upload["headers"]]
    query = parse_qs(urlsplit(upload["url"]).query)
    assert query["X-Amz-SignedHeaders"] == [";".join(signed)]
    left = datetime.fromisoformat(upload["expires_at"]) - before
    assert timedelta(seconds=898) <= left <= timedelta(seconds=905)


def test_known_song_is_done_at_once(
    api: Api, buckets: Stack, job_context: JobContext, faults: FaultProxy
) -> None:
    data = song()
    sha256 = hashlib.sha256(data).hexdigest()
    first = separated(api, job_context, data, codec="flac", zip=True)
    request = wanted(data, codec="flac", zip=True, sha256=sha256.upper(), filename="b.wav")
    created = api.post("/jobs", request)
    job = created.json
    assert (created.status, job["status"], job["upload"]) == (201, "done", None)
    assert job["id"] != first
    assert job["source"]["key"] == job["key"]
    assert job["source"]["sha256"] == sha256
    assert job["usage"] is None
    assert job["music"] == api.get(f"/jobs/{first}").json["music"]
    assert job["music"]["loudness_lufs"] < 0
    assert [stem["filename"] for stem in job["stems"]] == [
        "b - vocals.flac",
        "b - accompaniment.flac",
    ]
    for stem in job["stems"]:
        records = (job_of(buckets, UploadKey.parse(key)) for key in (job["key"], f"jobs/{first}"))
        name = f"{stem['stem']}.flac"
        own, original = (read(buckets, result_named(record, name)) for record in records)
        assert own == original
        assert httpx.get(stem["url"]).content == own
    # It no longer depends on the first job.
    assert api.delete(f"/jobs/{first}").status == 204
    assert httpx.get(api.get(f"/jobs/{job['id']}").json["zip"]["url"]).status_code == 200
    assert not faults.count_requests("PUT", f"{job['key']}")


@pytest.mark.parametrize(
    "change",
    [{"codec": "mp3"}, {"sha256": "0" * 64}, {"size_bytes": 1}, {"sha256": None}],
    ids=["options", "song", "size", "no hash"],
)
def test_other_song_or_options_need_an_upload(
    api: Api, job_context: JobContext, change: dict[str, object]
) -> None:
    data = song()
    separated(api, job_context, data)
    known = wanted(data, sha256=hashlib.sha256(data).hexdigest())
    assert api.post("/jobs", known).json["status"] == "done"
    other = api.post("/jobs", known | change).json
    assert (other["status"], other["stems"]) == ("awaiting_upload", [])
    assert urlsplit(other["upload"]["url"]).path.endswith(f"/{other['key']}")


def test_song_of_the_drop_folder_is_reused(
    api: Api, buckets: Stack, job_context: JobContext
) -> None:
    data = song()
    put(buckets, data)
    attempt(job_context)
    known = wanted(data, sha256=hashlib.sha256(data).hexdigest())
    assert api.post("/jobs", known).json["status"] == "done"


def test_song_with_missing_stems_needs_an_upload(
    api: Api, buckets: Stack, job_context: JobContext
) -> None:
    data = song()
    job_id = separated(api, job_context, data)
    vocals = result_named(job_of(buckets, UploadKey.parse(f"jobs/{job_id}")), "vocals.wav")
    buckets.s3.delete_object(Bucket=buckets.stems_bucket, Key=vocals)
    known = wanted(data, sha256=hashlib.sha256(data).hexdigest())
    created = api.post("/jobs", known)
    assert (created.status, created.json["status"]) == (201, "awaiting_upload")


def test_deletion_removes_record_stems_song_and_index_entry(
    api: Api, buckets: Stack, job_context: JobContext
) -> None:
    data = song()
    job_id = separated(api, job_context, data, zip=True)
    kept = separated(api, job_context, song(seed=1))
    index = {key for key in results(buckets) if key.startswith("content/")}
    answer = api.delete(f"/jobs/{job_id}")
    assert (answer.status, answer.body) == (204, b"")
    assert not results(buckets, f"jobs/{job_id}")
    uploads = buckets.s3.list_objects_v2(Bucket=buckets.uploads_bucket)["Contents"]
    assert [entry["Key"] for entry in uploads] == [f"jobs/{kept}"]
    assert len(index) == 2
    assert len({key for key in results(buckets) if key.startswith("content/")}) == 1
    for answer in (api.get(f"/jobs/{job_id}"), api.delete(f"/jobs/{job_id}")):
        assert (answer.status, answer.json["code"]) == (404, "not_found")
    known = wanted(data, sha256=hashlib.sha256(data).hexdigest())
    assert api.post("/jobs", known).json["status"] == "awaiting_upload"


def test_deletion_keeps_the_index_entry_of_another_job(
    api: Api, buckets: Stack, job_context: JobContext
) -> None:
    first = separated(api, job_context, song())
    second = separated(api, job_context, song())
    assert api.delete(f"/jobs/{first}").status == 204
    (entry,) = (key for key in results(buckets) if key.startswith("content/"))
    assert json.loads(read(buckets, entry)) == {"key": f"jobs/{second}"}
    assert api.delete(f"/jobs/{second}").status == 204
    assert not results(buckets)


def test_job_with_options_of_a_later_version_can_be_deleted(
    api: Api, buckets: Stack, job_context: JobContext
) -> None:
    job_id = separated(api, job_context, song())
    key = f"jobs/{job_id}/job.json"
    record = json.loads(read(buckets, key))
    record["options"]["later"] = True
    buckets.s3.put_object(Bucket=buckets.stems_bucket, Key=key, Body=json.dumps(record).encode())
    assert api.delete(f"/jobs/{job_id}").status == 204
    assert not results(buckets, "jobs/")


def test_job_without_a_song_can_be_deleted(api: Api, buckets: Stack) -> None:
    job_id = api.post("/jobs", wanted(song())).json["id"]
    assert api.delete(f"/jobs/{job_id}").status == 204
    assert not results(buckets)


def test_song_of_the_drop_folder_is_shown_like_a_job(
    api: Api, buckets: Stack, job_context: JobContext
) -> None:
    key = UploadKey.parse("drop/4stems/Größe 100%.wav")
    assert api.get(f"/{key}").status == 404
    put(buckets, song(), key, {"model": "2stems"})
    assert api.get(f"/{key}").status == 404
    attempt(job_context, key)
    answer = api.get(f"/{key}")
    view = answer.json
    assert (view["id"], view["key"], view["filename"]) == (None, str(key), "Größe 100%.wav")
    assert view["links"] == {
        "self": f"https://{HOST}/drop/4stems/Gr%C3%B6%C3%9Fe%20100%25.wav",
        "stems": {},
        "zip": None,
        "stem_file": None,
        "lyrics": {},
    }
    assert httpx.get(view["stems"][0]["url"]).status_code == 200
    assert api.get(f"/{key}", if_none_match=answer.headers["etag"]).status == 304
    assert api.delete(f"/{key}").status == 405


def test_options_show_models_codecs_limits_and_prices(api: Api) -> None:
    offered = api.get("/options").json
    assert [entry["model"] for entry in offered["models"]] == [
        *("2stems", "4stems", "2stems-16kHz", "4stems-16kHz"),
    ]
    assert offered["models"][1]["stems"] == ["vocals", "drums", "bass", "other"]
    assert offered["codecs"][0] == {"codec": "wav", "bit_depths": ["16", "24", "32f"]}
    assert Options.parse(offered["defaults"]) == Options()
    assert offered["limits"] == {"max_upload_bytes": 1_000_000_000, "max_duration_s": 3600}
    assert (offered["retention_days"], offered["url_lifetime_s"]) == (7, 900)
    estimates = {(row["model"], row["quality"]): row for row in offered["estimates"]}
    assert len(estimates) == len(offered["models"]) * len(Quality)
    for field, least, most in (
        ("usd_per_audio_minute", 1e-5, 1e-3),
        ("seconds_per_audio_minute", 0.5, 10),
    ):
        spleeter, high = (estimates["2stems", quality][field] for quality in ("spleeter", "high"))
        assert least < spleeter < high < 2 * spleeter < most


@pytest.mark.parametrize(
    ("change", "status", "code", "words"),
    [
        ({"size_bytes": 1_000_000_001}, 413, "too_large", "1000000000"),
        ({"model": "5stems"}, 422, "model_unavailable", "2stems, 4stems, 2stems-16kHz"),
        ({"model": "6stems"}, 422, "bad_option", "5stems-16kHz"),
        ({"modle": "4stems"}, 422, "bad_option", "model, stems, codec, bitrate"),
        ({"stems": ["drums"]}, 422, "bad_option", "vocals, accompaniment"),
        ({"codec": "mp3", "bit_depth": "24"}, 422, "bad_option", "use a lossless format"),
        ({"offset_s": "30"}, 422, "bad_option", "number"),
        ({"zip": "true"}, 422, "bad_option", "boolean"),
        ({"lyrics": True, "language": "zu"}, 422, "language_unavailable", "Zulu"),
        ({"language": "en"}, 422, "bad_option", "language is that of the lyrics"),
        ({"size_bytes": 0}, 422, "invalid_request", "#/size_bytes"),
        ({"size_bytes": "5"}, 422, "invalid_request", "#/size_bytes"),
        ({"filename": "a/"}, 422, "invalid_request", "#/filename"),
        ({"sha256": "0"}, 422, "invalid_request", "#/sha256"),
    ],
)
def test_impossible_job_is_refused(
    api: Api, buckets: Stack, change: dict[str, object], status: int, code: str, words: str
) -> None:
    answer = api.post("/jobs", wanted(song()) | change)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status, answer.json["code"]) == (status, code)
    assert answer.json["type"] == f"urn:problem-type:stemdrop:{code}"
    assert words in answer.json["detail"]
    assert not results(buckets)


def body_of(api: Api, body: bytes, content_type: str = "application/json") -> ApiResponse:
    return api.call("POST", "/jobs", body, {"content-type": content_type})


def test_invalid_body_is_refused_by_its_kind(api: Api) -> None:
    good = json.dumps(wanted(song())).encode()
    assert body_of(api, good, "application/json; charset=utf-8").status == 201
    assert body_of(api, good, "application/vnd.api+json").status == 201
    for body in (b"{", b"\xff", b"[" * 100_00, b'{"size_bytes": ' + b"1" * 5000 + b"}", b"{} {}"):
        answer = body_of(api, body)
        assert (answer.status, answer.json["code"]) == (400, "bad_request")
    for body in (b"[]", b"null", b"1", b'"x"', b""):
        answer = body_of(api, body)
        assert (answer.status, answer.json["code"]) == (422, "invalid_request")
        assert answer.json["detail"] == "The body is not a JSON object: send one."
    for kind in ("text/plain", "application/x-www-form-urlencoded", "", "json"):
        answer = body_of(api, good, kind)
        assert (answer.status, answer.json["code"]) == (415, "unsupported_media_type")
    answer = body_of(api, b'"' + b" " * (16 << 10) + b'"')
    assert (answer.status, answer.json["code"]) == (413, "body_too_large")


def test_record_is_saved_before_the_upload_url_is_returned(api: Api, faults: FaultProxy) -> None:
    created = api.post("/jobs", wanted(song()))
    key = UploadKey.parse(created.json["key"])
    record, entry = (request.key for request in faults.requests)
    assert record == record_key(key)
    assert entry.startswith(OWNERS_PREFIX)


def test_job_of_an_owner_is_not_found_with_the_access_token(api: Api, store: Store) -> None:
    job_id = api.post("/jobs", wanted(song())).json["id"]
    key = UploadKey.parse(f"jobs/{job_id}")
    job, etag = store.load_job(key)
    assert isinstance(job, Job)
    store.save_job(key, replace(job, owner="somebody"), etag)
    for answer in (api.get(f"/jobs/{job_id}"), api.delete(f"/jobs/{job_id}")):
        assert answer.status == 404
    assert store.load_job(key)[0] is not None
