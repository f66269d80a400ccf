"""Classification of requests and logs for the bill."""

import json

import pytest

from benchmarks.cost.durations import InvocationDurations, OutOfMemoryError
from benchmarks.cost.embedded_metrics import custom_metrics
from benchmarks.cost.recording_proxy import classify
from benchmarks.cost.rounds import Rounds
from benchmarks.cost.traffic import Request, Requester, RequestKind, Traffic

BEGINNING = "AWS4-HMAC-SHA256 Credential=KEY/20260101/eu-central-1"
S3, SNS, SQS = (f"{BEGINNING}/{service}/aws4_request, ..." for service in ("s3", "sns", "sqs"))
PRESIGNED = "?X-Amz-Credential=KEY%2F20260101%2Feu-central-1%2Fs3%2Faws4_request&X-Amz-Signature=1"
BEARER = "Bearer token"


@pytest.mark.parametrize(
    ("method", "target", "authorization", "who", "kind"),
    [
        ("PUT", "/stems/drop/a/job.json", S3, Requester.SEPARATOR, RequestKind.WRITE),
        ("POST", "/stems/drop/a/vocals.wav?uploads", S3, Requester.SEPARATOR, RequestKind.WRITE),
        ("GET", "/stems?list-type=2", S3, Requester.SEPARATOR, RequestKind.WRITE),
        ("GET", "/stems/?list-type=2", S3, Requester.SEPARATOR, RequestKind.WRITE),
        ("GET", "/stems/drop/a/job.json", S3, Requester.SEPARATOR, RequestKind.READ),
        ("HEAD", "/uploads/drop/a", S3, Requester.SEPARATOR, RequestKind.READ),
        ("DELETE", "/stems/drop/a/bass.wav", S3, Requester.SEPARATOR, RequestKind.DELETE),
        ("POST", "/", SNS, Requester.SEPARATOR, RequestKind.MESSAGE),
        ("POST", "/", SQS, Requester.SEPARATOR, RequestKind.QUEUE),
        ("GET", f"/stems/jobs/a/vocals.wav{PRESIGNED}", "", Requester.CLIENT, RequestKind.READ),
        ("PUT", f"/uploads/jobs/a{PRESIGNED}", "", Requester.CLIENT, RequestKind.WRITE),
        ("GET", "/jobs/a", BEARER, Requester.CLIENT, RequestKind.CALL),
        ("POST", "/jobs", BEARER, Requester.CLIENT, RequestKind.CALL),
    ],
)
def test_requests_are_classified(
    method: str, target: str, authorization: str, who: Requester, kind: RequestKind
) -> None:
    assert classify(Requester.SEPARATOR, method, target, authorization) == (who, kind)


def test_traffic_counts_requests_and_bytes() -> None:
    requests = (
        Request(Requester.CLIENT, RequestKind.CALL, "/jobs", 100),
        Request(Requester.CLIENT, RequestKind.CALL, "/jobs/a", 50),
        Request(Requester.API, RequestKind.READ, "/stems/jobs/a/job.json", 10),
        Request(Requester.CLIENT, RequestKind.READ, "/stems/jobs/a/vocals.wav", 10_000),
        Request(Requester.SEPARATOR, RequestKind.QUEUE, "/", 0),
    )
    traffic = Traffic(requests, 1, 10_000, ("1234567890", "é"))
    assert traffic.count(RequestKind.READ) == 2
    assert traffic.count(RequestKind.READ, Requester.API) == 1
    assert traffic.answers_bytes == 150
    # The message is sent, received and deleted, and its visibility is changed.
    assert traffic.queue_requests == 4
    # Two lines of the access log and two of the functions, each with 26 more bytes.
    assert traffic.logs_bytes == 2 * (250 + 26) + (10 + 26) + (2 + 26)


def metric_line(name: str, dimensions: list[list[str]], **values: str) -> str:
    group = {"Namespace": "stemdrop", "Dimensions": dimensions, "Metrics": [{"Name": name}]}
    return json.dumps({"_aws": {"CloudWatchMetrics": [group]}, name: 1, **values})


def test_metric_counts_once_per_dimension_value() -> None:
    lines = [
        "START RequestId: 1",
        json.dumps({"message": "no metric"}),
        json.dumps(["no", "object"]),
        metric_line("JobsDone", [["service"]], service="separate"),
        metric_line("JobsDone", [["service"]], service="separate"),
        metric_line("JobsDone", [["service"]], service="other"),
        metric_line(
            "ColdStart", [["service"], ["service", "stage"]], service="separate", stage="a"
        ),
    ]
    assert len(custom_metrics(lines)) == 4
    assert ("stemdrop", "JobsDone", "service=other") in custom_metrics(lines)


def test_killed_container_is_not_retried() -> None:
    tried: list[int] = []

    def run(memory_mb: int) -> InvocationDurations:
        tried.append(memory_mb)
        if memory_mb < 3000:
            raise OutOfMemoryError("too few")
        return InvocationDurations(2.0, 1.0)

    rounds = Rounds(run)
    for memory_mb in (1769, 3538, 1769, 3538):
        rounds.measure(memory_mb)
    assert tried == [1769, 3538, 3538]
    assert rounds.times == {
        1769: [],
        3538: [InvocationDurations(2.0, 1.0), InvocationDurations(2.0, 1.0)],
    }
