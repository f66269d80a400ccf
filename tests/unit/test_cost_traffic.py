"""How requests and logs are told apart for the bill."""

import json
from pathlib import Path

import pytest
from werkzeug.test import Client
from werkzeug.wrappers import Response

from benchmarks.cost import logs
from benchmarks.cost.limited import OutOfMemoryError, Times
from benchmarks.cost.logs import LogReader, custom_metrics
from benchmarks.cost.rounds import Rounds
from benchmarks.cost.traffic import Kind, Recorder, Request, Traffic, Who

SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=..."}
TOKEN = {"Authorization": "Bearer token"}


@pytest.mark.parametrize(
    ("method", "path", "headers", "is_inside", "who", "kind"),
    [
        ("PUT", "/stems/drop/a/job.json", SIGNED, True, Who.SEPARATOR, Kind.WRITE),
        ("POST", "/stems/drop/a/vocals.wav?uploads", SIGNED, True, Who.SEPARATOR, Kind.WRITE),
        ("GET", "/stems?list-type=2", SIGNED, True, Who.SEPARATOR, Kind.WRITE),
        ("GET", "/stems/?list-type=2", SIGNED, True, Who.SEPARATOR, Kind.WRITE),
        ("HEAD", "/uploads/drop/a", SIGNED, True, Who.SEPARATOR, Kind.READ),
        ("DELETE", "/stems/drop/a/bass.wav", SIGNED, True, Who.SEPARATOR, Kind.DELETE),
        ("POST", "/", SIGNED, True, Who.SEPARATOR, Kind.MESSAGE),
        ("GET", "/stems/jobs/a/job.json", SIGNED, False, Who.API, Kind.READ),
        ("GET", "/stems/jobs/a/vocals.wav?X-Amz-Signature=1", {}, False, Who.CLIENT, Kind.READ),
        ("POST", "/uploads", {}, False, Who.CLIENT, Kind.WRITE),
        ("GET", "/jobs/a", TOKEN, False, Who.CLIENT, Kind.CALL),
        ("POST", "/jobs", TOKEN, False, Who.CLIENT, Kind.CALL),
    ],
)
def test_who_asks_for_what(
    method: str, path: str, headers: dict[str, str], is_inside: bool, who: Who, kind: Kind
) -> None:
    seen: list[Request] = []
    recorder = Recorder(Response("eight by"), ["uploads", "stems"], seen, is_inside=is_inside)
    with Client(recorder).open(path, method=method, headers=headers) as answer:
        assert method == "HEAD" or answer.get_data(as_text=True) == "eight by"
    (request,) = seen
    assert (request.who, request.kind) == (who, kind)
    assert method == "HEAD" or request.answer_bytes == 8


def test_counts_and_sizes() -> None:
    requests = (
        Request(Who.CLIENT, Kind.CALL, "/jobs", 100),
        Request(Who.CLIENT, Kind.CALL, "/jobs/a", 50),
        Request(Who.API, Kind.READ, "/stems/jobs/a/job.json", 10),
        Request(Who.CLIENT, Kind.READ, "/stems/jobs/a/vocals.wav", 10_000),
    )
    traffic = Traffic(requests, 1, 10_000, ("1234567890", "é"))
    assert traffic.count(Kind.READ) == 2
    assert traffic.count(Kind.READ, Who.API) == 1
    assert traffic.answers_bytes == 150
    # Two lines of the access log, and two of ours, 26 bytes more each.
    assert traffic.logs_bytes == 2 * (250 + 26) + (10 + 26) + (2 + 26)


def metric_line(name: str, dimensions: list[list[str]], **values: str) -> str:
    group = {"Namespace": "stemdrop", "Dimensions": dimensions, "Metrics": [{"Name": name}]}
    return json.dumps({"_aws": {"CloudWatchMetrics": [group]}, name: 1, **values})


def test_a_metric_costs_once_for_each_value_of_its_dimensions() -> None:
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


def test_new_lines_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "SETTLED_S", 0)
    one, other = tmp_path / "one", tmp_path / "other"
    reader = LogReader(one, other)
    assert reader.read() == ()
    one.write_text("a\nb\n")
    assert reader.read() == ("a", "b")
    other.write_text("c\n")
    with one.open("a") as file:
        file.write("d\n")
    assert reader.read() == ("d", "c")


def test_what_was_killed_is_not_tried_again() -> None:
    tried: list[int] = []

    def run(memory_mb: int) -> Times:
        tried.append(memory_mb)
        if memory_mb < 3000:
            raise OutOfMemoryError("too few")
        return Times(2.0, 1.0)

    rounds = Rounds(run)
    for memory_mb in (1769, 3538, 1769, 3538):
        rounds.measure(memory_mb)
    assert tried == [1769, 3538, 3538]
    assert rounds.times == {1769: [], 3538: [Times(2.0, 1.0), Times(2.0, 1.0)]}
