"""Lyrics in the API: real jobs and the real handler against the emulator."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from api_events import HOST, Api
from fault_proxy import FaultProxy, unavailable
from listener import Listener
from stemdrop.errors import LyricsError
from stemdrop.keys import TRANSCRIPTIONS_PREFIX, UploadKey
from stemdrop.lyrics import LyricsFormat, Transcription, Word
from stemdrop.lyrics_results import finish_lyrics, load_request
from stemdrop.store import Store
from stemdrop_local.deployment import Stack
from stemdrop_separate.job.context import JobContext
from uploads import attempt, job_of, put, read, result_named, results, song

WORDS = Transcription((Word("Hello.", 0.1, 0.3, 0.9), Word("World.", 0.3, 0.5, 0.8)), "en", 0.01)
SILENCE = Transcription((), None)
FAILURE = LyricsError("The transcription failed: upload the song again.")


@pytest.fixture
def job_context(job_context: JobContext, tmp_path: Path) -> JobContext:
    """Return the separator with the engine of the API's setting."""
    return replace(job_context, transcriber=Listener(tmp_path))


def separated(api: Api, buckets: Stack, job_context: JobContext, **more: object) -> str:
    """Return the ID of a job whose stems are done, and whose lyrics are pending."""
    wanted = {"filename": "Song.wav", "size_bytes": len(song()), "lyrics": True} | more
    job = api.post("/jobs", wanted).json
    key = UploadKey.parse(job["key"])
    put(buckets, song(), key)
    attempt(job_context, key)
    job_id: str = job["id"]
    return job_id


def finish(store: Store, job_id: str, outcome: Transcription | LyricsError) -> None:
    """End the lyrics of a job."""
    job, _ = store.load_job(UploadKey.parse(f"jobs/{job_id}"))
    assert job
    request = load_request(store, job.results_ids[0])
    assert request
    assert finish_lyrics(store, request, outcome)


def save(store: Store, job_id: str, **lyrics: Any) -> None:
    """Change the lyrics in a record."""
    key = UploadKey.parse(f"jobs/{job_id}")
    job, etag = store.load_job(key)
    assert job
    assert job.lyrics
    store.save_job(key, job.updated(lyrics=replace(job.lyrics, **lyrics)), etag)


def test_lyrics_come_after_the_stems(
    api: Api, buckets: Stack, store: Store, job_context: JobContext
) -> None:
    job_id = separated(api, buckets, job_context, language="en")
    first = api.get(f"/jobs/{job_id}")
    assert first.headers["retry-after"] == "2"
    view = first.json
    assert (view["status"], len(view["stems"])) == ("done", 2)
    assert view["options"]["language"] == "en"
    pending = {name: view["lyrics"][name] for name in ("status", "engine", "language", "files")}
    assert pending == {"status": "pending", "engine": Listener.name, "language": "en", "files": []}
    assert view["links"]["lyrics"] == {}
    tag = first.headers["etag"]
    assert api.get(f"/jobs/{job_id}", if_none_match=tag).status == 304

    finish(store, job_id, WORDS)
    last = api.get(f"/jobs/{job_id}", if_none_match=tag)
    assert last.status == 200
    assert "retry-after" not in last.headers
    lyrics = last.json["lyrics"]
    assert (lyrics["status"], lyrics["words"], lyrics["cost_usd"]) == ("done", 2, 0.01)
    record = job_of(buckets, UploadKey.parse(view["key"]))
    for file in lyrics["files"]:
        assert file["filename"] == f"Song - lyrics.{file['format']}"
        content = read(buckets, result_named(record, f"lyrics.{file['format']}"))
        answer = httpx.get(file["url"])
        assert answer.content == content
        assert len(content) == file["size_bytes"]
        assert "Song%20-%20lyrics." in answer.headers["content-disposition"]
        link = last.json["links"]["lyrics"][file["format"]]
        assert link == f"https://{HOST}/jobs/{job_id}/stems/lyrics.{file['format']}"
        redirected = api.get(link.removeprefix(f"https://{HOST}"))
        assert redirected.status == 307
        assert httpx.get(redirected.headers["location"]).content == content
    assert len(lyrics["files"]) == len(LyricsFormat)


def test_lyrics_that_are_pending_or_failed_have_no_files(
    api: Api, buckets: Stack, store: Store, job_context: JobContext
) -> None:
    job_id = separated(api, buckets, job_context)
    path = f"/jobs/{job_id}/stems/lyrics.lrc"
    answer = api.get(path)
    assert (answer.status, answer.json["code"]) == (409, "not_ready")
    assert answer.headers["retry-after"] == "2"
    assert api.get(f"/jobs/{job_id}/stems/vocals").status == 307
    finish(store, job_id, FAILURE)
    answer = api.get(path)
    assert (answer.status, answer.json["code"]) == (409, "lyrics_failed")
    assert answer.json["detail"] == FAILURE.message
    assert "retry-after" not in answer.headers
    lyrics = api.get(f"/jobs/{job_id}").json["lyrics"]
    assert (lyrics["status"], lyrics["code"]) == ("failed", "lyrics")
    assert lyrics["reason"] == FAILURE.message
    assert api.get(f"/jobs/{job_id}").json["status"] == "done"


def test_lyrics_after_their_deadline_have_failed(
    api: Api, buckets: Stack, store: Store, job_context: JobContext
) -> None:
    job_id = separated(api, buckets, job_context)
    save(store, job_id, deadline_at="2026-01-01T00:00:00.000Z")
    view = api.get(f"/jobs/{job_id}")
    assert (view.json["status"], view.json["lyrics"]["status"]) == ("done", "failed")
    assert view.json["lyrics"]["code"] == "lyrics_timed_out"
    assert "retry-after" not in view.headers
    answer = api.get(f"/jobs/{job_id}/stems/lyrics.srt")
    assert (answer.status, answer.json["code"]) == (409, "lyrics_failed")
    (listed,) = api.get("/jobs").json["jobs"]
    assert listed["lyrics"] == view.json["lyrics"]
    finish(store, job_id, WORDS)  # late, but not too late
    done = api.get(f"/jobs/{job_id}", if_none_match=view.headers["etag"]).json
    assert done["lyrics"]["status"] == "done"


def test_song_without_words_has_no_files(
    api: Api, buckets: Stack, store: Store, job_context: JobContext
) -> None:
    job_id = separated(api, buckets, job_context)
    finish(store, job_id, SILENCE)
    view = api.get(f"/jobs/{job_id}").json
    assert (view["lyrics"]["status"], view["lyrics"]["words"]) == ("done", 0)
    assert (view["lyrics"]["files"], view["links"]["lyrics"]) == ([], {})
    answer = api.get(f"/jobs/{job_id}/stems/lyrics.lrc")
    assert (answer.status, answer.json["code"]) == (404, "not_found")


def test_song_of_the_drop_folder_shows_its_lyrics(
    api: Api, buckets: Stack, store: Store, job_context: JobContext
) -> None:
    key = UploadKey.parse("drop/Song.wav")
    put(buckets, song(), key, {"stemdrop-lyrics": "true"})
    attempt(job_context, key)
    request = load_request(store, job_of(buckets, key).results_ids[0])
    assert request
    finish_lyrics(store, request, WORDS)
    view = api.get(f"/{key}").json
    assert view["links"]["lyrics"] == {}
    (lrc,) = (file for file in view["lyrics"]["files"] if file["format"] == "lrc")
    assert httpx.get(lrc["url"]).text.startswith("[00:00.10] <00:00.10> Hello.")


def known() -> dict[str, object]:
    """Return the request for a job of the song, which is known."""
    sha256 = hashlib.sha256(song()).hexdigest()
    return {"filename": "b.wav", "size_bytes": len(song()), "lyrics": True, "sha256": sha256}


@pytest.mark.parametrize("outcome", [WORDS, SILENCE], ids=["words", "silence"])
def test_known_song_is_copied_with_its_lyrics(
    api: Api, buckets: Stack, store: Store, job_context: JobContext, outcome: Transcription
) -> None:
    job_id = separated(api, buckets, job_context)
    finish(store, job_id, outcome)
    original = api.get(f"/jobs/{job_id}").json["lyrics"]
    job = api.post("/jobs", known()).json
    assert (job["status"], job["upload"]) == ("done", None)
    lyrics = job["lyrics"]
    assert lyrics["cost_usd"] == 0
    same = ("status", "engine", "language", "words")
    assert [lyrics[name] for name in same] == [original[name] for name in same]
    assert len(lyrics["files"]) == len(original["files"])
    # They don't depend on the first job.
    contents = [httpx.get(file["url"]).content for file in original["files"]]
    assert api.delete(f"/jobs/{job_id}").status == 204
    assert [httpx.get(file["url"]).content for file in lyrics["files"]] == contents
    assert api.post("/jobs", known() | {"lyrics": False}).json["status"] == "awaiting_upload"


def change_engine(store: Store, job_id: str) -> None:
    finish(store, job_id, WORDS)
    save(store, job_id, engine="transcribe")


@pytest.mark.parametrize(
    "end",
    [
        lambda _store, _job_id: None,
        lambda store, job_id: finish(store, job_id, FAILURE),
        change_engine,
    ],
    ids=["pending", "failed", "other engine"],
)
def test_lyrics_that_are_not_done_are_not_copied(
    api: Api, buckets: Stack, store: Store, job_context: JobContext, end: Any
) -> None:
    end(store, separated(api, buckets, job_context))
    assert api.post("/jobs", known()).json["status"] == "awaiting_upload"


def transcriptions(buckets: Stack) -> set[str]:
    """Return the names of the files that transcriptions need."""
    found = results(buckets, TRANSCRIPTIONS_PREFIX)
    return {key.rpartition("/")[2] for key in found}


def test_deletion_removes_the_vocals_of_pending_lyrics(
    api: Api, buckets: Stack, store: Store, job_context: JobContext
) -> None:
    job_id = separated(api, buckets, job_context)
    kept = separated(api, buckets, job_context)
    request = load_request(store, job_of(buckets, UploadKey.parse(f"jobs/{job_id}")).results_ids[0])
    assert request
    assert transcriptions(buckets) == {"request.json", "vocals.flac"}
    assert api.delete(f"/jobs/{job_id}").status == 204
    (results_id,) = job_of(buckets, UploadKey.parse(f"jobs/{kept}")).results_ids
    assert {key.split("/")[1] for key in results(buckets, TRANSCRIPTIONS_PREFIX)} == {results_id}
    # Words that come now find nobody who awaits them, and leave nothing.
    assert finish_lyrics(store, request, WORDS) is None
    assert not results(buckets, f"jobs/{job_id}")


def test_deletion_of_a_deleted_job_removes_the_vocals(
    api: Api, buckets: Stack, job_context: JobContext, faults: FaultProxy
) -> None:
    job_id = separated(api, buckets, job_context)
    faults.inject(unavailable, "DELETE", f"{TRANSCRIPTIONS_PREFIX}*/transcript.json", times=10)
    assert api.delete(f"/jobs/{job_id}").status == 503
    assert transcriptions(buckets) == {"request.json", "vocals.flac"}
    faults.reset()
    assert api.delete(f"/jobs/{job_id}").status == 404
    assert not transcriptions(buckets)
    assert not results(buckets, f"jobs/{job_id}")
