import pytest

from api_events import ENVIRONMENT
from stemdrop.codecs import Codec
from stemdrop.models import Model
from stemdrop.options import OPTION_NAMES, Options, Quality
from stemdrop_api.capabilities import describe_capabilities
from stemdrop_api.estimates import estimate
from stemdrop_api.settings import ApiSettings


@pytest.mark.parametrize(
    ("model", "quality", "processor_s"),
    [
        ("2stems", "spleeter", 7.2),
        ("2stems", "high", 11.9),
        ("2stems-16kHz", "spleeter", 9.5),
        ("2stems-16kHz", "high", 11.9),
        ("5stems", "spleeter", 15.6),
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


def test_capabilities_describe_every_option_for_a_form() -> None:
    shown = describe_capabilities(ApiSettings.from_env(ENVIRONMENT))
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
