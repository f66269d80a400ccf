"""The lyrics function's settings, read from the environment once per execution environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from stemdrop.env import require, retry_delays_s, topic_arn

# Four attempts in 13 minutes; see maxReceiveCount in template.yaml.
RETRY_DELAYS_S = (30, 120, 600)


@dataclass(frozen=True, slots=True)
class LyricsSettings:
    """Settings of the function.

    Attributes
    ----------
    stems_bucket : Name of the bucket with transcripts, stems and records.
    completion_topic_arn : ARN of the topic for finished jobs.
    queue_url : URL of the queue whose messages are handled.
    metrics_namespace : Namespace of the metrics, the same as the separator's.
    retry_delays_s : Seconds until a failed message is delivered a second time, a third, and so on.
    """

    VARIABLES: ClassVar[frozenset[str]] = frozenset(
        {"STEMS_BUCKET", "COMPLETION_TOPIC_ARN", "LYRICS_QUEUE_URL", "METRICS_NAMESPACE"}
    )

    stems_bucket: str
    completion_topic_arn: str
    queue_url: str
    metrics_namespace: str
    retry_delays_s: tuple[int, ...]

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> "LyricsSettings":
        """Read the settings.

        Raises
        ------
        SetupError : A variable is missing or invalid; the message names it.
        """
        env = require(environment, cls.VARIABLES)
        return cls(
            stems_bucket=env["STEMS_BUCKET"],
            completion_topic_arn=topic_arn("COMPLETION_TOPIC_ARN", env["COMPLETION_TOPIC_ARN"]),
            queue_url=env["LYRICS_QUEUE_URL"],
            metrics_namespace=env["METRICS_NAMESPACE"],
            retry_delays_s=retry_delays_s(environment, RETRY_DELAYS_S),
        )
