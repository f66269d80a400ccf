from datetime import datetime

import pytest

from stemdrop.expiry import expires_at


@pytest.mark.parametrize(
    ("created_at", "days", "expected"),
    [
        # Source: the example of "Lifecycle configuration elements" in the S3 user guide.
        ("2014-01-15T10:30:00+00:00", 3, "2014-01-19T00:00:00+00:00"),
        ("2014-01-15T00:00:00+00:00", 3, "2014-01-18T00:00:00+00:00"),
        ("2014-01-15T00:00:00.001+00:00", 3, "2014-01-19T00:00:00+00:00"),
        ("2014-01-15T23:59:59.999+00:00", 1, "2014-01-17T00:00:00+00:00"),
        ("2014-01-16T00:30:00+01:00", 1, "2014-01-17T00:00:00+00:00"),
        ("2014-01-16T01:00:00+01:00", 1, "2014-01-17T00:00:00+00:00"),
        ("2024-02-28T12:00:00+00:00", 1, "2024-03-01T00:00:00+00:00"),
        ("2026-12-31T23:59:59.999+00:00", 1, "2027-01-02T00:00:00+00:00"),
    ],
)
def test_objects_expire_at_midnight(created_at: str, days: int, expected: str) -> None:
    assert expires_at(datetime.fromisoformat(created_at), days) == datetime.fromisoformat(expected)
