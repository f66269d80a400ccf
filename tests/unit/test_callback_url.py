"""Callback URLs are accepted on allowed hosts only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemdrop.callback_url import CallbackUrl, WebhookHosts
from stemdrop.errors import CallbackUrlError, SetupError

LIST = {"WEBHOOK_HOSTS": "hooks.example.org,example.com:8443,127.0.0.1:9000"}
HOSTS = WebhookHosts.from_env(LIST)
LOCAL = WebhookHosts.from_env(LIST | {"WEBHOOK_LOOPBACK": "true"})
GOOD = "https://hooks.example.org/a?b=c"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (GOOD, CallbackUrl(True, "hooks.example.org", 443, "/a?b=c")),
        ("https://hooks.example.org", CallbackUrl(True, "hooks.example.org", 443, "/")),
        ("https://hooks.example.org:443/", CallbackUrl(True, "hooks.example.org", 443, "/")),
        ("https://hooks.example.org?a@b", CallbackUrl(True, "hooks.example.org", 443, "/?a@b")),
        ("https://example.com:8443/x", CallbackUrl(True, "example.com", 8443, "/x")),
    ],
)
def test_url_of_an_allowed_host_is_accepted(url: str, expected: CallbackUrl) -> None:
    assert HOSTS.require(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.org/",
        "ftp://hooks.example.org/",
        "//hooks.example.org/",
        "https:hooks.example.org",
        "https://user@hooks.example.org/",
        "https://user:password@hooks.example.org/",
        "https://hooks.example.org@evil.example/",
        "https://evil.example\\@hooks.example.org/",
        "https://hooks.example.org\\.evil.example/",
        "https://HOOKS.example.org/",
        "https://hooks.example.org./",
        "https://hooks.example.org.evil.example/",
        "https://evil.example/?hooks.example.org",
        "https://evil.example#@hooks.example.org/",
        "https://hooks.example.org/#a",
        "https://hooks.example.org:8443/",
        "https://hooks.example.org:/",
        "https://example.com/",
        "https://hooks.example.org/a b",
        "https://hooks.example.org/a\r\nx: y",
        "https://hooks.example.org/\n",
        "https://hooks.example.org/ä",
        "https://hööks.example.org/",
        " " + GOOD,
        GOOD + "x" * 2048,
        "http://127.0.0.1:9000/",
        "https://2130706433:9000/",
        "",
    ],
)
def test_another_url_is_refused_in_one_sentence(url: str) -> None:
    with pytest.raises(CallbackUrlError, match=r"^[^\n]+: use [^\n]+\.$"):
        HOSTS.require(url)


@given(st.text() | st.text("hooks.example.org:/@#?\\%0127[]http", max_size=60))
def test_any_text_is_refused_or_of_an_allowed_host(text: str) -> None:
    try:
        found = LOCAL.require(text)
    except CallbackUrlError:
        return
    assert (found.host, found.port) in LOCAL.hosts
    assert text.startswith("https://" if found.is_encrypted else "http://127.0.0.1:9000")


def test_loopback_needs_no_tls_in_the_local_stack_only() -> None:
    expected = CallbackUrl(False, "127.0.0.1", 9000, "/x")
    assert LOCAL.require("http://127.0.0.1:9000/x") == expected
    for url in ("http://127.0.0.1/", "http://127.0.0.1:9001/", "http://hooks.example.org:443/"):
        with pytest.raises(CallbackUrlError):
            LOCAL.require(url)


def test_without_hosts_the_error_says_that_there_are_no_webhooks() -> None:
    with pytest.raises(CallbackUrlError, match="sends no webhooks: leave out callback_url"):
        WebhookHosts.from_env({}).require(GOOD)


@pytest.mark.parametrize("text", ["https://a.org", "A.org", "a,", ",", "a b", "a:b", "[::1]"])
def test_malformed_list_is_a_setup_error(text: str) -> None:
    with pytest.raises(SetupError, match="WEBHOOK_HOSTS can't be"):
        WebhookHosts.from_env({"WEBHOOK_HOSTS": text})
