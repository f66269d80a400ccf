"""The embedded stack: the application's buckets, queues and topics, wired as template.yaml says."""

import contextlib
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

from stemdrop_local.intrinsics import REGION
from stemdrop_local.s3.server import S3Server
from stemdrop_local.template import Application, Bucket, Queue, Subscription

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

# On AWS, Lambda itself keeps the events until they are delivered.
EVENT_QUEUE = "events"


@dataclass(frozen=True, slots=True)
class Stack:
    """A running application without its function; a context manager that closes the clients.

    Attributes
    ----------
    application : what it was made from.
    endpoint_url : where S3 answers.
    s3, sqs : clients.
    event_queue_url, failure_queue_url : of the events to deliver, and of those that failed.
    """

    application: Application
    endpoint_url: str
    s3: "S3Client"
    sqs: "SQSClient"
    event_queue_url: str
    failure_queue_url: str

    @property
    def uploads_bucket(self) -> str:
        """Return the name of the bucket that songs go to."""
        return self.application.function.environment["UPLOADS_BUCKET"]

    @property
    def stems_bucket(self) -> str:
        """Return the name of the bucket that stems come from."""
        return self.application.function.environment["STEMS_BUCKET"]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.s3.close()
        self.sqs.close()


def create_stack(server: S3Server, application: Application) -> Stack:
    """Create an application's buckets, queues and topics on a server; what it has is left as full.

    A bucket's rules are those of the application, whatever they were before.
    """
    s3, sqs = server.s3_client(), server.sqs_client()
    function = application.function
    urls = {queue.name: _create_queue(sqs, queue) for queue in application.queues}
    event_queue_url = sqs.create_queue(QueueName=EVENT_QUEUE)["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=event_queue_url, AttributeNames=["QueueArn"])
    _create_topics(server, application.topics)
    for bucket in application.buckets:
        _create_bucket(s3, bucket)
        wanted = [entry for entry in function.subscriptions if entry.bucket == bucket.name]
        _subscribe(s3, bucket, wanted, attributes["Attributes"]["QueueArn"])
    return Stack(
        application=application,
        endpoint_url=server.endpoint_url,
        s3=s3,
        sqs=sqs,
        event_queue_url=event_queue_url,
        failure_queue_url=urls[function.failure_queue],
    )


def _create_queue(sqs: "SQSClient", queue: Queue) -> str:
    attributes = {"MessageRetentionPeriod": str(queue.retention_s)}
    return sqs.create_queue(QueueName=queue.name, Attributes=cast("dict[Any, str]", attributes))[
        "QueueUrl"
    ]


def _create_topics(server: S3Server, names: Iterable[str]) -> None:
    """Create topics; nobody subscribes to them but tests."""
    with closing(server.sns_client()) as sns:
        for name in names:
            sns.create_topic(Name=name)


def _create_bucket(s3: "S3Client", bucket: Bucket) -> None:
    location: Any = {"LocationConstraint": REGION}
    with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=bucket.name, CreateBucketConfiguration=location)
    if bucket.lifecycle_rules:
        rules: Any = {"Rules": list(bucket.lifecycle_rules)}
        s3.put_bucket_lifecycle_configuration(Bucket=bucket.name, LifecycleConfiguration=rules)
    if bucket.cors_rules:
        cors: Any = {"CORSRules": list(bucket.cors_rules)}
        s3.put_bucket_cors(Bucket=bucket.name, CORSConfiguration=cors)


def _subscribe(
    s3: "S3Client", bucket: Bucket, subscriptions: list[Subscription], queue_arn: str
) -> None:
    if not subscriptions:
        return
    configuration: Any = {
        "QueueConfigurations": [
            {
                "QueueArn": queue_arn,
                "Events": list(subscription.events),
                "Filter": {
                    "Key": {"FilterRules": [{"Name": "prefix", "Value": subscription.prefix}]}
                },
            }
            for subscription in subscriptions
        ]
    }
    s3.put_bucket_notification_configuration(
        Bucket=bucket.name, NotificationConfiguration=configuration
    )
