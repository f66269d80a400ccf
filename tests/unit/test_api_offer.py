import pytest

from stemdrop_api.offer import usd_per_audio_minute


def test_the_price_of_a_minute() -> None:
    # 7.6 s of processor time for 3 minutes, with 1769 MB for a processor, whatever the memory is.
    gb_seconds = 7.6 / 3 * 1769 / 1024
    for memory_mb in (1769, 3008, 10240):
        assert usd_per_audio_minute(memory_mb, 2.0) == pytest.approx(2.0 * gb_seconds)
