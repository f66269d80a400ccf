import pytest

from api_events import ENVIRONMENT
from stemdrop.codecs import Codec
from stemdrop.options import OPTION_NAMES, Options, Quality
from stemdrop_api.capabilities import describe_capabilities, usd_per_audio_minute
from stemdrop_api.settings import ApiSettings


@pytest.mark.parametrize(("quality", "processor_s"), [("spleeter", 7.6), ("high", 11.8)])
def test_price_of_a_minute_does_not_depend_on_the_memory(quality: str, processor_s: float) -> None:
    # Seconds for 3 minutes with one processor (1769 MB), independent of the memory.
    gb_seconds = processor_s / 3 * 1769 / 1024
    for memory_mb in (1769, 3008, 10240):
        price = usd_per_audio_minute(Quality(quality), memory_mb, 2.0)
        assert price == pytest.approx(2.0 * gb_seconds)


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
