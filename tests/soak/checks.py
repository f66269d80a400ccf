"""What has to be true of the songs of a soak run once all messages are handled."""

import json
from collections import Counter

from listener import WORDS
from soak.application import Application
from soak.bucket_contents import BucketContents
from soak.findings import Findings
from soak.song_files import ZIP, SongFiles, unzip
from soak.upload import UploadedSong
from stemdrop.job_record import Job, Status
from stemdrop.keys import (
    CONTENT_PREFIX,
    JOBS_PREFIX,
    OWNERS_PREFIX,
    RECORD_NAME,
    REQUEST_NAME,
    TRANSCRIPTIONS_PREFIX,
)
from stemdrop.lyrics import LyricsFormat, LyricsStatus
from subscribers import ReceivedMessage


class Checks:
    """Checks of a batch of songs."""

    def __init__(
        self,
        application: Application,
        songs: list[UploadedSong],
        files: SongFiles,
        findings: Findings,
        when: str,
    ) -> None:
        self._songs = songs
        self._files = files
        self._failed_keys = application.failed_keys()
        self._bucket = BucketContents(application)
        self._killed = {
            line["key"] for line in application.invocations if line["event"] == "killed"
        }
        self._last_events = {line["key"]: line["event"] for line in application.invocations}
        self._findings = findings
        self._when = when

    def check_songs(self) -> None:
        """Check every song's record and stems."""
        for song in self._songs:
            job = self._bucket.records.get(song.key)
            if song.is_deleted:
                self._check_deleted(song, job)
            else:
                self._check_surviving(song, job)
            if job and job.status is Status.FAILED and self._bucket.results(song.key):
                self._report_stems(song, job)

    def check_buckets(self) -> None:
        """Check that each object is named by a record.

        S3 itself deletes what killed uploads in parts have left after a day; see template.yaml.
        """
        named = {key for job in self._bucket.records.values() for key in job.result_keys}
        for key in self._bucket.objects - named:
            if key.startswith(TRANSCRIPTIONS_PREFIX):
                self._report_request(key)
            elif (named_key := self._key_of_record(key)) not in self._bucket.records:
                self._findings.add("orphans", f"{key} of {named_key}")
        for key in self._bucket.multipart_uploads():
            if any(key.startswith(f"{killed}/") for killed in self._killed):
                self._findings.counts["multipart uploads of killed ones"] += 1
            else:
                self._findings.add("multipart uploads", key)

    def _report_stems(self, song: UploadedSong, job: Job) -> None:
        """Report stems of a job that failed.

        If the last delivery was killed, too, after it had recorded the failure and before it had
        deleted the stems, the redrive deletes them.
        """
        was_killed = self._last_events.get(song.key) == "killed"
        if was_killed and song.key in self._failed_keys and not self._when:
            self._findings.counts["stems of killed last deliveries"] += 1
        else:
            self._findings.add("stems under failed records", self._describe(song, job))

    def _report_request(self, key: str) -> None:
        """Report a part of a request for lyrics.

        Only the record and the stems of an attempt tell which requests it has made. If the attempt
        was killed, and a concurrent one had deleted both, S3 deletes the request when it expires.
        """
        request = json.loads(self._bucket.read(f"{key.rpartition('/')[0]}/{REQUEST_NAME}"))
        if request["key"] in self._killed:
            self._findings.counts["requests of killed ones"] += 1
        else:
            self._findings.add("orphans", f"{key} of {request['key']}")

    def _key_of_record(self, key: str) -> str:
        """Return the key of the upload whose record an object belongs to, or the object's own."""
        if key.startswith(CONTENT_PREFIX):
            return str(json.loads(self._bucket.read(key))["key"])
        if key.startswith(OWNERS_PREFIX):
            return f"{JOBS_PREFIX}{key.rpartition('-')[2]}"
        return key.removesuffix(f"/{RECORD_NAME}")

    def check_completions(self, messages: list[ReceivedMessage]) -> None:
        """Check that each end was announced, and that no song ended twice."""
        jobs = [Job.from_json(message.body) for message in messages]
        told = Counter((job.key, job.finished_at) for job in jobs)
        self._findings.counts["completion messages"] = len(jobs)
        self._findings.counts["of these, sent again"] = len(jobs) - len(told)
        for song in self._songs:
            job = self._bucket.records.get(song.key)
            if not job or song.is_deleted or not song.is_uploaded:
                continue
            if (job.key, job.finished_at) not in told:
                self._findings.add("unannounced", self._describe(song, job))
        done = {
            (job.key, job.source.etag, job.source.uploaded_at, job.finished_at)
            for job in jobs
            if job.status is Status.DONE and job.source
        }
        for upload, times in Counter(each[:3] for each in done).items():
            if times > 1:
                self._findings.add("duplicates", f"{upload} was finished {times} times")

    def _check_deleted(self, song: UploadedSong, job: Job | None) -> None:
        if song.planned.is_job:
            if job or self._bucket.results(song.key) or song.key in self._bucket.uploads:
                self._findings.add("orphans", f"deleted {self._describe(song, job)}")
            return
        if job is None or not job.is_finished:
            self._findings.add("lost", self._describe(song, job))
        elif job.status is Status.DONE:
            self._compare(song, job)

    def _check_surviving(self, song: UploadedSong, job: Job | None) -> None:
        is_last = job and job.source and self._bucket.has(song, job.source.etag)
        is_settled = job and is_last and job.is_final
        if job and not self._when and song.key in self._failed_keys and not is_settled:
            self._findings.counts["failed after three attempts"] += 1
        elif job is None or not is_settled:
            self._findings.add("lost", self._describe(song, job))
        elif job.status is Status.DONE:
            self._compare(song, job)
        else:
            self._findings.counts[self._when + "rejected"] += 1
            if song.recipe.is_audio:
                self._findings.add("wrong", self._describe(song, job))

    def _compare(self, song: UploadedSong, job: Job) -> None:
        self._findings.counts[self._when + "done"] += 1
        if job.usage and "separate" not in job.usage.timings_s:
            self._findings.counts[self._when + "of these, copied"] += 1
        right = self._files.separate(song.recipe, song.planned.name)
        missing = job.result_keys - self._bucket.objects
        if missing:
            self._findings.add("wrong", f"no {missing}: {self._describe(song, job)}")
            return
        stems = {stem.stem: self._bucket.read(stem.key) for stem in job.stems}
        zipped = unzip(self._bucket.read(job.zip.key)) if job.zip else stems
        self._check_lyrics(song, job)
        if stems != right or zipped != right or bool(job.zip) != (ZIP in song.recipe.options):
            self._findings.add("wrong", self._describe(song, job))

    def _check_lyrics(self, song: UploadedSong, job: Job) -> None:
        if "lyrics" not in song.recipe.options:
            return
        status = job.lyrics.status if job.lyrics else None
        self._findings.counts[f"{self._when}lyrics {status}"] += 1
        if job.lyrics and status is LyricsStatus.DONE:
            if job.lyrics.words != len(WORDS) or len(job.lyrics.files) != len(LyricsFormat):
                self._findings.add("wrong", f"lyrics of {self._describe(song, job)}")
        elif status is LyricsStatus.FAILED:
            if song.key not in self._killed and song.planned.outage is None:
                self._findings.add("wrong", f"lyrics of {self._describe(song, job)}")
        elif self._when or song.key not in self._failed_keys:
            self._findings.add("lost", f"lyrics of {self._describe(song, job)}")

    def _describe(self, song: UploadedSong, job: Job | None) -> str:
        status = f"{job.status}, attempt {job.attempt}, {job.error}" if job else "no record"
        queued = ", message in the failure queue" if song.key in self._failed_keys else ""
        name = f"{song.planned.name} ({', '.join((song.key, *song.happened))})"
        return f"{self._when}{name}: {status}{queued}"
