"""The webhook function's settings, read from the environment once per execution environment."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from stemdrop.callback_url import WebhookHosts
from stemdrop.env import require, retry_delays_s
from stemdrop.errors import SetupError

# Seven attempts in 15 hours; see maxReceiveCount in template.yaml. SQS allows 12 hours each.
RETRY_DELAYS_S = (30, 120, 600, 3600, 14_400, 36_000)
SECRET = re.compile(r"whsec_([A-Za-z0-9+/]+={0,2})")


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """Settings of the function.

    Attributes
    ----------
    hosts : Hosts that webhooks are sent to.
    secrets : Keys of the signatures: the current one, and others while it is replaced.
    queue_url : URL of the queue whose messages are handled.
    retry_delays_s : Seconds until a failed message is delivered a second time, a third, and so on.
    """

    VARIABLES: ClassVar[frozenset[str]] = frozenset(
        {"WEBHOOK_HOSTS", "WEBHOOK_SECRET", "WEBHOOK_QUEUE_URL"}
    )

    hosts: WebhookHosts
    secrets: tuple[bytes, ...] = field(repr=False)
    queue_url: str
    retry_delays_s: tuple[int, ...]

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> "WebhookSettings":
        """Read the settings.

        Raises
        ------
        SetupError : A variable is missing or invalid; the message names it.
        """
        env = require(environment, cls.VARIABLES)
        return cls(
            hosts=WebhookHosts.from_env(environment),
            secrets=tuple(map(_decode, env["WEBHOOK_SECRET"].split(","))),
            queue_url=env["WEBHOOK_QUEUE_URL"],
            retry_delays_s=retry_delays_s(environment, RETRY_DELAYS_S),
        )


def _decode(secret: str) -> bytes:
    """Return the key of a secret; the message does not repeat the secret."""
    match = SECRET.fullmatch(secret)
    try:
        return base64.b64decode(match[1] if match else "!", validate=True)
    except ValueError as error:
        raise SetupError(
            "WEBHOOK_SECRET is invalid: use whsec_ and at least 24 random bytes in Base64."
        ) from error
