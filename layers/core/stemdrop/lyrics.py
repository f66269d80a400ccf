"""Lyrics of a song: words and lines with their times, and the part of the job record about them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from stemdrop.errors import LanguageUnavailableError
from stemdrop.lyrics_languages import (
    LANGUAGES,
    SPACELESS,
    TRANSCRIBE_LANGUAGES,
    WHISPER_LANGUAGES,
)

WHISPER_FOLDER = "lyrics"  # in the folder of the models, with a folder for each of Whisper's
LONGEST_GAP_S = 0.8
LONGEST_LINE = 42
SENTENCE_ENDS = (".", "!", "?", "…", "\u3002", "\uff01", "\uff1f")  # the last three in Chinese
CLOSING = "\"'”’»)]"


class LyricsEngine(StrEnum):
    """Services that write lyrics; without one, there are none."""

    NONE = "none"
    TRANSCRIBE = "transcribe"
    WHISPER = "whisper"

    @classmethod
    def of(cls, lyrics: str) -> "LyricsEngine":
        """Return the engine that a value of the setting LYRICS names.

        Parameters
        ----------
        lyrics : ``none``, ``transcribe``, or the name of a Whisper model, such as ``tiny.en``.
        """
        return cls(lyrics) if lyrics in {cls.NONE, cls.TRANSCRIBE} else cls.WHISPER


def engine_name(lyrics: str) -> str:
    """Return the name that job records have for the engine of a setting; see `LyricsEngine.of`."""
    engine = LyricsEngine.of(lyrics)
    return f"{engine} {lyrics}" if engine is LyricsEngine.WHISPER else str(engine)


def engine_languages(lyrics: str) -> frozenset[str]:
    """Return the codes of the languages that the engine of a setting knows; see `LyricsEngine.of`.

    Whisper models whose names end in ``.en`` know English only.
    """
    match LyricsEngine.of(lyrics):
        case LyricsEngine.NONE:
            return frozenset()
        case LyricsEngine.TRANSCRIBE:
            return frozenset(TRANSCRIBE_LANGUAGES)
        case LyricsEngine.WHISPER:
            return frozenset({"en"}) if lyrics.endswith(".en") else WHISPER_LANGUAGES


def require_language(
    language: str | None, lyrics: str, advice: str = "leave language out, or choose another one"
) -> None:
    """Refuse a language that the engine of a setting doesn't know; see `LyricsEngine.of`.

    Parameters
    ----------
    language : ISO 639 code, one of LANGUAGES; None if it has to be detected.
    advice : End of the message, which says what to do.

    Raises
    ------
    LanguageUnavailableError : The engine doesn't know the language.
    """
    if language is None or language in engine_languages(lyrics):
        return
    is_transcribe = LyricsEngine.of(lyrics) is LyricsEngine.TRANSCRIBE
    engine = "Amazon Transcribe" if is_transcribe else f"The model {lyrics}"
    raise LanguageUnavailableError(
        f"{engine} doesn't know the language {language!r} ({LANGUAGES[language]}): {advice}."
    )


class LyricsStatus(StrEnum):
    """Status of a song's lyrics; done and failed are final."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"


class LyricsFormat(StrEnum):
    """Formats of the lyrics; the files are ``lyrics.json`` and so on."""

    JSON = "json"
    LRC = "lrc"
    VTT = "vtt"
    SRT = "srt"

    @property
    def filename(self) -> str:
        """Return the name of the file."""
        return f"lyrics.{self}"

    @property
    def media_type(self) -> str:
        """Return the media type of the file."""
        return {
            "json": "application/json",
            "lrc": "text/plain; charset=utf-8",
            "vtt": "text/vtt; charset=utf-8",
            "srt": "application/x-subrip; charset=utf-8",
        }[self]


@dataclass(frozen=True, slots=True)
class LyricsFile:
    """A file with the lyrics in the stems bucket."""

    format: LyricsFormat
    key: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Lyrics:
    """State of a song's lyrics in the job record.

    Attributes
    ----------
    engine : ``transcribe``, or the name of the Whisper model, such as ``whisper tiny.en``.
    language : ISO 639 code of the language; None until it is known, and without words.
    words : Number of words; 0 if nobody sings.
    cost_usd : Price of the transcription.
    files : Files with the lyrics; none if there are no words.
    code, reason : Why there are none, for programs and for people, if the transcription failed.
    deadline_at : Time at which a pending transcription counts as failed.
    """

    status: LyricsStatus
    engine: str
    language: str | None = None
    words: int = 0
    cost_usd: float = 0.0
    files: tuple[LyricsFile, ...] = ()
    code: str | None = None
    reason: str | None = None
    deadline_at: str | None = None
    finished_at: str | None = None


@dataclass(frozen=True, slots=True)
class Word:
    """A word that is sung.

    Attributes
    ----------
    text : Word with the punctuation around it.
    start_s, end_s : Times on the song's clock.
    confidence : Probability that the word is right, 0 to 1.
    """

    text: str
    start_s: float
    end_s: float
    confidence: float


@dataclass(frozen=True, slots=True)
class LyricsLine:
    """Words that are shown together, at least one.

    Attributes
    ----------
    is_spaced : Whether the language has spaces between its words.
    """

    words: tuple[Word, ...]
    is_spaced: bool

    @property
    def separators(self) -> list[str]:
        """Return the space before each word, if it has one; the first word has none."""
        pairs = pairwise(self.words)
        return ["", *(_separator(word, following, self.is_spaced) for word, following in pairs)]

    @property
    def text(self) -> str:
        """Return the words with the spaces between them."""
        pairs = zip(self.separators, self.words, strict=True)
        return "".join(separator + word.text for separator, word in pairs)

    @property
    def start_s(self) -> float:
        """Return the start of the first word."""
        return self.words[0].start_s

    @property
    def end_s(self) -> float:
        """Return the end of the last word."""
        return self.words[-1].end_s


@dataclass(frozen=True, slots=True)
class Transcription:
    """Result of an engine.

    Attributes
    ----------
    words : Words in the order of their times.
    language : ISO 639 code; None if there are no words.
    cost_usd : Price of the transcription.
    """

    words: tuple[Word, ...]
    language: str | None
    cost_usd: float = 0.0

    @property
    def lines(self) -> tuple[LyricsLine, ...]:
        """Return the lines; see `break_lines`."""
        return break_lines(self.words, self.language not in SPACELESS)


def break_lines(words: Iterable[Word], is_spaced: bool = True) -> tuple[LyricsLine, ...]:
    """Return the lines of a song.

    A line ends with a sentence, before a gap of more than 0.8 s, and wherever it would be longer
    than 42 characters. Lines of the same sentence are about as long as each other. A longer word
    has a line of its own.

    Parameters
    ----------
    is_spaced : Whether the language has spaces between its words.
    """
    return tuple(
        LyricsLine(tuple(line), is_spaced)
        for phrase in _phrases(words)
        for line in _balance(phrase, is_spaced)
    )


def _phrases(words: Iterable[Word]) -> Iterator[list[Word]]:
    """Yield the words between the ends of sentences and gaps."""
    phrase: list[Word] = []
    for word in words:
        if phrase and _is_end(phrase[-1], word):
            yield phrase
            phrase = []
        phrase.append(word)
    if phrase:
        yield phrase


def _is_end(word: Word, following: Word) -> bool:
    is_sentence = word.text.rstrip(CLOSING).endswith(SENTENCE_ENDS)
    return is_sentence or following.start_s - word.end_s > LONGEST_GAP_S


def _balance(phrase: list[Word], is_spaced: bool) -> list[list[Word]]:
    """Return as few lines as possible, with the longest one as short as possible."""
    lines = _fill(phrase, is_spaced, LONGEST_LINE)
    for length in range(LONGEST_LINE - 1, 0, -1):
        shorter = _fill(phrase, is_spaced, length)
        if len(shorter) > len(lines):
            break
        lines = shorter
    return lines


def _fill(phrase: list[Word], is_spaced: bool, length: int) -> list[list[Word]]:
    """Return lines with as many words as fit into a length."""
    lines: list[list[Word]] = []
    taken = 0
    for word in phrase:
        if lines:
            taken += len(_separator(lines[-1][-1], word, is_spaced)) + len(word.text)
        if not lines or taken > length:
            lines.append([])
            taken = len(word.text)
        lines[-1].append(word)
    return lines


def _separator(word: Word, following: Word, is_spaced: bool) -> str:
    """Return the space between two words. Without spaces, those in Latin letters still have one."""
    return " " if is_spaced or (word.text[-1:] + following.text[:1]).isascii() else ""
