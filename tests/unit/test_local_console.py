"""Lines of the console: readable, one per event, and without control characters."""

import io
import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemdrop_local.console import Console, duration, escape, size


def lines(encoding: str, *said: str) -> list[str]:
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding=encoding, newline="") as out:
        for about in said:
            Console(out).say("dropped", about)
        out.flush()
        return raw.getvalue().decode(encoding).splitlines()


def test_line_has_time_event_and_details() -> None:
    (line,) = lines("utf-8", "drop/Größe 🎵.mp3")
    assert re.fullmatch(r"\d\d:\d\d:\d\d  dropped     drop/Größe 🎵\.mp3", line)


@given(st.text())
def test_control_characters_are_escaped(about: str) -> None:
    for encoding in ("utf-8", "ascii"):
        (line,) = lines(encoding, about)
        assert line.isprintable()


def test_undecodable_name_is_escaped() -> None:
    assert lines("utf-8", b"\xff\n".decode(errors="surrogateescape"))[0].endswith(r"\udcff\n")
    assert escape("\x1b[2J") == r"\x1b[2J"


def test_closed_output_is_ignored() -> None:
    gone, writing = os.pipe()
    os.close(gone)
    with os.fdopen(writing, "wb", buffering=0) as pipe:
        out = io.TextIOWrapper(pipe, write_through=True)
        Console(out).say("dropped", "into nothing")
        Console(out).show("Welcome!")
        out.detach()
    Console(out).say("dropped", "into nothing")


@pytest.mark.parametrize(
    ("duration_s", "written"),
    [
        (0, "0 ms"),
        (0.034, "34 ms"),
        (0.99949, "999 ms"),
        (0.9996, "1.0 s"),
        (7.94, "7.9 s"),
        (99.94, "99.9 s"),
        (125.4, "2 min 5 s"),
        (119.7, "2 min 0 s"),
    ],
)
def test_durations_have_readable_units(duration_s: float, written: str) -> None:
    assert duration(duration_s) == written


@pytest.mark.parametrize(
    ("size_bytes", "written"),
    [(0, "0 bytes"), (99_999, "99999 bytes"), (100_000, "0.1 MB"), (4_349_999, "4.3 MB")],
)
def test_sizes_have_readable_units(size_bytes: int, written: str) -> None:
    assert size(size_bytes) == written
