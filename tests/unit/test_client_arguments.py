import argparse
from dataclasses import Field, fields
from typing import Any

import pytest

from stemdrop.errors import OptionError
from stemdrop.options import OPTION_NAMES, Options
from stemdrop_cli.arguments import add_common_arguments, add_option, parse_options, with_underscores


def parse(*words: str) -> Options:
    parser = argparse.ArgumentParser()
    add_common_arguments(parser)
    return parse_options(parser.parse_args(words))


def test_no_arguments_give_the_default_options() -> None:
    assert parse() == Options()


@pytest.mark.parametrize("option", fields(Options), ids=lambda option: option.name)
def test_help_describes_every_option(option: Field[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "1000")
    parser = argparse.ArgumentParser()
    add_option(parser, option.name)
    text = parser.format_help()
    assert f"--{option.name}" in text
    assert option.metadata["description"][1:].removesuffix(".") in text


SPLEETERS = (
    "--params_filename spleeter:4stems --codec mp3 --bitrate 128k --offset 1.5 --duration 30"
)


@pytest.mark.parametrize(
    "words",
    [
        "-p 4stems -c mp3 -b 128k -s 1.5 -d 30",
        "--model 4stems --codec mp3 --bitrate 128k --offset_s 1.5 --duration_s 30",
        SPLEETERS,
    ],
)
def test_options_accept_short_names_and_spleeters_names(words: str) -> None:
    sound = {"codec": "mp3", "bitrate": "128k"}
    part = {"offset_s": 1.5, "duration_s": 30}
    assert parse(*words.split()) == Options.parse({"model": "4stems", **sound, **part})


def test_every_option_has_a_flag() -> None:
    options = parse("--stems", "vocals", "--residual", "-c", "flac", "--bit_depth", "24")
    assert (options.stems, options.residual, options.bit_depth) == (("vocals",), True, "24")
    parser = argparse.ArgumentParser()
    add_common_arguments(parser)
    dests = set(vars(parser.parse_args([])))
    others = {"songs", "inputs", "output_path", "filename_format", "json", "quiet"}
    assert dests == {*OPTION_NAMES, *others} - {"zip"}


def test_dashes_in_names_of_options_are_underscores() -> None:
    words = ["separate", "--output-path", "a-b", "--bit-depth=32-f", "-x-y", "--", "--a-b.mp3"]
    underscored = [
        "separate",
        "--output_path",
        "a-b",
        "--bit_depth=32-f",
        "-x-y",
        "--",
        "--a-b.mp3",
    ]
    assert with_underscores(words) == underscored


@pytest.mark.parametrize(
    "words", ["-p 6stems", "-c ape", "-s -1", "-d soon", "-c mp3 --bit_depth 16"]
)
def test_invalid_value_is_refused(words: str) -> None:
    with pytest.raises(OptionError):
        parse(*words.split())
