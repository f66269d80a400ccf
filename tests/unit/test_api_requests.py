"""What may be asked for: the documentation, and the core's own rules, say the same."""

import json
from dataclasses import fields
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from stemdrop.errors import OptionError
from stemdrop.options import LATER, OPTION_NAMES, Options
from stemdrop_api import examples, option_schema
from stemdrop_api.schemas import JobRequest
from strategies import ANY_JSON, OPTIONS

SCHEMA = JobRequest.model_json_schema()
VALIDATOR = jsonschema_rs.validator_for(SCHEMA)
SONG = {"filename": "a.mp3", "size_bytes": 1}


def is_documented(request: dict[str, Any]) -> bool:
    return VALIDATOR.is_valid(request)


def request_of(given: dict[str, Any]) -> JobRequest:
    return JobRequest.model_validate_json(json.dumps(given))


def test_schema_has_every_option_and_nothing_else() -> None:
    assert tuple(option_schema.SCHEMAS) == OPTION_NAMES
    assert SCHEMA["properties"].keys() == {"filename", "size_bytes", "sha256", *OPTION_NAMES}
    assert SCHEMA["additionalProperties"] is False
    for option in fields(Options):
        described = SCHEMA["properties"][option.name]
        assert described["title"] == option.metadata["title"]
        assert described["description"] == option.metadata["description"]


def test_the_defaults_are_the_cores() -> None:
    documented = {
        name: schema["default"]
        for name, schema in SCHEMA["properties"].items()
        if name in OPTION_NAMES and schema["default"] is not None
    }
    assert Options.parse(documented) == Options()
    assert documented.keys() == {"model", "codec", "offset_s", "residual", "zip", *LATER}


@pytest.mark.parametrize("example", [examples.REQUEST, examples.KNOWN, examples.PART])
def test_the_examples_are_valid(example: dict[str, Any]) -> None:
    assert is_documented(example)
    assert request_of(example).options()


@given(OPTIONS)
def test_all_options_of_the_core_can_be_asked_for(options: Options) -> None:
    request = SONG | options.to_json()
    assert is_documented(request)
    assert request_of(request).options() == options


@given(st.sampled_from(OPTION_NAMES), ANY_JSON)
def test_what_is_not_documented_is_refused(name: str, value: Any) -> None:
    try:
        option_schema.parse({name: value})
    except OptionError as error:
        assert name in error.message  # noqa: PT017
        error.message.encode()
    else:
        assert is_documented(SONG | {name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("offset_s", "30"),
        ("offset_s", True),
        ("duration_s", "nan"),
        ("stems", "vocals,accompaniment"),
        ("stems", []),
        ("bitrate", 192),
        ("residual", "true"),
        ("zip", 1),
        ("zip", "False"),
    ],
)
def test_text_is_no_number_in_json(name: str, value: object) -> None:
    with pytest.raises(OptionError, match=rf"^{name} can't be"):
        option_schema.parse({name: value})
    assert not is_documented(SONG | {name: value})


def test_a_bit_depth_may_be_a_number() -> None:
    assert option_schema.parse({"bit_depth": 24}) == Options.parse({"bit_depth": "24"})
    assert is_documented(SONG | {"bit_depth": 24})


def test_null_is_what_is_not_given() -> None:
    nothing = dict.fromkeys(OPTION_NAMES)
    assert option_schema.parse(nothing) == Options()
    assert is_documented(SONG | nothing)


def test_an_unknown_option_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(OptionError, match="model, stems, codec"):
        request_of(SONG | {"modle": "2stems"}).options()
    assert not is_documented(SONG | {"modle": "2stems"})


@pytest.mark.parametrize(
    ("given", "filename"),
    [
        ("Song.mp3", "Song.mp3"),
        ("C:\\Music\\Song.mp3", "Song.mp3"),
        ("/home/ann/Song.mp3", "Song.mp3"),
        ("../../etc/passwd", "passwd"),
        ("no suffix", "no suffix"),
        (".hidden", ".hidden"),
        ("Größe 🎵.flac", "Größe 🎵.flac"),
        (" spaced ", " spaced "),
        ("x" * 255, "x" * 255),
    ],
)
def test_a_filename_is_the_last_part_of_a_path(given: str, filename: str) -> None:
    assert is_documented(SONG | {"filename": given})
    assert request_of(SONG | {"filename": given}).filename == filename


@pytest.mark.parametrize(
    "filename",
    ["", ".", "..", " ", ". .", "/", "a/", "a\\", "a/..", "a/ ", "x" * 256, "a\0", "a\nb", "a\x85",
     "\x7f", "a\n", 1, None, ["a"], "\ud800"],
)  # fmt: skip
def test_what_is_no_filename(filename: object) -> None:
    with pytest.raises(ValidationError):
        request_of(SONG | {"filename": filename})
    if filename != "\ud800":
        assert not is_documented(SONG | {"filename": filename})


@given(st.text(max_size=300))
def test_filenames_are_documented_as_they_are_checked(filename: str) -> None:
    try:
        kept = request_of(SONG | {"filename": filename}).filename
    except ValidationError:
        assert not is_documented(SONG | {"filename": filename})
    else:
        assert is_documented(SONG | {"filename": filename})
        assert filename.endswith(kept)
        assert kept.strip(". ")
        assert not {"/", "\\"} & set(kept)


@pytest.mark.parametrize("size", [0, -1, 1.5, "1", True, None, 1e400])
def test_what_is_no_size(size: object) -> None:
    with pytest.raises(ValidationError):
        request_of(SONG | {"size_bytes": size})


def test_a_hash_may_be_in_capitals() -> None:
    assert request_of(SONG | {"sha256": "AB" * 32}).sha256 == "ab" * 32
    for sha256 in ("ab" * 31, "ab" * 33, "xy" * 32, "ab" * 32 + "\n", 1):
        with pytest.raises(ValidationError):
            request_of(SONG | {"sha256": sha256})
