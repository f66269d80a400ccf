"""The options, limits and prices of this installation."""

from dataclasses import Field, fields
from typing import Any

from stemdrop.codecs import Codec
from stemdrop.option_values import BITRATE_RANGE_KBPS
from stemdrop.options import DEPENDENT, LATER, Options, Quality
from stemdrop.pricing import USD_PER_GB_SECOND
from stemdrop_api.option_schema import SCHEMAS
from stemdrop_api.schemas import (
    Capabilities,
    CodecView,
    ModelView,
    OptionValue,
    OptionView,
    SongLimits,
)
from stemdrop_api.settings import ApiSettings

# Source: docs/reference/benchmarks.md, 7.6 s of processor time for a song of 180 s. The higher
# quality took 1.55 times that in one run: twice the network's time, and the same time around it.
PROCESSOR_S_PER_AUDIO_S = {Quality.SPLEETER: 7.6 / 180, Quality.HIGH: 11.8 / 180}
# Source: "Configure Lambda function memory" in the AWS Lambda developer guide.
MB_PER_VCPU = 1769


def describe_capabilities(settings: ApiSettings) -> Capabilities:
    """Return the options, limits and prices of an installation with these settings."""
    price = USD_PER_GB_SECOND[settings.architecture]
    return Capabilities(
        models=[ModelView(model=model, stems=list(model.instruments)) for model in settings.models],
        codecs=[CodecView(codec=codec, bit_depths=list(codec.bit_depths)) for codec in Codec],
        bitrate_range_kbps=BITRATE_RANGE_KBPS,
        defaults=Options().to_json() | LATER,
        options=[_describe_option(option, settings) for option in fields(Options)],
        limits=SongLimits(
            max_upload_bytes=settings.max_upload_bytes, max_duration_s=settings.max_duration_s
        ),
        retention_days=settings.retention_days,
        url_lifetime_s=settings.url_lifetime_s,
        usd_per_audio_minute={
            quality: round(usd_per_audio_minute(quality, settings.separate_memory_mb, price), 6)
            for quality in Quality
        },
    )


def _describe_option(option: Field[Any], settings: ApiSettings) -> OptionView:
    schema = SCHEMAS[option.name]
    values = option.metadata.get("values", {})
    if option.name == "model":
        values = {model: values[model] for model in settings.models}
    return OptionView(
        name=option.name,
        label=option.metadata["title"],
        description=option.metadata["description"],
        type=schema.get("type", "string"),
        values=[OptionValue(value=value, label=label) for value, label in values.items()],
        examples=option.metadata.get("examples", []),
        minimum=option.metadata.get("ge", option.metadata.get("gt")),
        maximum=option.metadata.get("lt"),
        default=None if option.name in DEPENDENT else option.default,
    )


def usd_per_audio_minute(quality: Quality, memory_mb: int, usd_per_gb_second: float) -> float:
    """Estimate the cost of Lambda for a minute of audio with the model 2stems.

    The estimate assumes processors as fast as those of the benchmarks, all of them busy. It
    excludes cold starts, requests, storage and transfer.

    Parameters
    ----------
    memory_mb : Memory of the separator function.
    usd_per_gb_second : Price of its processor architecture.
    """
    wall_s = 60 * PROCESSOR_S_PER_AUDIO_S[quality] / (memory_mb / MB_PER_VCPU)
    return wall_s * memory_mb / 1024 * usd_per_gb_second
