"""Log entries become lines for people: each once, in order, and nothing that steers a terminal."""

import argparse
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemdrop_cloud import log_groups
from stemdrop_cloud.log_lines import render
from stemdrop_cloud.logs import _source, moment_ms

NOON_MS = 1_767_268_800_123  # 2026-01-01 12:00:00.123 UTC
REPORT = (
    "REPORT RequestId: 8f5\tDuration: 811.20 ms\tBilled Duration: 812 ms\tMemory Size: 3008 MB\t"
    "Max Memory Used: 402 MB\t"
)


def entry(**values: object) -> str:
    always = {"level": "INFO", "message": "attempt_ended", "timestamp": "x", "service": "separate"}
    return json.dumps({**always, **values})


def test_a_line_says_when_who_what_and_which_song() -> None:
    line = render(
        NOON_MS, "separate", entry(outcome="done", key="drop/a b.mp3", function_arn="arn", cost=0.1)
    )
    assert line == (
        "2026-01-01 12:00:00.123 separate INFO    attempt_ended"
        '  key="drop/a b.mp3"  outcome=done  cost=0.1'
    )


def test_an_exception_is_below_its_line() -> None:
    trace = "Traceback (most recent call last):\n  File x\nStorageError: S3 said no."
    line = render(NOON_MS, "api", entry(level="ERROR", exception=trace, exception_name="S"))
    assert line is not None
    assert line.splitlines()[0].endswith("api      ERROR   attempt_ended")
    assert line.splitlines()[1:] == [f"    {row}" for row in trace.splitlines()]


def test_what_the_runtime_says_of_an_error_is_shown() -> None:
    text = json.dumps(
        {"errorMessage": "no module", "errorType": "ImportError", "stackTrace": ["a"]}
    )
    line = render(NOON_MS, "api", text)
    assert line is not None
    assert "ERROR   no module  errorType=ImportError\n    a" in line


def test_an_access_is_a_line() -> None:
    access = {"request_id": "r", "time": "t", "route": "GET /jobs/{id}", "status": "200"}
    line = render(NOON_MS, "access", json.dumps({**access, "latency_ms": "12", "error": "-"}))
    assert line is not None
    assert line.endswith("access   INFO    GET /jobs/{id}  request_id=r  status=200  latency_ms=12")


@pytest.mark.parametrize(
    "text",
    [
        "START RequestId: 8f5 Version: $LATEST",
        "END RequestId: 8f5",
        "INIT_START Runtime Version: python:3.11",
        json.dumps({"_aws": {"CloudWatchMetrics": []}, "Separations": 1}),
        "",
    ],
)
def test_boilerplate_is_left_out(text: str) -> None:
    assert render(NOON_MS, "api", text) is None


def test_what_a_run_cost_and_how_it_ended_is_shown() -> None:
    line = render(NOON_MS, "api", REPORT)
    assert line is not None
    assert "INFO    run_ended  billed_ms=812  memory_mb=402/3008" in line
    timed_out = render(NOON_MS, "separate", f"{REPORT}Status: timeout")
    assert timed_out is not None
    assert "ERROR   run_ended  status=timeout" in timed_out


@given(st.text(), st.dictionaries(st.text(), st.text()))
def test_no_entry_steers_a_terminal(text: str, values: dict[str, str]) -> None:
    for raw in (text, json.dumps(values), entry(key=text, exception=text)):
        line = render(NOON_MS, "api", raw)
        assert line is None or all(sign.isprintable() or sign == "\n" for sign in line)


class Logs:
    """CloudWatch's log groups; each look at them finds what `rounds` has next."""

    def __init__(self, *rounds: dict[str, list[tuple[int, str]]]) -> None:
        self.rounds = list(rounds)
        self.starts: list[int] = []

    def get_paginator(self, name: str) -> "Logs":
        assert name == "filter_log_events"
        return self

    def paginate(self, logGroupName: str, startTime: int) -> Iterator[dict[str, Any]]:  # noqa: N803
        self.starts.append(startTime)
        found = [one for one in self.rounds[0].get(logGroupName, []) if one[0] >= startTime]
        for at, name in found:  # a page each
            yield {"events": [{"timestamp": at, "eventId": name, "message": name}]}
            yield {"events": []}


class StopError(Exception):
    pass


def test_groups_are_merged_by_time() -> None:
    logs = Logs({"/a": [(1, "one"), (4, "four")], "/b": [(2, "two"), (3, "three"), (5, "five")]})
    found = log_groups.read(logs, {"a": "/a", "b": "/b"}, 0)
    assert [each.text for each in found] == ["one", "two", "three", "four", "five"]


def test_following_shows_each_entry_once_and_late_ones_too() -> None:
    first = {"/a": [(100_000, "one")], "/b": [(100_000, "one")]}
    late = {"/a": [(90_000, "late"), (100_000, "one")], "/b": [(100_000, "one")]}
    more = {"/a": [(100_000, "one"), (300_000, "two")]}
    last = {"/a": [(300_000, "two"), (300_000, "three")]}
    logs = Logs(first, late, more, last)

    def wait(_: float) -> None:
        logs.rounds.pop(0)
        if not logs.rounds:
            raise StopError

    shown: list[log_groups.Entry] = []
    with pytest.raises(StopError):
        shown.extend(log_groups.follow(logs, {"a": "/a", "b": "/b"}, 50_000, wait))
    assert [f"{each.source} {each.text}" for each in shown] == [
        "a one",
        "b one",
        "a late",
        "a two",
        "a three",
    ]
    assert logs.starts[-1] == 300_000 - log_groups.LATENESS_MS  # not all of it again


@pytest.mark.parametrize(("text", "ago_s"), [("30s", 30), ("15m", 900), ("2d", 172_800)])
def test_a_moment_can_be_how_long_ago(text: str, ago_s: int) -> None:
    assert moment_ms(text) == pytest.approx((time.time() - ago_s) * 1000, abs=2000)


def test_a_moment_can_be_a_time() -> None:
    assert moment_ms("2026-01-01T12:00:00") == NOON_MS - 123
    assert moment_ms("2026-01-01T13:00:00+01:00") == NOON_MS - 123


@pytest.mark.parametrize("text", ["yesterday", "", "-5m", "5y"])
def test_no_moment_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        moment_ms(text)


def test_groups_are_named_after_what_writes_them() -> None:
    names = ["SeparateLogGroup", "ApiLogGroup", "ApiAccessLogGroup"]
    assert [_source(name) for name in names] == ["separate", "api", "access"]
