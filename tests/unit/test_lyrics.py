"""Lines of lyrics, and their files."""

import json
import re
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given

from stemdrop.lyrics import (
    LONGEST_GAP_S,
    LONGEST_LINE,
    LyricsEngine,
    LyricsFormat,
    Transcription,
    Word,
    break_lines,
    engine_languages,
)
from stemdrop.lyrics_files import write_lyrics
from stemdrop.lyrics_languages import (
    LANGUAGES,
    SPACELESS,
    TRANSCRIBE_LANGUAGES,
    WHISPER_LANGUAGES,
)
from strategies import lyric_words


def spoken(text: str, *gaps_s: float) -> tuple[Word, ...]:
    """Return words of 0.3 s each, with gaps behind the first ones."""
    words, start_s = [], 1.0
    for index, each in enumerate(text.split()):
        words.append(Word(each, round(start_s, 3), round(start_s + 0.3, 3), 0.9))
        start_s += 0.3 + (gaps_s[index] if index < len(gaps_s) else 0.1)
    return tuple(words)


def texts(words: tuple[Word, ...]) -> list[str]:
    return [line.text for line in break_lines(words)]


@pytest.mark.parametrize(
    ("text", "gaps_s", "lines"),
    [
        ("one two three", (), ["one two three"]),
        ("Is it you? Yes. Oh", (), ["Is it you?", "Yes.", "Oh"]),
        ('He said "stop!" and left', (), ['He said "stop!"', "and left"]),
        ("one two three", (0.8,), ["one two three"]),
        ("one two three", (0.81,), ["one", "two three"]),
        ("12345 " * 8, (), ["12345 12345 12345 12345", "12345 12345 12345 12345"]),
        (
            "I have told you that nobody was waiting there.",
            (),
            ["I have told you that", "nobody was waiting there."],
        ),
        (f"a {'b' * 43} c", (), ["a", "b" * 43, "c"]),
        (f"{'a' * 20} {'b' * 21}", (), [f"{'a' * 20} {'b' * 21}"]),
        (f"{'a' * 20} {'b' * 22}", (), ["a" * 20, "b" * 22]),
        ("", (), []),
    ],
)
def test_lines_end_at_sentences_gaps_and_42_characters(
    text: str, gaps_s: tuple[float, ...], lines: list[str]
) -> None:
    assert texts(spoken(text, *gaps_s)) == lines


def test_words_of_languages_without_spaces_are_joined() -> None:
    words = spoken("你 好 \u3002")
    assert [line.text for line in Transcription(words, "zh").lines] == ["你好\u3002"]
    assert [line.text for line in Transcription(words, "en").lines] == ["你 好 \u3002"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("I love you 愛してる", "I love you愛してる"),
        ("ご 視 聴 Baby, don't 愛 2 times", "ご視聴Baby, don't愛2 times"),
    ],
)
def test_latin_words_of_languages_without_spaces_keep_theirs(text: str, line: str) -> None:
    transcription = Transcription(spoken(text), "ja")
    assert [found.text for found in transcription.lines] == [line]
    files = write_lyrics(transcription, "whisper small")
    assert json.loads(files[LyricsFormat.JSON])["lines"][0]["text"] == line
    assert line in files[LyricsFormat.VTT].decode()
    assert line in files[LyricsFormat.SRT].decode()
    assert re.sub(r"[<[][\d:.]+[]>]", "", files[LyricsFormat.LRC].decode()) == f"{line}\n"


@given(lyric_words())
def test_lines_without_spaces_are_none_too_long(words: tuple[Word, ...]) -> None:
    for line in Transcription(words, "ja").lines:
        assert len(line.text) <= LONGEST_LINE or len(line.words) == 1
        assert line.text.replace(" ", "") == "".join(word.text for word in line.words)


@given(lyric_words())
def test_lines_have_all_words_in_order_and_none_is_too_long(words: tuple[Word, ...]) -> None:
    lines = break_lines(words)
    assert tuple(word for line in lines for word in line.words) == words
    for line in lines:
        assert len(line.text) <= LONGEST_LINE or len(line.words) == 1
        assert line.text == " ".join(word.text for word in line.words)
        for word, following in pairwise(line.words):
            assert following.start_s - word.end_s <= LONGEST_GAP_S


@given(lyric_words())
def test_every_file_has_every_line(words: tuple[Word, ...]) -> None:
    transcription = Transcription(words, "en")
    files = write_lyrics(transcription, "whisper tiny.en")
    if not words:
        assert files == {}
        return
    assert files.keys() == {*LyricsFormat}
    lines = transcription.lines
    described = json.loads(files[LyricsFormat.JSON])
    assert (described["language"], described["engine"]) == ("en", "whisper tiny.en")
    found = [Word(**word) for line in described["lines"] for word in line["words"]]
    assert tuple(found) == words
    lrc = files[LyricsFormat.LRC].decode().split("\n")[:-1]
    plain = [re.sub(r" ?<\d{2,}:\d\d\.\d\d>", "", line).split("] ", 1)[1] for line in lrc]
    assert plain == [line.text for line in lines]
    times = re.findall(r"<(\d{2,}):(\d\d)\.(\d\d)>", files[LyricsFormat.LRC].decode())
    assert len(times) == len(words) + len(lines)
    for name, point in ((LyricsFormat.VTT, "."), (LyricsFormat.SRT, ",")):
        text = files[name].decode()
        clock = rf"\d{{2,}}:\d\d:\d\d{re.escape(point)}\d{{3}}"
        cues = re.findall(rf"^({clock}) --> ({clock})$", text, re.MULTILINE)
        assert len(cues) == len(lines)
        assert all(start < end for start, end in cues)


def test_files_of_a_short_song() -> None:
    words = (
        Word("Rock", 59.996, 60.5, 0.9),
        Word("&", 60.5, 60.6, 0.5),
        Word("roll!", 60.7, 61.0, 1.0),
        Word("Again", 3661.25, 3662.0, 0.75),
    )
    files = write_lyrics(Transcription(words, "en"), "transcribe")
    assert files[LyricsFormat.LRC].decode() == (
        "[01:00.00] <01:00.00> Rock <01:00.50> & <01:00.70> roll! <01:01.00>\n"
        "[61:01.25] <61:01.25> Again <61:02.00>\n"
    )
    assert files[LyricsFormat.VTT].decode() == (
        "WEBVTT\n\n00:00:59.996 --> 00:01:01.000\nRock &amp; roll!\n\n"
        "01:01:01.250 --> 01:01:02.000\nAgain\n"
    )
    assert files[LyricsFormat.SRT].decode() == (
        "1\n00:00:59,996 --> 00:01:01,000\nRock & roll!\n\n"
        "2\n01:01:01,250 --> 01:01:02,000\nAgain\n"
    )


def test_line_without_length_is_shown_for_0_1_s() -> None:
    files = write_lyrics(Transcription((Word("Oh", 59.95, 59.95, 0.9),), "en"), "transcribe")
    assert "00:00:59.950 --> 00:01:00.050\nOh\n" in files[LyricsFormat.VTT].decode()
    assert "00:00:59,950 --> 00:01:00,050\nOh\n" in files[LyricsFormat.SRT].decode()


def test_engine_is_named_by_the_setting() -> None:
    assert LyricsEngine.of("none") is LyricsEngine.NONE
    assert LyricsEngine.of("transcribe") is LyricsEngine.TRANSCRIBE
    assert LyricsEngine.of("tiny.en") is LyricsEngine.WHISPER
    assert engine_languages("none") == frozenset()
    assert engine_languages("tiny.en") == {"en"}
    assert engine_languages("small") == WHISPER_LANGUAGES
    assert engine_languages("transcribe") == TRANSCRIBE_LANGUAGES.keys()


def test_every_language_has_a_name() -> None:
    assert {*LANGUAGES} == WHISPER_LANGUAGES | TRANSCRIBE_LANGUAGES.keys()
    assert {*LANGUAGES} > SPACELESS
    assert list(LANGUAGES.values()) == sorted(LANGUAGES.values())


def test_transcribe_codes_are_those_of_the_service() -> None:
    import boto3

    model = boto3.client("transcribe", "us-east-1").meta.service_model
    assert {*TRANSCRIBE_LANGUAGES.values()} <= {*model.shape_for("LanguageCode").enum}


def test_a_word_is_kept_as_it_is() -> None:
    (word,) = spoken("x")
    (line,) = break_lines([replace(word, text="-->")])
    assert (line.start_s, line.end_s) == (word.start_s, word.end_s)
    text = write_lyrics(Transcription(line.words, "en"), "x")[LyricsFormat.VTT].decode()
    assert text.count("-->") == 1
