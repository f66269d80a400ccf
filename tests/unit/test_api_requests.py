"""The documented request schema equals the validation rules of the core."""

import json
from dataclasses import fields
from typing import Any

import jsonschema_rs
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from stemdrop.errors import OptionError
from stemdrop.options import LATER, OPTION_NAMES, Options
from stemdrop_api import examples, option_schema, routes
from stemdrop_api.openapi import openapi_document
from stemdrop_api.schemas import JobRequest
from strategies import ANY_JSON, OPTIONS

app = FastAPI()
app.include_router(routes.router)
COMPONENTS = openapi_document(app)["components"]
SCHEMA = COMPONENTS["schemas"]["JobRequest"]
VALIDATOR = jsonschema_rs.validator_for(SCHEMA | {"components": COMPONENTS})
SONG = {"filename": "a.mp3", "size_bytes": 1}


def is_documented(request: dict[str, Any]) -> bool:
    return VALIDATOR.is_valid(request)


def request_of(given: dict[str, Any]) -> JobRequest:
    return JobRequest.model_validate_json(json.dumps(given))


def test_schema_has_every_option_and_nothing_else() -> None:
    assert tuple(option_schema.SCHEMAS) == OPTION_NAMES
    assert SCHEMA["properties"].keys() == {
        "filename", "size_bytes", "sha256", "callback_url", *OPTION_NAMES
    }  # fmt: skip
    assert SCHEMA["additionalProperties"] is False
    for option in fields(Options):
        described = SCHEMA["properties"][option.name]
        assert described["title"] == option.metadata["title"]
        assert described["description"] == option.metadata["description"]


def test_documented_defaults_are_those_of_the_options() -> None:
    documented = {
        name: schema["default"]
        for name, schema in SCHEMA["properties"].items()
        if name in OPTION_NAMES and schema.get("default") is not None
    }
    assert Options.parse(documented) == Options()
    assert documented.keys() == {"model", "codec", "offset_s", "residual", "zip", *LATER}


@pytest.mark.parametrize("example", [examples.REQUEST, examples.KNOWN, examples.PART])
def test_example_request_is_valid(example: dict[str, Any]) -> None:
    assert is_documented(example)
    assert request_of(example).options()


@given(OPTIONS)
def test_any_valid_options_are_accepted(options: Options) -> None:
    request = SONG | options.to_dict()
    assert is_documented(request)
    assert request_of(request).options() == options


@given(st.sampled_from(OPTION_NAMES), ANY_JSON)
def test_undocumented_value_is_refused(name: str, value: Any) -> None:
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
def test_value_of_the_wrong_json_type_is_refused(name: str, value: object) -> None:
    with pytest.raises(OptionError, match=rf"^{name} can't be"):
        option_schema.parse({name: value})
    assert not is_documented(SONG | {name: value})


@pytest.mark.parametrize(("name", "number"), [("bit_depth", 24), ("sample_rate", 44_100)])
def test_a_bit_depth_and_a_sample_rate_may_be_numbers(name: str, number: int) -> None:
    assert option_schema.parse({name: number}) == Options.parse({name: str(number)})
    assert is_documented(SONG | {name: number})


@pytest.mark.parametrize("name", sorted(set(OPTION_NAMES) - {"stems"}))
def test_listed_values_are_accepted(name: str) -> None:
    for schema in SCHEMA["properties"][name]["anyOf"]:
        names = COMPONENTS["schemas"][schema["$ref"].split("/")[-1]] if "$ref" in schema else schema
        for value in names.get("enum", [names["const"]] if "const" in names else []):
            given = {name: value} | ({"lyrics": True} if name == "language" else {})
            assert is_documented(SONG | given)
            assert getattr(option_schema.parse(given), name) == str(value)


def test_null_gives_the_default() -> None:
    nothing = dict.fromkeys(OPTION_NAMES)
    assert option_schema.parse(nothing) == Options()
    assert is_documented(SONG | nothing)


def test_unknown_option_is_refused_with_the_known_ones() -> None:
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
def test_folder_of_a_filename_is_removed(given: str, filename: str) -> None:
    assert is_documented(SONG | {"filename": given})
    assert request_of(SONG | {"filename": given}).filename == filename


@pytest.mark.parametrize(
    "filename",
    ["", ".", "..", " ", ". .", "/", "a/", "a\\", "a/..", "a/ ", "x" * 256, "a\0", "a\nb", "a\x85",
     "\x7f", "a\n", 1, None, ["a"], "\ud800"],
)  # fmt: skip
def test_invalid_filename_is_refused(filename: object) -> None:
    with pytest.raises(ValidationError):
        request_of(SONG | {"filename": filename})
    if filename != "\ud800":
        assert not is_documented(SONG | {"filename": filename})


@given(st.text(max_size=300))
def test_documented_pattern_accepts_the_same_filenames(filename: str) -> None:
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
def test_invalid_size_is_refused(size: object) -> None:
    with pytest.raises(ValidationError):
        request_of(SONG | {"size_bytes": size})


def test_hash_in_capitals_is_accepted() -> None:
    assert request_of(SONG | {"sha256": "AB" * 32}).sha256 == "ab" * 32
    for sha256 in ("ab" * 31, "ab" * 33, "xy" * 32, "ab" * 32 + "\n", 1):
        with pytest.raises(ValidationError):
            request_of(SONG | {"sha256": sha256})
