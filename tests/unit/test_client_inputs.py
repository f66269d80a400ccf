import argparse
from pathlib import Path

import pytest

from stemdrop.codecs import Codec
from stemdrop.errors import OptionError
from stemdrop_cli.arguments import add_common_arguments
from stemdrop_cli.inputs import STDIN, SUFFIXES, find_songs


@pytest.fixture(autouse=True)
def music(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (
        "music/b.MP3",
        "music/a.flac",
        "music/cover.jpg",
        "music/._a.flac",
        "music/live/c.wav",
        "music/.cache/d.wav",
        "music/stems/a/vocals.wav",
        "stems/a/vocals.wav",
        "-x.mp3",
        "[ab].mp3",
        "a.mp3",
        "-",
    ):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    Path("empty").mkdir()


def find(*words: str) -> list[str]:
    parser = argparse.ArgumentParser()
    add_common_arguments(parser)
    return [song.as_posix() for song in find_songs(parser.parse_args(words))]


LIVE = "music/live/c.wav"
IN_MUSIC = ["music/a.flac", "music/b.MP3", LIVE, "music/stems/a/vocals.wav"]


@pytest.mark.parametrize(
    ("words", "songs"),
    [
        (["a.mp3", "missing.mp3"], ["a.mp3", "missing.mp3"]),
        (["music"], IN_MUSIC),
        (["music", "-o", "music/stems"], IN_MUSIC[:3]),
        (["."], ["-x.mp3", "[ab].mp3", "a.mp3", *IN_MUSIC]),
        (["music", LIVE, "a.mp3"], [*IN_MUSIC, "a.mp3"]),
        (["mus*"], IN_MUSIC),
        (["mus*/l*"], [LIVE]),
        (["**/vocals.wav"], ["music/stems/a/vocals.wav"]),
        (["stems/**/*.wav"], ["stems/a/vocals.wav"]),
        (["stems/a"], ["stems/a/vocals.wav"]),
        (["stems/a/vocals.wav"], ["stems/a/vocals.wav"]),
        (["stems", "a.mp3"], ["a.mp3"]),
        (["[ab].mp3"], ["[ab].mp3"]),
        (["[a].mp3"], ["a.mp3"]),
        (["./-x.mp3"], ["-x.mp3"]),
        (["--", "-x.mp3"], ["-x.mp3"]),
        (["-i", "music/live", "a.mp3", "--inputs", "[ab].mp3"], [LIVE, "a.mp3", "[ab].mp3"]),
    ],
)
def test_songs_are_found(words: list[str], songs: list[str]) -> None:
    assert find(*words) == songs


def test_a_dash_is_standard_input_and_a_file_of_that_name_has_a_folder() -> None:
    assert find("-") == [str(STDIN)]
    assert find("./-") == [Path("-").absolute().as_posix()]


@pytest.mark.parametrize("given", ["empty", "*.ogg", "music/live/*.mp3"])
def test_what_matches_nothing_is_refused(given: str) -> None:
    with pytest.raises(OptionError, match=r"No songs match|There are no songs in the folder"):
        find("a.mp3", given)


def test_folders_are_searched_for_every_codec_of_stems() -> None:
    assert {codec.suffix for codec in Codec} <= set(SUFFIXES.split(","))
