"""Paths in HTTP API events, which are decoded, with or without percent signs."""

import pytest

from stemdrop_api.http_event import decode_percent_signs


@pytest.mark.parametrize(
    ("raw_path", "path"),
    [
        ("/drop/a b+c.wav", "/drop/a b+c.wav"),
        ("/drop/100%25.wav", "/drop/100%.wav"),
        ("/drop/%252F%2525.wav", "/drop/%2F%25.wav"),
        ("/drop/100%.wav", "/drop/100%.wav"),
        ("/drop/%25 and %2F.wav", "/drop/%25 and %2F.wav"),
    ],
)
def test_percent_signs_are_decoded_where_all_are_encoded(raw_path: str, path: str) -> None:
    assert decode_percent_signs(raw_path) == path
