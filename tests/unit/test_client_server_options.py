from pathlib import Path

import pytest

from stemdrop.errors import OptionError
from stemdrop_cli.server_options import DEFAULT_URL, find_token, find_url

REMOTE = "https://stemdrop.example.org"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STEMDROP_URL", raising=False)
    monkeypatch.delenv("STEMDROP_TOKEN", raising=False)


@pytest.fixture
def checkout_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "token"
    path.write_text("of-the-checkout\n")
    monkeypatch.setattr("stemdrop_cli.server_options.CHECKOUT_TOKEN", path)
    return path


def test_url_argument_overrides_environment_and_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert find_url(None) == DEFAULT_URL
    monkeypatch.setenv("STEMDROP_URL", f"{REMOTE}/prod/")
    assert find_url(None) == f"{REMOTE}/prod"
    assert find_url("http://[::1]:5000/") == "http://[::1]:5000"


@pytest.mark.parametrize("url", ["localhost:5000", "ftp://x", "https://", "/jobs", "http://x:port"])
def test_invalid_url_is_rejected(url: str) -> None:
    with pytest.raises(OptionError, match="url can't be"):
        find_url(url)


def test_checkout_token_is_used_for_loopback_urls_only(checkout_token: Path) -> None:
    for url in (DEFAULT_URL, "http://127.0.0.1:8080", "http://[::1]:5000"):
        assert find_token(None, url) == "of-the-checkout"
    for url in (REMOTE, "http://localhost.example.org", "http://192.168.1.5:5000"):
        assert find_token(None, url) is None
    checkout_token.unlink()
    assert find_token(None, DEFAULT_URL) is None


@pytest.mark.usefixtures("checkout_token")
def test_given_token_overrides_environment_and_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEMDROP_TOKEN", "of-the-environment")
    assert find_token(None, REMOTE) == "of-the-environment"
    assert find_token(None, DEFAULT_URL) == "of-the-environment"
    assert find_token(" given\n", DEFAULT_URL) == "given"


@pytest.mark.parametrize("token", ["zwölf", "two words", "line\nbreak", "\x00"])
def test_invalid_token_is_rejected_without_being_shown(token: str) -> None:
    with pytest.raises(OptionError) as told:
        find_token(token, REMOTE)
    assert token not in told.value.message
