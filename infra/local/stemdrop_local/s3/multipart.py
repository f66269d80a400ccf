"""When multipart uploads began: moto says 2010, and a rule that ends the old ones wants to know."""

import functools
import re
from datetime import UTC, datetime
from typing import Any

from moto.s3.models import S3Backend
from moto.s3.responses import S3Response

from stemdrop.jobs import timestamp

BEGINNING = re.compile(r"(<UploadId>([^<]*)</UploadId>.*?<Initiated>)[^<]*")


def remember_beginnings() -> None:
    """Have moto list its multipart uploads with the times at which they began."""
    create, answer = S3Backend.create_multipart_upload, S3Response.list_multipart_uploads

    @functools.wraps(create)
    def create_now(*arguments: Any, **more: Any) -> Any:
        upload = create(*arguments, **more)
        upload.began_at = timestamp(datetime.now(UTC))
        return upload

    @functools.wraps(answer)
    def answer_truly(response: Any) -> Any:
        status, headers, body = answer(response)
        uploads = response.backend.list_multipart_uploads(response.bucket_name)
        text = body if isinstance(body, str) else body.decode()
        return status, headers, BEGINNING.sub(lambda it: it[1] + uploads[it[2]].began_at, text)

    S3Backend.create_multipart_upload = create_now
    S3Response.list_multipart_uploads = answer_truly
