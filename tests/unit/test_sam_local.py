"""`make sam-local`: the environment of SAM."""

import pytest

from stemdrop_containers.sam_local import _environment


def test_sam_has_the_credentials_of_the_local_stack_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of another account")
    given = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "secret"}
    environment = _environment({"ApiFunction": given}, {})
    assert environment.items() >= given.items()
    assert "AWS_SESSION_TOKEN" not in environment
