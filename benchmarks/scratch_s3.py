"""An S3 for one run: MiniStack on the loopback interface, with two empty buckets."""

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import boto3
from botocore.config import Config

from stemdrop_containers.engine import run_server
from stemdrop_local.ports import LOOPBACK, reserve_port

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

UPLOADS_BUCKET, STEMS_BUCKET = "stemdrop-uploads-scratch", "stemdrop-stems-scratch"
REGION: Literal["eu-central-1"] = "eu-central-1"
# MiniStack's own, which may do everything.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


@dataclass(frozen=True, slots=True)
class ScratchS3:
    """A running S3."""

    endpoint_url: str
    client: "S3Client"
    uploads_bucket: str = UPLOADS_BUCKET
    stems_bucket: str = STEMS_BUCKET

    @property
    def environment(self) -> Mapping[str, str]:
        """Return the variables that lead a function to it."""
        return {
            **CREDENTIALS,
            "AWS_ENDPOINT_URL_S3": self.endpoint_url,
            "UPLOADS_BUCKET": self.uploads_bucket,
            "STEMS_BUCKET": self.stems_bucket,
        }

    def upload(self, song: Path, key: str, metadata: Mapping[str, str] | None = None) -> object:
        """Empty the stems bucket, so that no song is known; upload one, and return S3's event."""
        for earlier in self.keys():
            self.client.delete_object(Bucket=self.stems_bucket, Key=earlier)
        extra = {"Metadata": dict(metadata or {})}
        self.client.upload_file(str(song), self.uploads_bucket, key, ExtraArgs=extra)
        bucket = {"name": self.uploads_bucket, "arn": f"arn:aws:s3:::{self.uploads_bucket}"}
        place = {"s3SchemaVersion": "1.0", "bucket": bucket, "object": {"key": key}}
        return {
            "Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": place}]
        }

    def read(self, key: str) -> bytes:
        """Return an object of the stems bucket."""
        return self.client.get_object(Bucket=self.stems_bucket, Key=key)["Body"].read()

    def keys(self, prefix: str = "") -> list[str]:
        """Return the keys of the stems bucket."""
        listing = self.client.list_objects_v2(Bucket=self.stems_bucket, Prefix=prefix)
        return [entry["Key"] for entry in listing.get("Contents", [])]


@contextmanager
def run_scratch_s3() -> Iterator[ScratchS3]:
    """Run an S3 until the context ends.

    Raises
    ------
    EngineError : It doesn't start.
    """
    port = reserve_port()
    endpoint_url = f"http://{LOOPBACK}:{port}"
    variables = {
        "PATH": os.defpath,
        "GATEWAY_PORT": str(port),
        "BIND_HOST": LOOPBACK,
        "MINISTACK_REGION": REGION,
        "SERVICES": "s3",
        "MALLOC_ARENA_MAX": "2",
    }
    command = [sys.executable, "-m", "ministack"]
    with (
        tempfile.TemporaryFile() as log,
        run_server(command, (LOOPBACK, port), variables, log),
        closing(_client(endpoint_url)) as client,
    ):
        for bucket in (UPLOADS_BUCKET, STEMS_BUCKET):
            client.create_bucket(
                Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION}
            )
        yield ScratchS3(endpoint_url, client)


def _client(endpoint_url: str) -> "S3Client":
    return boto3.client(
        "s3",
        endpoint_url=endpoint_url,
        region_name=REGION,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        config=Config(s3={"addressing_style": "path"}),
    )
