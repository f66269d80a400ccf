"""Requests for lyrics that can't be written are refused before anything is stored."""

import pytest

from api_events import ENVIRONMENT, Api, ApiResponse, create_handler

SONG = {"filename": "a.mp3", "size_bytes": 1, "lyrics": True}


def request(monkeypatch: pytest.MonkeyPatch, lyrics: str, **more: str) -> ApiResponse:
    """Request a job of an installation with an engine."""
    environment = ENVIRONMENT | {"LYRICS": lyrics}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Api(create_handler(environment)).post("/jobs", SONG | more)


@pytest.mark.parametrize("language", [{}, {"language": "en"}])
def test_lyrics_without_an_engine_are_refused(
    monkeypatch: pytest.MonkeyPatch, language: dict[str, str]
) -> None:
    answer = request(monkeypatch, "none", **language)
    assert (answer.status, answer.json["code"]) == (422, "lyrics_unavailable")
    assert answer.json["detail"] == "This installation writes no lyrics: leave lyrics out."


@pytest.mark.parametrize(
    ("lyrics", "language", "words"),
    [
        ("tiny.en", "fr", "The model tiny.en doesn't know the language 'fr' (French)"),
        ("transcribe", "la", "Amazon Transcribe doesn't know the language 'la' (Latin)"),
        ("tiny", "zu", "The model tiny doesn't know the language 'zu' (Zulu)"),
    ],
)
def test_language_that_the_engine_does_not_know_is_refused(
    monkeypatch: pytest.MonkeyPatch, lyrics: str, language: str, words: str
) -> None:
    answer = request(monkeypatch, lyrics, language=language)
    assert (answer.status, answer.json["code"]) == (422, "language_unavailable")
    assert words in answer.json["detail"]
    assert answer.json["detail"].endswith("use a language of GET /options, or leave lyrics out.")
