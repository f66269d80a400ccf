import pytest

from api_events import ENVIRONMENT
from stemdrop.codecs import Codec
from stemdrop.lyrics_languages import LANGUAGES
from stemdrop.models import Model
from stemdrop.options import OPTION_NAMES, Options, Quality
from stemdrop.pricing import transcription_cost_usd
from stemdrop_api.capabilities import describe_capabilities
from stemdrop_api.estimates import WHISPER_S, estimate, estimate_lyrics
from stemdrop_api.schemas import Capabilities
from stemdrop_api.settings import ApiSettings


@pytest.mark.parametrize(
    ("model", "quality", "processor_s"),
    [
        ("2stems", "spleeter", 9.6),
        ("2stems", "high", 15.8),
        ("2stems-16kHz", "spleeter", 12.7),
        ("2stems-16kHz", "high", 15.8),
        ("5stems", "spleeter", 21.6),
    ],
)
def test_estimate_follows_from_the_measured_processor_time(
    model: str, quality: str, processor_s: float
) -> None:
    # Seconds for 3 minutes with one processor (1769 MB); the price doesn't depend on the memory.
    for memory_mb in (1769, 3538, 10240):
        estimated = estimate(Model(model), Quality(quality), memory_mb, 2.0)
        wall_s = processor_s / 3 * 1769 / memory_mb
        assert estimated.seconds_per_audio_minute == pytest.approx(wall_s, rel=0.01)
        gb_seconds = processor_s / 3 * 1769 / 1024
        assert estimated.usd_per_audio_minute == pytest.approx(2.0 * gb_seconds, rel=0.01)


@pytest.mark.parametrize("memory_mb", [1769, 3538])
def test_estimate_of_whisper_follows_from_its_processor_time(memory_mb: int) -> None:
    found = estimate_lyrics("tiny.en", memory_mb, 2.0)
    assert found
    assert found.engine == "whisper tiny.en"
    wall_s = WHISPER_S["tiny.en"] / 3 * 1769 / memory_mb
    assert found.seconds_per_audio_minute == pytest.approx(wall_s, rel=0.01)
    assert found.usd_per_audio_minute == pytest.approx(2.0 * wall_s * memory_mb / 1024, rel=0.01)


def test_estimate_of_transcribe_is_its_price() -> None:
    found = estimate_lyrics("transcribe", 1769, 2.0)
    assert found
    assert (found.engine, found.seconds_per_audio_minute) == ("transcribe", None)
    assert found.usd_per_audio_minute == transcription_cost_usd(60.0)


def test_model_that_was_not_measured_has_no_estimate() -> None:
    found = estimate_lyrics("large-v3", 1769, 2.0)
    assert found
    assert found.engine == "whisper large-v3"
    assert (found.seconds_per_audio_minute, found.usd_per_audio_minute) == (None, None)


def capabilities(lyrics: str) -> Capabilities:
    return describe_capabilities(ApiSettings.from_env(ENVIRONMENT | {"LYRICS": lyrics}))


def test_lyrics_without_an_engine_are_not_offered() -> None:
    shown = capabilities("none")
    assert shown.lyrics is None
    names = {option.name for option in shown.options}
    assert names == set(OPTION_NAMES) - {"lyrics", "language"}


@pytest.mark.parametrize(
    ("lyrics", "known", "unknown"),
    [
        ("tiny.en", {"en"}, set(LANGUAGES) - {"en"}),
        ("tiny", {"en", "la", "yo"}, {"zu", "ab"}),
        ("transcribe", {"en", "zu", "ab"}, {"la", "yo"}),
    ],
)
def test_languages_are_those_of_the_engine(lyrics: str, known: set[str], unknown: set[str]) -> None:
    (language,) = (each for each in capabilities(lyrics).options if each.name == "language")
    offered = {each.value: each.label for each in language.values}
    assert known <= offered.keys()
    assert not unknown & offered.keys()
    assert all(LANGUAGES[code] == name for code, name in offered.items())
    assert list(offered.values()) == sorted(offered.values())


def test_capabilities_describe_every_option_for_a_form() -> None:
    shown = capabilities("tiny")
    options = {option.name: option for option in shown.options}
    assert tuple(options) == OPTION_NAMES
    assert all(option.label and option.description.endswith(".") for option in shown.options)
    assert [value.value for value in options["model"].values] == [
        model.model for model in shown.models
    ]
    depths = {value.value for value in options["bit_depth"].values}
    assert depths == {depth for codec in Codec for depth in codec.bit_depths}
    types = {"model": "string", "stems": "array", "offset_s": "number", "zip": "boolean"}
    assert {name: options[name].type for name in types} == types
    assert (options["offset_s"].minimum, options["offset_s"].maximum) == (0, 1e6)
    for rate in options["bitrate"].examples:
        assert Options.parse({"codec": "mp3", "bitrate": rate}).bitrate == rate
    defaults = {option.name: option.default for option in shown.options if option.default}
    assert Options.parse(defaults) == Options()
