"""What can be asked for here, and what it costs."""

from stemdrop.codecs import Codec
from stemdrop.options import BITRATE_RANGE_KBPS, Quality
from stemdrop.pricing import USD_PER_GB_SECOND
from stemdrop_api.option_schema import DEFAULTS
from stemdrop_api.schemas import CodecView, Limits, ModelView, OptionsView
from stemdrop_api.settings import Settings

# Source: docs/reference/benchmarks.md, 7.6 s of processor time for a song of 180 s. In the same
# run, high quality took 1.55 times that: twice the network's time, plus the same overhead.
PROCESSOR_S_PER_AUDIO_S = {Quality.SPLEETER: 7.6 / 180, Quality.HIGH: 11.8 / 180}
# Source: "Configure Lambda function memory" in the AWS Lambda developer guide.
MB_PER_VCPU = 1769


def offer(settings: Settings) -> OptionsView:
    """Return what an application that is set up like this can do."""
    price = USD_PER_GB_SECOND[settings.architecture]
    return OptionsView(
        models=[ModelView(model=model, stems=list(model.instruments)) for model in settings.models],
        codecs=[CodecView(codec=codec, bit_depths=list(codec.bit_depths)) for codec in Codec],
        bitrate_range_kbps=BITRATE_RANGE_KBPS,
        defaults=DEFAULTS,
        limits=Limits(
            max_upload_bytes=settings.max_upload_bytes, max_duration_s=settings.max_duration_s
        ),
        retention_days=settings.retention_days,
        url_lifetime_s=settings.url_lifetime_s,
        usd_per_audio_minute={
            quality: round(usd_per_audio_minute(quality, settings.separate_memory_mb, price), 6)
            for quality in Quality
        },
    )


def usd_per_audio_minute(quality: Quality, memory_mb: int, usd_per_gb_second: float) -> float:
    """Estimate what Lambda asks for the separation of a minute of sound by the 2stems model.

    The estimate takes the processors of the function to be as fast as those of the benchmarks, and
    all of them to be busy. Cold starts, requests, storage and transfer come on top.

    Parameters
    ----------
    memory_mb, usd_per_gb_second : of the separator function.
    """
    wall_s = 60 * PROCESSOR_S_PER_AUDIO_S[quality] / (memory_mb / MB_PER_VCPU)
    return wall_s * memory_mb / 1024 * usd_per_gb_second
