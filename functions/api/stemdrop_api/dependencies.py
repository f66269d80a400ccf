"""What every route depends on, created once per execution environment."""

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request

from stemdrop.presigned import UrlSigner
from stemdrop.s3 import client_config, connect
from stemdrop.store import Store
from stemdrop_api.job_index import JobIndex
from stemdrop_api.settings import ApiSettings

# All attempts end before Lambda stops the function: see Timeout in template.yaml.
CLIENT_CONFIG = client_config(read_timeout_s=8, attempts=3)


@dataclass(frozen=True, slots=True)
class Dependencies:
    """The settings, the store, the index of jobs, and the signer of URLs that others use."""

    settings: ApiSettings
    store: Store
    index: JobIndex
    signer: UrlSigner

    @classmethod
    def create(cls, settings: ApiSettings) -> "Dependencies":
        """Create the clients of S3 without sending a request."""
        client = connect(CLIENT_CONFIG)
        buckets = settings.uploads_bucket, settings.stems_bucket
        store = Store(*buckets, client, may_list=False)
        return cls(
            settings,
            store,
            JobIndex(store, client),
            UrlSigner(*buckets, client, settings.url_lifetime_s),
        )


async def _of_app(request: Request) -> Dependencies:
    return cast(Dependencies, request.app.state.dependencies)


AppDependencies = Annotated[Dependencies, Depends(_of_app)]
