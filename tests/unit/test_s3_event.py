"""Keys in S3 notifications, and other events."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_context import TEST_EVENT, event_of
from stemdrop.errors import SetupError
from stemdrop_separate.s3_event import announced_uploads


@given(keys=st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=3))
def test_uploads_round_trip_through_a_notification(keys: list[str]) -> None:
    assert announced_uploads(event_of(*keys, etag="x")) == dict.fromkeys(keys, "x")
    assert announced_uploads(event_of(*keys)) == dict.fromkeys(keys)


def test_the_test_event_names_no_upload() -> None:
    assert announced_uploads(TEST_EVENT) == {}


@pytest.mark.parametrize("other", [{}, [], "text", None, {"Records": None}, {"Event": "s3:Other"}])
def test_other_events_are_an_error(other: Any) -> None:
    with pytest.raises(SetupError, match="This is no S3 notification"):
        announced_uploads(other)
