"""A local S3 with two empty buckets."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.local_aws import run_local_aws
from stemdrop_local.emulator import REGION

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

UPLOADS_BUCKET, STEMS_BUCKET = "stemdrop-uploads-scratch", "stemdrop-stems-scratch"


@dataclass(frozen=True, slots=True)
class LocalS3:
    """A running S3."""

    endpoint_url: str
    client: "S3Client"
    credentials: Mapping[str, str]
    uploads_bucket: str = UPLOADS_BUCKET
    stems_bucket: str = STEMS_BUCKET

    @property
    def environment(self) -> Mapping[str, str]:
        """Return the variables for a function that uses it."""
        return {
            **self.credentials,
            "AWS_ENDPOINT_URL_S3": self.endpoint_url,
            "UPLOADS_BUCKET": self.uploads_bucket,
            "STEMS_BUCKET": self.stems_bucket,
        }

    def upload(self, song: Path, key: str, metadata: Mapping[str, str] | None = None) -> object:
        """Empty the stems bucket, upload a song, and return S3's event."""
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
def run_local_s3() -> Iterator[LocalS3]:
    """Run an S3 until the context ends."""
    location: Any = {"LocationConstraint": REGION}
    with tempfile.TemporaryDirectory() as folder, run_local_aws(Path(folder)) as emulator:
        client = emulator.s3()
        for bucket in (UPLOADS_BUCKET, STEMS_BUCKET):
            client.create_bucket(Bucket=bucket, CreateBucketConfiguration=location)
        yield LocalS3(emulator.endpoint_url, client, emulator.credentials)
