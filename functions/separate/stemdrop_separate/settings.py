"""The separator function's settings, read from the environment once per execution environment."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from stemdrop.env import choice, positive, require, retry_delays_s, topic_arn
from stemdrop.lyrics import LyricsEngine
from stemdrop.pricing import USD_PER_GB_SECOND
from stemdrop_separate.models.catalog import BackendName

# A song is tried three times, so it is retried twice; see maxReceiveCount in template.yaml.
RETRY_DELAYS_S = (30, 120)


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the function.

    Attributes
    ----------
    uploads_bucket, stems_bucket : Names of the buckets.
    model_dir : Folder of the models.
    backend : Engine that runs them.
    max_upload_bytes, max_duration_s : Limits of a song.
    architecture : Architecture of the processor, which sets the price.
    ffmpeg : Path of ffmpeg; by default that of imageio-ffmpeg.
    work_dir : Folder of songs and stems during a job.
    completion_topic_arn : ARN of the topic for finished jobs; None for no notifications.
    song_queue_url : URL of the queue whose messages are handled; None if their visibility isn't
        changed, as under `sam local invoke`.
    retry_delays_s : Seconds until a failed message is delivered a second time, and a third time.
    lyrics : Engine for lyrics: none, transcribe, or the name of a Whisper model.
    lyrics_queue_url : URL of the queue of the lyrics function; None without Amazon Transcribe.
    """

    VARIABLES: ClassVar[frozenset[str]] = frozenset(
        {
            "UPLOADS_BUCKET",
            "STEMS_BUCKET",
            "MODEL_DIR",
            "BACKEND",
            "MAX_UPLOAD_BYTES",
            "MAX_DURATION_S",
            "ARCHITECTURE",
        }
    )

    uploads_bucket: str
    stems_bucket: str
    model_dir: Path
    backend: BackendName
    max_upload_bytes: int
    max_duration_s: int
    architecture: str
    ffmpeg: str | None
    work_dir: Path
    completion_topic_arn: str | None = None
    song_queue_url: str | None = None
    retry_delays_s: tuple[int, ...] = RETRY_DELAYS_S
    lyrics: str = LyricsEngine.NONE
    lyrics_queue_url: str | None = None

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the settings.

        Raises
        ------
        SetupError : A variable is missing or invalid; the message names it.
        """
        env = require(environment, cls.VARIABLES)
        arn = environment.get("COMPLETION_TOPIC_ARN")
        return cls(
            uploads_bucket=env["UPLOADS_BUCKET"],
            stems_bucket=env["STEMS_BUCKET"],
            model_dir=Path(env["MODEL_DIR"]),
            backend=BackendName(choice("BACKEND", env["BACKEND"], tuple(BackendName))),
            max_upload_bytes=positive("MAX_UPLOAD_BYTES", env["MAX_UPLOAD_BYTES"]),
            max_duration_s=positive("MAX_DURATION_S", env["MAX_DURATION_S"]),
            architecture=choice("ARCHITECTURE", env["ARCHITECTURE"], tuple(USD_PER_GB_SECOND)),
            ffmpeg=environment.get("FFMPEG") or None,
            work_dir=Path(tempfile.gettempdir()) / "stemdrop",
            completion_topic_arn=topic_arn("COMPLETION_TOPIC_ARN", arn) if arn else None,
            song_queue_url=environment.get("SONG_QUEUE_URL") or None,
            retry_delays_s=retry_delays_s(environment, RETRY_DELAYS_S),
            lyrics=environment.get("LYRICS") or LyricsEngine.NONE,
            lyrics_queue_url=environment.get("LYRICS_QUEUE_URL") or None,
        )

    @property
    def usd_per_gb_second(self) -> float:
        """Return the price of a gigabyte of memory for a second."""
        return USD_PER_GB_SECOND[self.architecture]
