import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemdrop_separate.audio.tags import (
    LONGEST_TAG,
    LONGEST_TEXT,
    MOST_CHAPTERS,
    MOST_TAGS,
    Chapter,
    Tags,
    clean,
    clean_text,
    parse_tags,
    stem_title,
    write_tags,
)

ESCAPED = str.maketrans({char: f"\\{char}" for char in "=;#\\\n"})


def written(**tags: str) -> str:
    """Write tags as ffmpeg's ffmetadata muxer does."""
    lines = [f"{key}={value.translate(ESCAPED)}" for key, value in tags.items()]
    return "\n".join((";FFMETADATA1", *lines)) + "\n"


def values(ffmetadata: str) -> dict[str, str]:
    return dict(parse_tags(ffmetadata).values)


def test_tags_have_one_name_each() -> None:
    text = written(TITLE="Blue", TBPM="120", initialkey="Am", custom="x", **{"lyrics-eng": "la"})
    expected = {"title": "Blue", "bpm": "120", "key": "Am", "custom": "x", "lyrics": "la"}
    assert values(text) == expected
    assert values(written(tmpo="90", TKEY="F")) == {"bpm": "90", "key": "F"}


@pytest.mark.parametrize(
    "name",
    [
        *("REPLAYGAIN_TRACK_GAIN", "R128_TRACK_GAIN", "iTunSMPB", "encoder", "ENCODED_BY"),
        *("METADATA_BLOCK_PICTURE", "major_brand", "DURATION", "TSSE", "WM/MediaClassPrimaryID"),
    ],
)
def test_what_is_only_true_of_the_song_is_left_out(name: str) -> None:
    assert values(written(**{name: "1"})) == {}


def test_file_without_tags_has_empty_tags() -> None:
    assert parse_tags(";FFMETADATA1\n") == Tags() == parse_tags("")


def test_tag_of_the_file_overrides_its_stream() -> None:
    text = written(title="file") + "[STREAM]\ntitle=stream\nartist=stream\n"
    assert values(text) == {"title": "file", "artist": "stream"}


def test_empty_tag_of_the_file_does_not_override_its_stream() -> None:
    assert values("title=\n[STREAM]\ntitle=stream\n") == {"title": "stream"}


def test_value_with_line_breaks_adds_no_tag() -> None:
    text = written(lyrics="la\nartist=Eve\n", title="a=b;c#d\\e")
    assert values(text) == {"lyrics": "la\nartist=Eve", "title": "a=b;c#d\\e"}


def test_chapters_are_read_in_seconds() -> None:
    sections = (
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=500\nEND=2000\ntitle=Intro\n"
        "[CHAPTER]\nTIMEBASE=0/0\nSTART=x\nEND=2000\n"
        "[CHAPTER]\nTIMEBASE=1/44100\nSTART=88200\nEND=132300\n"
    )
    tags = parse_tags(written(title="Blue") + sections)
    assert tags == Tags({"title": "Blue"}, (Chapter(0.5, 2.0, "Intro"), Chapter(2.0, 3.0, "")))
    assert tags.part(1.0, 1.5).chapters == (Chapter(0.0, 1.0, "Intro"), Chapter(1.0, 1.5, ""))
    assert tags.part(2.5, None).chapters == (Chapter(0.0, 0.5, ""),)


@given(
    st.dictionaries(
        st.sampled_from(["title", "artist", "genre", "comment"]), st.text(), max_size=4
    ),
    st.lists(st.text(), max_size=3),
)
def test_written_tags_round_trip(given: dict[str, str], names: list[str]) -> None:
    chapters = tuple(Chapter(n, n + 0.5, clean(name)) for n, name in enumerate(names))
    tags = Tags(values(written(**given)), chapters)
    read = parse_tags(write_tags(tags, "x", {}))
    assert read == Tags({**tags.values, "title": "x"}, chapters)


@given(st.text())
def test_any_text_is_parsed(text: str) -> None:
    parse_tags(text)


@pytest.mark.parametrize(
    "text", ["title=" + "\\\n" * 500_000, "\\\n" * 500_000 + "=1", "=" * 10**6]
)
def test_a_megabyte_of_anything_is_parsed_at_once(text: str) -> None:
    # Without backtracking: the time was quadratic, and this took minutes.
    assert parse_tags(text) == Tags()


def test_tags_are_bounded() -> None:
    many = written(**{f"tag{n}": "x" * 10_000 for n in range(1000)}, comment="y" * 100_000)
    chapter = "[CHAPTER]\nTIMEBASE=1/1\nSTART=0\nEND=1\n"
    tags = parse_tags(many + 10 * MOST_CHAPTERS * chapter)
    assert len(tags.values) == MOST_TAGS
    assert len(tags.chapters) == MOST_CHAPTERS
    assert max(map(len, tags.values.values())) == LONGEST_TAG
    assert len(values(written(comment="y" * 100_000))["comment"]) == LONGEST_TEXT


@given(st.text())
def test_cleaned_tag_is_one_short_line(text: str) -> None:
    cleaned = clean(text)
    assert len(cleaned) <= LONGEST_TAG
    assert not {unicodedata.category(char) for char in cleaned} & {"Cc", "Cs", "Zl", "Zp"}
    assert clean(cleaned) == cleaned
    assert "\0" not in cleaned
    cleaned.encode()


def test_unencodable_characters_become_spaces() -> None:
    assert clean("a\ud800b\x00c\u2028d") == "a b c d"
    assert clean_text(" a\ud800b\r\nc\x00 \rd\n") == "a b\nc\nd"


def test_emoji_and_accents_are_kept() -> None:
    assert clean("  Dé\u0301jà \n\x00vu 🎸👩\u200d🎤 ") == "Dé\u0301jà vu 🎸👩\u200d🎤"


@pytest.mark.parametrize(
    ("layout", "title"),
    [
        ("{title} ({stem})", "Blue (vocals)"),
        ("{artist} - {title} [{stem}]", "Ann - Blue [vocals]"),
        ("{album}", "vocals"),
        ("{stem}", "vocals"),
    ],
)
def test_title_follows_its_format(layout: str, title: str) -> None:
    tags = Tags({"title": "Blue", "artist": "Ann"})
    assert stem_title(layout, tags, "01", "vocals") == title


def test_song_without_title_is_called_as_its_file() -> None:
    assert stem_title("{title} ({stem})", Tags(), "my\nsong", "drums") == "my song (drums)"


def test_a_long_title_still_names_the_stem() -> None:
    tags = parse_tags(written(title="x" * 10_000))
    assert stem_title("{title} ({stem})", tags, "", "bass") == "x" * LONGEST_TAG + " (bass)"
