"""Requests of one song in the whole application, which determine the bill."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks.cost.application import DeployedApplication, run_application
from benchmarks.cost.embedded_metrics import custom_metrics
from benchmarks.cost.traffic import Requester, RequestKind
from benchmarks.songs.wav import write_wav
from stemdrop.codecs import Codec
from tiny_models import install
from uploads import RATE_HZ


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployedApplication]:
    folder = tmp_path_factory.mktemp("application")
    models = folder / "models"
    models.mkdir()
    install(models)
    with run_application(folder, models) as application:
        yield application


def song(folder: Path, duration_s: float) -> Path:
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, (round(duration_s * RATE_HZ), 2))
    path = folder / "song.wav"
    write_wav(path, [noise.astype(np.float32)])
    return path


def test_every_request_of_a_song_is_counted(
    application: DeployedApplication, tmp_path: Path
) -> None:
    traffic = application.separate(song(tmp_path, 0.5), Codec.WAV)
    # Two stems of half a second: 16 bits of two channels, and a header.
    assert traffic.uploaded_bytes == song(tmp_path, 0.5).stat().st_size
    assert 2 * 0.5 * RATE_HZ * 4 < traffic.stems_bytes < 2 * (0.5 * RATE_HZ * 4 + 1000)
    paths = [(r.who, r.kind, r.path.rpartition("/")[2]) for r in traffic.requests]
    # To the API: the options, the new job, and at least two polls.
    assert traffic.count(RequestKind.CALL) >= 4
    assert traffic.answers_bytes > 1000
    # From the client: the song, and each stem once.
    assert traffic.count(RequestKind.WRITE, Requester.CLIENT) == 1
    assert traffic.count(RequestKind.READ, Requester.CLIENT) == 2
    # From the API: the record of the new job, and a read for each poll of the client.
    looks = sum(r.kind is RequestKind.CALL and "/jobs/" in r.path for r in traffic.requests)
    assert traffic.count(RequestKind.READ, Requester.API) >= looks
    assert (Requester.API, RequestKind.WRITE, "job.json") in paths
    # From the separator: both stems, the index entry, several records, and one song.
    own = [
        name for who, kind, name in paths if (who, kind) == (Requester.SEPARATOR, RequestKind.WRITE)
    ]
    assert {"vocals.wav", "accompaniment.wav", "job.json"} <= set(own)
    assert own.count("vocals.wav") == 1
    assert traffic.count(RequestKind.READ, Requester.SEPARATOR) >= 3
    assert traffic.count(RequestKind.MESSAGE) == 1
    assert traffic.logs_bytes > 1000


def test_the_same_song_is_separated_again_and_parts_are_counted(
    application: DeployedApplication, tmp_path: Path
) -> None:
    """A stem larger than 8 MB is uploaded in parts, and each part is a request."""
    traffic = application.separate(song(tmp_path, 50), Codec.WAV)
    own = [
        r
        for r in traffic.requests
        if r.who is Requester.SEPARATOR and r.path.endswith("vocals.wav")
    ]
    # 8.8 MB: the creation, two parts and the completion of a multipart upload.
    assert len([request for request in own if request.kind is RequestKind.WRITE]) == 4


def test_custom_metrics_are_found_in_the_logs(
    application: DeployedApplication, tmp_path: Path
) -> None:
    traffic = application.separate(song(tmp_path, 0.5), Codec.MP3)
    names = {metric[1] for metric in custom_metrics(traffic.lines)}
    assert {"JobsDone", "CostUsd", "AudioSeconds", "SeparationSeconds"} <= names
