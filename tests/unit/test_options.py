import json
import math
from dataclasses import asdict, fields
from enum import StrEnum
from itertools import combinations, permutations
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stemdrop.codecs import Codec
from stemdrop.errors import OptionError
from stemdrop.models import INSTRUMENTS, Model
from stemdrop.options import LATER, OPTION_NAMES, Clip, Options, Quality
from strategies import ANY_JSON, ANY_TEXT, OPTIONS, TRICKY_TEXT, as_text, given_options

FOUR_STEMS: dict[str, Any] = {"model": "4stems", "codec": "m4a"}


def parse(values: dict[str, Any]) -> Options | OptionError:
    try:
        return Options.parse(values)
    except OptionError as error:
        return error


def test_defaults_are_the_documented_ones() -> None:
    assert Options.parse({}) == Options()
    assert Options().to_dict() == {
        "model": "2stems",
        "stems": ["vocals", "accompaniment"],
        "codec": "wav",
        "bit_depth": "16",
        "offset_s": 0.0,
        "residual": False,
        "zip": False,
    }


def test_every_option_has_a_label_and_a_description() -> None:
    for option in fields(Options):
        assert option.metadata["title"]
        assert option.metadata["description"].endswith(".")
        allowed = option.metadata.get("values", ())
        given = option.default if isinstance(option.default, tuple) else [option.default]
        default = [value for value in given if value is not None]
        assert not allowed or set(default) <= set(allowed)


@pytest.mark.parametrize("enum", [Model, Codec, Quality, Clip])
def test_every_value_of_an_enum_has_a_label(enum: type[StrEnum]) -> None:
    (option,) = (each for each in fields(Options) if isinstance(each.default, enum))
    assert list(option.metadata["values"]) == list(enum)
    assert all(option.metadata["values"].values())


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"language": "en"}, "together with lyrics=true"),
        ({"language": "en", "lyrics": False}, "together with lyrics=true"),
        ({"language": "english", "lyrics": True}, "code of ISO 639"),
        ({"language": "EN", "lyrics": True}, "code of ISO 639"),
        ({"lyrics": "yes"}, "true or false"),
    ],
)
def test_language_is_a_code_and_needs_lyrics(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(OptionError, match=reason):
        Options.parse(given)


@given(OPTIONS)
def test_parse_is_the_inverse_of_to_dict(options: Options) -> None:
    assert Options.parse(json.loads(json.dumps(options.to_dict()))) == options


@given(given_options())
@example({"offset_s": 0, "duration_s": 30})
def test_text_and_json_mean_the_same(values: dict[str, Any]) -> None:
    from_json = Options.parse(values)
    from_text = Options.parse(as_text(values))
    assert from_text == from_json
    assert json.dumps(from_text.to_dict()) == json.dumps(from_json.to_dict())


@given(
    st.dictionaries(
        st.sampled_from(OPTION_NAMES) | ANY_TEXT, ANY_JSON | TRICKY_TEXT | ANY_TEXT, max_size=4
    )
)
@example({"offset_s": 10**400})
@example({"duration_s": -(10**400)})
@example({"stems": [["vocals"]]})
@example({"model": ["2stems"]})
def test_any_value_is_parsed_or_an_option_error(values: dict[str, Any]) -> None:
    parsed = parse(values)
    if isinstance(parsed, Options):
        assert Options.parse(parsed.to_dict()) == parsed
    else:
        assert any(name in parsed.message or repr(name) in parsed.message for name in values)
        assert any(word in parsed.message for word in ("use ", "leave ", "name some"))


@given(ANY_TEXT.filter(lambda name: name not in OPTION_NAMES), ANY_JSON)
def test_unknown_option_lists_the_known_ones(name: str, value: object) -> None:
    with pytest.raises(OptionError) as raised:
        Options.parse({name: value})
    assert repr(name) in raised.value.message
    assert ", ".join(OPTION_NAMES) in raised.value.message


@pytest.mark.parametrize(
    ("values", "allowed"),
    [
        ({"model": "3stems"}, "2stems, 4stems, 5stems, 2stems-16kHz, 4stems-16kHz, 5stems-16kHz"),
        ({"model": "2STEMS"}, "2stems"),
        ({"model": None}, "2stems"),
        ({"stems": "drums"}, "vocals, accompaniment"),
        ({"stems": "vocals,piano", "model": "4stems"}, "vocals, drums, bass, other"),
        ({"stems": ""}, "vocals, accompaniment"),
        ({"stems": []}, "vocals, accompaniment"),
        ({"stems": {"vocals": True}}, "vocals, accompaniment"),
        ({"stems": 1}, "vocals, accompaniment"),
        ({"stems": ["residual"]}, "vocals, accompaniment"),
        ({"codec": "mp4"}, "wav, flac, mp3, ogg, m4a, opus, wma"),
        ({"codec": "WAV"}, "wav"),
        ({"bitrate": "63k"}, "64k to 320k"),
        ({"bitrate": "321k"}, "64k to 320k"),
        ({"bitrate": 192}, "64k to 320k"),
        ({"bitrate": "192"}, "64k to 320k"),
        ({"bitrate": "192k ; rm"}, "64k to 320k"),
        ({"bitrate": "\u0661\u0669\u0662k"}, "64k to 320k"),
        ({"bit_depth": "8"}, "16, 24, 32f"),
        ({"bit_depth": "32f", "codec": "flac"}, "16, 24"),
        ({"bit_depth": "16", "codec": "mp3"}, "use a lossless format"),
        ({"offset_s": -1}, "seconds"),
        ({"offset_s": "1:30"}, "seconds"),
        ({"offset_s": math.nan}, "seconds"),
        ({"offset_s": math.inf}, "seconds"),
        ({"offset_s": True}, "seconds"),
        ({"offset_s": None}, "seconds"),
        ({"duration_s": 0}, "leave it out"),
        ({"duration_s": -5}, "seconds"),
        ({"duration_s": 1e6}, "seconds"),
        ({"residual": "yes"}, "true or false"),
        ({"residual": 1}, "true or false"),
        ({"zip": None}, "true or false"),
        ({"quality": "best"}, "spleeter, high"),
        ({"quality": None}, "spleeter, high"),
        ({"clip": True}, "keep, scale"),
        ({"clip": "SCALE"}, "keep, scale"),
        ({"track": "0"}, "a number from 1, or a language"),
        ({"track": "1 -map 0"}, "a number from 1, or a language"),
        ({"track": "-map"}, "a number from 1, or a language"),
        ({"track": "eng\n"}, "a number from 1, or a language"),
        ({"track": True}, "a number from 1, or a language"),
        ({"stem_file": "true", "model": "4stems"}, "use m4a or alac"),
        ({"stem_file": "true", "codec": "m4a"}, "use the model 4stems"),
        ({"stem_file": "true", "codec": "alac", "model": "5stems"}, "not 5"),
        (FOUR_STEMS | {"stem_file": "true", "residual": "true"}, "not 5"),
        (FOUR_STEMS | {"stem_file": "true", "channels": "source"}, "leave channels out"),
    ],
    ids=str,
)
def test_bad_value_is_named_with_what_is_allowed(values: dict[str, Any], allowed: str) -> None:
    with pytest.raises(OptionError) as raised:
        Options.parse(values)
    assert any(name in raised.value.message for name in values)
    assert allowed in raised.value.message
    assert raised.value.code == "bad_option"


@pytest.mark.parametrize("model", Model)
def test_stems_are_in_the_order_of_the_model(model: Model) -> None:
    instruments = INSTRUMENTS[model.removesuffix("-16kHz")]
    assert Options.parse({"model": model}).stems == instruments
    for count in range(1, len(instruments) + 1):
        for subset in combinations(instruments, count):
            for order in permutations(subset):
                given_names = [*order, order[0]]
                assert Options.parse({"model": model, "stems": given_names}).stems == subset
                text = " , ".join(given_names)
                assert Options.parse({"model": model, "stems": text}).stems == subset


@pytest.mark.parametrize("codec", Codec)
def test_each_codec_has_a_bitrate_or_a_bit_depth(codec: Codec) -> None:
    options = Options.parse({"codec": codec})
    if codec in {Codec.WAV, Codec.FLAC, Codec.AIFF, Codec.ALAC}:
        assert (options.bitrate, options.bit_depth) == (None, "16")
        # A tool that always sends the defaults must not cause another separation.
        assert Options.parse({"codec": codec, "bitrate": "192k"}) == options
    else:
        assert (options.bitrate, options.bit_depth) == ("192k", None)


def test_bitrate_has_one_canonical_form() -> None:
    assert Options.parse({"codec": "mp3", "bitrate": "0096K"}).bitrate == "96k"


def test_a_bit_depth_may_be_a_number() -> None:
    assert Options.parse({"bit_depth": 24}).bit_depth == "24"


def test_later_options_are_written_only_if_not_default() -> None:
    assert LATER.items() <= asdict(Options()).items()
    for name, default in LATER.items():
        assert Options.parse({name: default}) == Options()
        assert name not in Options().to_dict()
    assert Options.parse({"quality": "high"}).to_dict()["quality"] == "high"
    assert Options.parse({"clip": "scale"}).to_dict()["clip"] == "scale"


def test_stem_file_has_any_four_stems() -> None:
    five = {"model": "5stems", "stems": "vocals+piano+drums+bass", "codec": "m4a"}
    rest = {"model": "4stems", "stems": "vocals+drums+bass", "residual": "true", "codec": "alac"}
    for values in (FOUR_STEMS, five, rest):
        assert Options.parse(values | {"stem_file": "true"}).stem_file


def test_residual_is_written_last() -> None:
    assert Options().outputs == ("vocals", "accompaniment")
    options = Options.parse({"model": "4stems", "stems": "bass,vocals", "residual": "true"})
    assert options.outputs == ("vocals", "bass", "residual")
