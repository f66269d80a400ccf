"""The API function's settings, read from the environment once per execution environment."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from stemdrop.callback_url import WebhookHosts
from stemdrop.env import choice, positive, require
from stemdrop.errors import SetupError
from stemdrop.lyrics import LyricsEngine
from stemdrop.models import INSTRUMENTS, Model
from stemdrop.pricing import USD_PER_GB_SECOND

# A bearer token in an Authorization header, after "Bearer ". Source: RFC 6750, section 2.1.
ACCESS_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{32,}")


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """Settings of the API function.

    Attributes
    ----------
    uploads_bucket, stems_bucket : Names of the buckets.
    weights : Weights in the separator's image, such as ``2stems``.
    max_upload_bytes, max_duration_s : Limits of a song.
    retention_days : Days after which S3 deletes songs and stems.
    url_lifetime_s : Lifetime of presigned URLs.
    architecture : Processor architecture of the separator, which sets the price.
    separate_memory_mb : Memory of the separator.
    access_token : Bearer token of the API; empty if an authorizer checks credentials.
    jwt_issuer : Issuer of the JWTs that the HTTP API's authorizer accepts; empty without one.
    webhook_hosts : Hosts of callback URLs; none for no webhooks.
    lyrics : Engine for lyrics: none, transcribe, or the name of a Whisper model.
    """

    VARIABLES: ClassVar[frozenset[str]] = frozenset(
        {
            "UPLOADS_BUCKET",
            "STEMS_BUCKET",
            "MODELS",
            "MAX_UPLOAD_BYTES",
            "MAX_DURATION_S",
            "RETENTION_DAYS",
            "URL_LIFETIME_S",
            "ARCHITECTURE",
            "SEPARATE_MEMORY_MB",
        }
    )

    uploads_bucket: str
    stems_bucket: str
    weights: tuple[str, ...]
    max_upload_bytes: int
    max_duration_s: int
    retention_days: int
    url_lifetime_s: int
    architecture: str
    separate_memory_mb: int
    access_token: str = field(default="", repr=False)
    jwt_issuer: str = ""
    webhook_hosts: WebhookHosts = field(default_factory=WebhookHosts)
    lyrics: str = LyricsEngine.NONE

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> "ApiSettings":
        """Read the settings.

        Raises
        ------
        SetupError : A variable is missing or invalid; the message names it.
        """
        env = require(environment, cls.VARIABLES)
        token, issuer = environment.get("ACCESS_TOKEN", ""), environment.get("JWT_ISSUER", "")
        _require_credential(token, issuer)
        weights = env["MODELS"].split()
        return cls(
            uploads_bucket=env["UPLOADS_BUCKET"],
            stems_bucket=env["STEMS_BUCKET"],
            weights=tuple(choice("MODELS", name, tuple(INSTRUMENTS)) for name in weights),
            max_upload_bytes=positive("MAX_UPLOAD_BYTES", env["MAX_UPLOAD_BYTES"]),
            max_duration_s=positive("MAX_DURATION_S", env["MAX_DURATION_S"]),
            retention_days=positive("RETENTION_DAYS", env["RETENTION_DAYS"]),
            url_lifetime_s=positive("URL_LIFETIME_S", env["URL_LIFETIME_S"]),
            architecture=choice("ARCHITECTURE", env["ARCHITECTURE"], tuple(USD_PER_GB_SECOND)),
            separate_memory_mb=positive("SEPARATE_MEMORY_MB", env["SEPARATE_MEMORY_MB"]),
            access_token=token,
            jwt_issuer=issuer,
            webhook_hosts=WebhookHosts.from_env(environment),
            lyrics=environment.get("LYRICS") or LyricsEngine.NONE,
        )

    @property
    def models(self) -> tuple[Model, ...]:
        """Return the models that the separator has weights for."""
        return tuple(model for model in Model if model.weights in self.weights)


def _require_credential(token: str, issuer: str) -> None:
    """Require a credential; the message does not repeat the token."""
    if not token and not issuer:
        raise SetupError("The API has no credential: set ACCESS_TOKEN or JWT_ISSUER.")
    if token and not ACCESS_TOKEN.fullmatch(token):
        raise SetupError(
            "ACCESS_TOKEN is invalid: use at least 32 letters, digits or any of . _ ~ + / = -"
        )
