import json
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import assume, example, given

from stemdrop import dedupe
from stemdrop.codecs import Codec
from stemdrop.models import Model
from stemdrop.options import Channels, Clip, Options, Quality, SampleRate
from strategies import OPTIONS, SHA256

SOME_SHA256 = "0" * 64
CHANGED: dict[str, Any] = {
    "model": Model.TWO_STEMS_16KHZ,
    "stems": ("vocals",),
    "codec": Codec.FLAC,
    "bitrate": "128k",
    "bit_depth": "24",
    "offset_s": 1e-6,
    "duration_s": 30.0,
    "residual": True,
    "zip": True,
    "quality": Quality.HIGH,
    "clip": Clip.SCALE,
    "track": "2",
    "title_format": "{stem}",
    "sample_rate": SampleRate.SOURCE,
    "channels": Channels.SOURCE,
    "stem_file": True,
    "lyrics": True,
    "language": "en",
}


def content_digest(sha256: str, options: Options) -> str:
    return dedupe.content_digest(sha256, options.to_dict())


@given(OPTIONS, OPTIONS)
@example(Options.parse({"offset_s": "-0.0"}), Options.parse({"offset_s": 0}))
def test_digests_are_equal_only_for_equal_options(one: Options, other: Options) -> None:
    assert (content_digest(SOME_SHA256, one) == content_digest(SOME_SHA256, other)) is (
        one == other
    )


@pytest.mark.parametrize("option", [field.name for field in fields(Options)])
def test_every_option_changes_the_digest(option: str) -> None:
    changed = replace(Options(), **{option: CHANGED[option]})
    assert content_digest(SOME_SHA256, changed) != content_digest(SOME_SHA256, Options())


@given(SHA256, SHA256, OPTIONS)
def test_every_byte_changes_the_digest(one: str, other: str, options: Options) -> None:
    assume(one != other)
    assert content_digest(one, options) != content_digest(other, options)


@given(OPTIONS)
def test_options_of_a_record_have_the_same_digest(options: Options) -> None:
    given = options.to_dict()
    read = json.loads(json.dumps(given))
    assert dedupe.content_digest(SOME_SHA256, read) == dedupe.content_digest(SOME_SHA256, given)


def test_entry_written_before_an_option_existed_is_found() -> None:
    """The digest from before `quality` and `clip` must not change, because it is an S3 key."""
    before = "eda1b2b9d7ac1b3e26849003f951e1740e0f18703dca3d4f8434cc30431527d0"
    assert content_digest(SOME_SHA256, Options()) == before
    assert (
        content_digest(SOME_SHA256, Options.parse({"quality": "spleeter", "clip": "keep"}))
        == before
    )
