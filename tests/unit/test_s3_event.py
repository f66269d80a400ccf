"""Keys in S3 notifications, and other events."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_context import TEST_EVENT, event_of
from stemdrop.errors import SetupError
from stemdrop_separate.s3_event import upload_keys


@given(keys=st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=3))
def test_keys_round_trip_through_a_notification(keys: list[str]) -> None:
    assert upload_keys(event_of(*keys)) == keys


def test_the_test_event_names_no_upload() -> None:
    assert upload_keys(TEST_EVENT) == []


@pytest.mark.parametrize("other", [{}, [], "text", None, {"Records": None}, {"Event": "s3:Other"}])
def test_other_events_are_an_error(other: Any) -> None:
    with pytest.raises(SetupError, match="This is no S3 notification"):
        upload_keys(other)
