from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemdrop.job_record import Job, Status
from stemdrop.lyrics import Lyrics, LyricsStatus
from stemdrop_api.etag import etag_for, matches

NOW = datetime(2026, 1, 15, 10, 15, tzinfo=UTC)
LIFETIME_S = 900
JOB = Job("drop/x", Status.PROCESSING, "", "")


def tag(etag: str = '"abc"', job: Job = JOB, after_s: float = 0.0) -> str:
    return etag_for(etag, job, LIFETIME_S, NOW + timedelta(seconds=after_s))


def test_etag_changes_with_record_and_status() -> None:
    assert tag() == tag()
    assert len({tag(), tag('"abd"'), tag(job=JOB.updated(status=Status.FAILED))}) == 3
    assert tag().startswith('W/"abc-processing-')


def test_etag_changes_with_the_lyrics() -> None:
    each = {tag(job=JOB.updated(lyrics=Lyrics(status, "transcribe"))) for status in LyricsStatus}
    assert len({tag(), *each}) == 4


@given(st.floats(0, 1e6), st.floats(LIFETIME_S / 3, 1e6))
def test_etag_changes_before_urls_expire(first_s: float, age_s: float) -> None:
    assert tag(after_s=first_s) != tag(after_s=first_s + age_s)


@pytest.mark.parametrize("known", ['W/"a-b-1"', '"a-b-1"', '"x", W/"a-b-1"', '"x","a-b-1"', "*"])
def test_if_none_match_with_the_etag_matches(known: str) -> None:
    assert matches('W/"a-b-1"', known)


@pytest.mark.parametrize("known", [None, "", '"a-b-2"', "a-b-1", 'W/"a-b-1', ",", '"a-b-1" "x"'])
def test_if_none_match_with_another_etag_does_not_match(known: str | None) -> None:
    assert not matches('W/"a-b-1"', known)
