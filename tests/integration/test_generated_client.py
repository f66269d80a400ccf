"""The client that openapi-python-client generates from the OpenAPI document."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import pytest

from api_events import TOKEN
from stemdrop.codecs import Codec
from stemdrop.job_record import UploadSource
from stemdrop.keys import UploadKey, result_key
from stemdrop.lyrics import Lyrics, LyricsFile, LyricsFormat, LyricsStatus
from stemdrop.models import Model
from stemdrop.options import Channels, Clip, Options, Quality, SampleRate
from stemdrop_api import examples
from stemdrop_local.deployment import Stack
from stemdrop_separate.job.context import JobContext, Outcome
from uploads import RESULTS_ID, attempt, job_of, read, result_named, save_done, song

PACKAGE = "generated_client"
KEY = "8e03978e-40d5-43dd-bc93-6894a57f9324"


@pytest.fixture(scope="module")
def document(deployed: Stack) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{deployed.endpoint_url}/openapi.json", timeout=60).json()
    return found


@pytest.fixture(scope="module")
def package(document: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Generate the client; a warning, such as one about an operation left out, is an error."""
    folder = tmp_path_factory.mktemp("client")
    (folder / "openapi.json").write_text(json.dumps(document))
    (folder / "config.json").write_text('{"post_hooks": []}')  # it would format the code
    subprocess.run(
        [
            *(sys.executable, "-m", "openapi_python_client", "generate", "--fail-on-warning"),
            *("--path", "openapi.json", "--config", "config.json"),
            *("--meta", "none", "--output-path", PACKAGE),
        ],
        cwd=folder,
        check=True,
        timeout=60,
    )
    return folder / PACKAGE


@dataclass(frozen=True, slots=True)
class GeneratedClient:
    """Calls generated functions, such as `jobs.create_job`: a tag and an operation."""

    models: Any
    connection: Any

    def call(self, function: str, *arguments: object, **more: object) -> Any:
        """Send a request, and return the response."""
        send = import_module(f"{PACKAGE}.api.{function}").sync_detailed
        return send(*arguments, client=self.connection, **more)


@pytest.fixture
def generated(
    package: Path, buckets: Stack, monkeypatch: pytest.MonkeyPatch
) -> Iterator[GeneratedClient]:
    monkeypatch.syspath_prepend(str(package.parent))
    kind = import_module(f"{PACKAGE}.client").AuthenticatedClient
    url = buckets.endpoint_url
    with kind(
        base_url=url, token=TOKEN, timeout=httpx.Timeout(60), raise_on_unexpected_status=True
    ) as connection:
        yield GeneratedClient(import_module(f"{PACKAGE}.models"), connection)


def test_song_goes_through_the_generated_client(
    generated: GeneratedClient, buckets: Stack, job_context: JobContext
) -> None:
    models = generated.models
    options = generated.call("options.show_options").parsed
    assert options.models[0].model is models.Model.TWO_STEMS

    wanted = models.JobRequest(
        filename="Song.wav",
        size_bytes=len(song()),
        codec=models.Codec.FLAC,
        bit_depth=models.BitDepth.BIT_DEPTH_24,
        stems=[models.StemName.VOCALS],
        zip_=True,
    )
    created = generated.call("jobs.create_job", body=wanted, idempotency_key=KEY)
    assert created.status_code == 201
    job = created.parsed
    assert job.status is models.Status.AWAITING_UPLOAD
    assert job.options["bit_depth"] == "24"
    headers = job.upload.headers.to_dict()
    assert httpx.put(job.upload.url, headers=headers, content=song()).status_code == 200
    assert attempt(job_context, UploadKey.parse(job.key)) is Outcome.DONE

    again = generated.call("jobs.create_job", body=wanted, idempotency_key=KEY).parsed
    assert again.id == job.id
    page = generated.call("jobs.list_jobs", limit=1).parsed
    assert ([each.id for each in page.jobs], page.next_cursor) == ([job.id], None)

    done = generated.call("jobs.show_job", job.id).parsed
    assert done.status is models.Status.DONE
    (stem,) = done.stems
    vocals = result_named(job_of(buckets, UploadKey.parse(job.key)), "vocals.flac")
    assert httpx.get(stem.url).content == read(buckets, vocals)
    assert httpx.get(done.zip_.url).status_code == 200
    link = generated.call("jobs.download_stem", job.id, "vocals").headers["location"]
    assert httpx.get(link).status_code == 200

    assert generated.call("jobs.delete_job", job.id).status_code == 204
    missing = generated.call("jobs.show_job", job.id)
    assert (missing.status_code, missing.parsed.code) == (404, "not_found")


def test_lyrics_are_read_by_the_generated_client(
    generated: GeneratedClient, buckets: Stack
) -> None:
    models = generated.models
    key = UploadKey.parse("jobs/" + "7" * 32)
    file = LyricsFile(LyricsFormat.LRC, result_key(key, RESULTS_ID, "lyrics.lrc"), 2)
    buckets.s3.put_object(Bucket=buckets.stems_bucket, Key=file.key, Body=b"la")
    lyrics = Lyrics(LyricsStatus.DONE, "transcribe", "en", 1, 0.006, files=(file,))
    save_done(buckets, key, UploadSource(**examples.SOURCE), Options(lyrics=True), lyrics=lyrics)
    shown = generated.call("jobs.show_job", key.name).parsed.lyrics
    assert (shown.status, shown.language) == (models.LyricsStatus.DONE, "en")
    (found,) = shown.files
    assert found.format_ is models.LyricsFormat.LRC
    assert httpx.get(found.url).content == b"la"
    link = generated.call("jobs.download_stem", key.name, "lyrics.lrc").headers["location"]
    assert httpx.get(link).content == b"la"
    assert models.Language.EN.value == "en"


def test_enumerations_have_the_names_of_the_code(generated: GeneratedClient) -> None:
    for kind in (Model, Codec, Quality, Clip, SampleRate, Channels, LyricsStatus, LyricsFormat):
        found = getattr(generated.models, kind.__name__)
        assert {each.name: each.value for each in found} == {each.name: each.value for each in kind}
    # Enumerations without a name are numbered, as in JobRequestModelType0.
    assert not [name for name in generated.models.__all__ if name[-1].isdigit()]


def test_every_documented_request_is_accepted(
    generated: GeneratedClient, document: dict[str, Any]
) -> None:
    body = document["paths"]["/jobs"]["post"]["requestBody"]["content"]["application/json"]
    assert len(body["examples"]) == 3
    for example in body["examples"].values():
        wanted = generated.models.JobRequest.from_dict(example["value"])
        assert generated.call("jobs.create_job", body=wanted).status_code == 201
