import pytest

from stemdrop.options import Quality
from stemdrop_api.capabilities import usd_per_audio_minute


@pytest.mark.parametrize(("quality", "processor_s"), [("spleeter", 7.6), ("high", 11.8)])
def test_the_price_of_a_minute(quality: str, processor_s: float) -> None:
    # Seconds for 3 minutes, with 1769 MB for a processor, whatever the memory is.
    gb_seconds = processor_s / 3 * 1769 / 1024
    for memory_mb in (1769, 3008, 10240):
        price = usd_per_audio_minute(Quality(quality), memory_mb, 2.0)
        assert price == pytest.approx(2.0 * gb_seconds)
