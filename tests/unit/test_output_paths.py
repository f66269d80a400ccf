from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemdrop.errors import OptionError
from stemdrop.lyrics import LyricsFormat
from stemdrop.options import Options
from stemdrop_separate.output_paths import (
    DEFAULT_FORMAT,
    PLACEHOLDERS,
    Targets,
    name_targets,
    windows_name,
)
from strategies import OPTIONS

OUT = Path("out")
TWO_STEMS = Options()


def name(
    songs: Sequence[str], layout: str = DEFAULT_FORMAT, options: Options = TWO_STEMS
) -> Targets:
    return name_targets([Path(song) for song in songs], OUT, layout, options)


def test_default_format_equals_spleeters() -> None:
    assert name(["music/song.mp3"]) == {
        Path("music/song.mp3"): {
            "vocals": Path("out/song/vocals.wav"),
            "accompaniment": Path("out/song/accompaniment.wav"),
        }
    }


def test_every_placeholder_is_replaced() -> None:
    options = Options.parse({"codec": "mp3", "stems": "vocals", "residual": True})
    layout = "{foldername}-{filename}-{parent}-{extension}-{index}/{{x}}{instrument}.{codec}"
    targets = name(["a/b/c.d.flac"], layout, options)
    assert list(targets[Path("a/b/c.d.flac")].values()) == [
        Path("out/b-c.d-b-flac-1/{x}vocals.mp3"),
        Path("out/b-c.d-b-flac-1/{x}residual.mp3"),
    ]


def test_indexes_have_the_same_number_of_digits() -> None:
    targets = name([f"{n}.mp3" for n in range(10)], "{index}{instrument}.wav")
    assert targets[Path("0.mp3")]["vocals"] == Path("out/01vocals.wav")
    assert targets[Path("9.mp3")]["vocals"] == Path("out/10vocals.wav")


@pytest.mark.parametrize(
    ("layout", "path"),
    [
        (DEFAULT_FORMAT, "song/song.stem.mp4"),
        ("{instrument}.m4a", "song.stem.mp4"),
        ("{filename} - {instrument}.{codec}", "song - stems.stem.mp4"),
        ("{instrument}/{filename}.{codec}", "stems/song.stem.mp4"),
    ],
)
def test_stem_file_has_the_name_of_its_song(layout: str, path: str) -> None:
    options = Options.parse({"model": "4stems", "codec": "m4a", "stem_file": True})
    assert name(["song.mp3"], layout, options)[Path("song.mp3")]["stem_file"] == OUT / path


@pytest.mark.parametrize(
    ("songs", "advised"),
    [
        (["a/01.mp3", "b/01.mp3"], "{parent}/{filename}/{instrument}.{codec}"),
        (["song.mp3", "song.flac"], "{extension}/{filename}/{instrument}.{codec}"),
        (["a/1.mp3", "a/1.wav", "b/1.mp3"], "{parent}/{extension}/{filename}/{instrument}.{codec}"),
        (["x/a/1.mp3", "y/a/1.mp3"], "{index} {filename}/{instrument}.{codec}"),
        (["Song.mp3", "song.mp3"], "{index} {filename}/{instrument}.{codec}"),
    ],
)
def test_advised_format_tells_the_songs_apart(songs: list[str], advised: str) -> None:
    with pytest.raises(OptionError) as raised:
        name(songs)
    assert f"use filename_format '{advised}'." in raised.value.message
    targets = name(songs, advised)
    paths = [str(path).casefold() for stems in targets.values() for path in stems.values()]
    assert len(set(paths)) == 2 * len(songs)


@pytest.mark.parametrize("song", ["x" * 252 + ".mp3", "ü" * 128 + ".mp3"])
def test_path_that_no_disk_takes_is_refused_in_time(song: str) -> None:
    assert name([song[:100] + ".mp3"])
    with pytest.raises(OptionError, match="would be too long"):
        name([song], "{filename}-stems/{instrument}.{codec}")
    with pytest.raises(OptionError, match="would be too long"):
        name(["song.mp3"], "{filename}/" * 1000 + "{instrument}.{codec}")


FORMATS = st.lists(
    st.sampled_from([f"{{{name}}}" for name in PLACEHOLDERS]) | st.sampled_from("/.-_ ax"),
    max_size=6,
).map(lambda parts: "".join(parts) + ".{codec}")
SONGS = st.lists(
    st.builds(
        "{}/{}.{}".format,
        st.sampled_from(("one", "two/one", "out", "out/one")),
        st.sampled_from(("song", "other", "..", "vocals", "{instrument}")),
        st.sampled_from(("mp3", "wav")),
    ),
    max_size=3,
)


@given(SONGS, FORMATS, OPTIONS)
def test_every_stem_has_a_path_of_its_own_inside_the_folder(
    songs: list[str], layout: str, options: Options
) -> None:
    try:
        targets = name(songs, layout, options)
    except OptionError:
        return
    paths = [path.resolve() for stems in targets.values() for path in stems.values()]
    files = len(options.outputs) + (len(LyricsFormat) if options.lyrics else 0)
    assert len(paths) == len(set(paths)) == len(songs) * files
    assert not {Path(song).resolve() for song in songs} & set(paths)
    assert all(OUT.resolve() in path.parents for path in paths)


@given(st.text(st.sampled_from("{}[]!:.<>^=0a_ filename instrument"), max_size=20))
def test_any_format_is_used_or_refused(layout: str) -> None:
    try:
        targets = name(["song.mp3"], f"{layout}/{{instrument}}.wav")
    except OptionError as error:
        assert error.message.endswith(".")  # noqa: PT017
    else:
        assert len(targets[Path("song.mp3")]) == 2


@pytest.mark.parametrize(
    ("layout", "named"),
    [
        ("{song}", "{song}"),
        ("{}", "{}"),
        ("{0}", "{0}"),
        ("{filename.__class__}", "{filename.__class__}"),
        ("{filename[0]}", "{filename[0]}"),
        ("{filename!r}", "{filename!r}"),
        ("{filename:>9999999999}", "{filename:>9999999999}"),
        ("{filename:{0}}", "{filename:{0}}"),
        ("{filename:{codec.__class__}}", "{filename:{codec.__class__}}"),
        ("{Filename}", "{Filename}"),
    ],
)
def test_unknown_placeholder_is_named_with_the_known_ones(layout: str, named: str) -> None:
    with pytest.raises(OptionError) as raised:
        name(["song.mp3"], layout + "{instrument}")
    assert f"has no {named}:" in raised.value.message
    assert ", ".join(f"{{{name}}}" for name in PLACEHOLDERS) in raised.value.message


@pytest.mark.parametrize("layout", ["{", "}", "{filename", "{filename!}", "a}b"])
def test_unfinished_braces_are_an_error(layout: str) -> None:
    with pytest.raises(OptionError, match="can't be read"):
        name(["song.mp3"], layout)


@pytest.mark.parametrize(
    "layout",
    ["/tmp/{instrument}.wav", "../{instrument}.wav", "a/../../{instrument}", "", ".", "./"],  # noqa: S108
)
def test_a_stem_stays_inside_the_folder(layout: str) -> None:
    with pytest.raises(OptionError, match="inside of the output folder"):
        name(["song.mp3"], layout)


@pytest.mark.parametrize(
    ("codec", "layout", "advice"),
    [
        (
            "mp3",
            "{filename}_{instrument}.wav",
            "end filename_format with .{codec}, or use codec=wav.",
        ),
        (
            "wav",
            "{filename}_{instrument}.mp3",
            "end filename_format with .{codec}, or use codec=mp3.",
        ),
        ("wav", "{filename}_{instrument}", "end filename_format with .{codec}."),
        ("alac", "{instrument}.alac", "end filename_format with .{codec}."),
    ],
)
def test_suffix_of_another_format_is_refused(codec: str, layout: str, advice: str) -> None:
    with pytest.raises(OptionError) as raised:
        name(["song.ogg"], layout, Options.parse({"codec": codec}))
    assert raised.value.message.endswith(advice)


@pytest.mark.parametrize("layout", ["{instrument}.WAV", "{instrument}/.wav", "{instrument}.a.wav"])
def test_suffix_of_the_codec_is_accepted(layout: str) -> None:
    assert name(["song.mp3"], layout)


def test_song_without_a_usable_name_stays_inside_the_folder() -> None:
    assert Path("...mp3").stem == ".."
    with pytest.raises(OptionError, match="inside of the output folder"):
        name(["...mp3"])
    with pytest.raises(OptionError, match="inside of the output folder"):
        name(["/song.mp3"], "{foldername}/{instrument}.wav")


@pytest.mark.parametrize(
    "layout", ["{filename}.{codec}", "stem.wav", "{foldername}/{filename}.wav"]
)
def test_stems_of_a_song_do_not_share_a_path(layout: str) -> None:
    with pytest.raises(OptionError, match=r"accompaniment of .* over vocals of"):
        name(["song.mp3"], layout)


def test_one_stem_needs_no_instrument() -> None:
    options = Options.parse({"stems": "vocals"})
    assert name(["song.mp3"], "{filename}.{codec}", options)


def test_songs_of_the_same_name_do_not_share_a_path() -> None:
    with pytest.raises(OptionError, match=r"vocals of two/song.mp3 .* vocals of one/song.mp3"):
        name(["one/song.mp3", "two/song.mp3"])
    targets = name(["one/song.mp3", "two/song.mp3"], "{foldername}/{instrument}.{codec}")
    assert len(targets) == 2


def test_names_that_differ_in_the_suffix_only_do_not_share_a_path() -> None:
    with pytest.raises(OptionError, match="would be written over"):
        name(["song.mp3", "song.wav"])


def test_a_song_given_twice_is_an_error() -> None:
    with pytest.raises(OptionError, match="would be written over"):
        name(["song.mp3", "./song.mp3"])


def test_a_stem_is_not_written_over_a_song(tmp_path: Path) -> None:
    song = tmp_path / "vocals.wav"
    with pytest.raises(OptionError, match=r"vocals of .* over the song"):
        name_targets([song], tmp_path, "{instrument}.{codec}", TWO_STEMS)
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    with pytest.raises(OptionError, match="over the song"):
        name_targets([song], link, "{instrument}.{codec}", TWO_STEMS)


def test_a_stem_is_not_written_over_a_later_song() -> None:
    with pytest.raises(OptionError, match=r"over the song out/vocals\.wav"):
        name(["song.mp3", "out/vocals.wav"], "{instrument}.{codec}")


@pytest.mark.parametrize(
    ("name", "valid"),
    [
        ("song", "song"),
        ("What? <live>: a|b*", "What_ _live__ a_b_"),
        ("etc. . ", "etc_"),
        ("...and", "...and"),
        ("CON", "_CON"),
        ("nul.tar", "_nul.tar"),
        ("com1", "_com1"),
        ("console", "console"),
    ],
)
def test_name_is_made_valid_on_windows(name: str, valid: str) -> None:
    assert windows_name(name) == valid
