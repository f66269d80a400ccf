"""What every call needs, made once per execution environment."""

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request

from stemdrop.presigned import UrlSigner
from stemdrop.s3 import client_config, connect
from stemdrop.store import Store
from stemdrop_api.settings import Settings

# Whatever S3 doesn't answer is told before Lambda ends the function: see Timeout in template.yaml.
CLIENT_CONFIG = client_config(read_timeout_s=8, attempts=3)


@dataclass(frozen=True, slots=True)
class Service:
    """The settings, and both ways to S3: asking it, and signing for others to ask it."""

    settings: Settings
    store: Store
    signer: UrlSigner

    @classmethod
    def start(cls, settings: Settings) -> "Service":
        """Connect to S3; nothing is sent yet."""
        client = connect(CLIENT_CONFIG)
        buckets = settings.uploads_bucket, settings.stems_bucket
        return cls(
            settings,
            Store(*buckets, client, may_list=False),
            UrlSigner(*buckets, client, settings.url_lifetime_s),
        )


async def _of_app(request: Request) -> Service:
    return cast(Service, request.app.state.service)


ServiceOfApp = Annotated[Service, Depends(_of_app)]
