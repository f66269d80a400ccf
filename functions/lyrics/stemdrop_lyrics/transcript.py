"""Transcripts of Amazon Transcribe, as words on the song's clock."""

import json
import math
from dataclasses import dataclass, replace
from typing import Any

from stemdrop.errors import LyricsError
from stemdrop.lyrics import Word
from stemdrop.lyrics_languages import TRANSCRIBE_LANGUAGES

LANGUAGES_BY_CODE = {code: language for language, code in TRANSCRIBE_LANGUAGES.items()}


@dataclass(frozen=True, slots=True)
class Transcript:
    """Content of a transcript.

    Attributes
    ----------
    words : Words in the order of their times.
    language_code : Language that was identified, such as ``en-US``; None if it was given.
    """

    words: tuple[Word, ...]
    language_code: str | None


def parse_transcript(body: bytes, offset_s: float) -> Transcript:
    """Return the words of a transcript. Without singing, there are none.

    Source: "Data input and output" in the Amazon Transcribe developer guide.

    Parameters
    ----------
    body : JSON that Amazon Transcribe has written.
    offset_s : Time of the first sample on the song's clock.

    Raises
    ------
    LyricsError : It is something else.
    """
    try:
        results = json.loads(body)["results"]
        words: list[Word] = []
        for item in results["items"]:
            text = str(item["alternatives"][0]["content"]).strip()
            if item["type"] == "pronunciation" and text:
                words.append(_word(text, item, offset_s))
            elif item["type"] == "punctuation" and words:
                words[-1] = replace(words[-1], text=words[-1].text + text)
        code = results.get("language_code")
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise LyricsError("The transcript of Amazon Transcribe is malformed.") from error
    return Transcript(tuple(sorted(words, key=lambda word: word.start_s)), code and str(code))


def language_of(code: str) -> str:
    """Return the ISO 639 code of a language of Amazon Transcribe, such as ``en`` for ``en-GB``."""
    return LANGUAGES_BY_CODE.get(code, code.partition("-")[0])


def _word(text: str, item: Any, offset_s: float) -> Word:
    start_s, end_s, confidence = (
        float(value)
        for value in (item["start_time"], item["end_time"], item["alternatives"][0]["confidence"])
    )
    if not (math.isfinite(confidence) and 0 <= start_s <= end_s < math.inf):
        raise ValueError("A time or a confidence is out of range.")
    return Word(
        text=text,
        start_s=round(start_s + offset_s, 3),
        end_s=round(end_s + offset_s, 3),
        confidence=min(max(confidence, 0.0), 1.0),
    )
