import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from stemdrop_separate.audio.tags import LONGEST_TAG, Tags, clean, metadata_arguments, parse_tags

ESCAPED = str.maketrans({char: f"\\{char}" for char in "=;#\\\n"})


def written(**tags: str) -> str:
    """Write tags as ffmpeg's ffmetadata muxer does."""
    lines = [f"{key}={value.translate(ESCAPED)}" for key, value in tags.items()]
    return "\n".join((";FFMETADATA1", *lines)) + "\n"


def test_only_title_artist_and_album_are_read() -> None:
    text = written(TITLE="Blue", Artist="Ann", album="Red", comment="title=no", encoder="x")
    assert parse_tags(text) == Tags("Blue", "Ann", "Red")


def test_file_without_tags_has_empty_tags() -> None:
    assert parse_tags(";FFMETADATA1\n") == Tags() == Tags("", "", "")


def test_tag_of_the_file_overrides_its_stream() -> None:
    text = written(title="file") + "[STREAM]\ntitle=stream\nartist=stream\n"
    assert parse_tags(text) == Tags(title="file", artist="stream")


def test_empty_tag_of_the_file_does_not_override_its_stream() -> None:
    assert parse_tags("title=\n[STREAM]\ntitle=stream\n") == Tags(title="stream")


def test_value_with_line_breaks_adds_no_tag() -> None:
    assert parse_tags(written(lyrics="la\nartist=Eve\n", title="a=b;c#d\\e")) == Tags("a=b;c#d\\e")


@given(st.text(), st.text())
def test_written_tags_round_trip(title: str, artist: str) -> None:
    assert parse_tags(written(title=title, artist=artist)) == Tags(clean(title), clean(artist))


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


def test_emoji_and_accents_are_kept() -> None:
    assert clean("  Dé\u0301jà \n\x00vu 🎸👩\u200d🎤 ") == "Dé\u0301jà vu 🎸👩\u200d🎤"


def test_stem_follows_the_title() -> None:
    arguments = metadata_arguments(Tags("Blue", "Ann", ""), "vocals")
    assert arguments == [
        *("-map_metadata", "-1"),
        *("-metadata", "title=Blue (vocals)"),
        *("-metadata", "artist=Ann"),
    ]


def test_missing_title_is_replaced_by_the_stem() -> None:
    assert "title=drums" in metadata_arguments(Tags(title="\n"), "drums")


def test_a_long_title_still_names_the_stem() -> None:
    (title,) = (part for part in metadata_arguments(Tags("x" * 10_000), "bass") if "=" in part)
    assert title == f"title={'x' * LONGEST_TAG} (bass)"
