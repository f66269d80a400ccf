"""The options, limits and prices of this installation."""

from dataclasses import Field, fields
from typing import Any

from stemdrop.codecs import Codec
from stemdrop.lyrics import engine_languages
from stemdrop.option_values import BITRATE_RANGE_KBPS
from stemdrop.options import DEPENDENT, LATER, Options, Quality
from stemdrop.pricing import USD_PER_GB_SECOND
from stemdrop_api.estimates import estimate, estimate_lyrics
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

LYRICS_OPTIONS = frozenset({"lyrics", "language"})


def describe_capabilities(settings: ApiSettings) -> Capabilities:
    """Return the options, limits and prices of an installation with these settings."""
    price = USD_PER_GB_SECOND[settings.architecture]
    return Capabilities(
        models=[ModelView(model=model, stems=list(model.instruments)) for model in settings.models],
        codecs=[CodecView(codec=codec, bit_depths=list(codec.bit_depths)) for codec in Codec],
        bitrate_range_kbps=BITRATE_RANGE_KBPS,
        defaults=Options().to_dict() | LATER,
        options=_describe_options(settings),
        limits=SongLimits(
            max_upload_bytes=settings.max_upload_bytes, max_duration_s=settings.max_duration_s
        ),
        retention_days=settings.retention_days,
        url_lifetime_s=settings.url_lifetime_s,
        estimates=[
            estimate(model, quality, settings.separate_memory_mb, price)
            for model in settings.models
            for quality in Quality
        ],
        lyrics=estimate_lyrics(settings.lyrics, settings.separate_memory_mb, price),
    )


def _describe_options(settings: ApiSettings) -> list[OptionView]:
    """Describe all options, those of the lyrics only if there is an engine for them."""
    return [
        _describe_option(option, settings)
        for option in fields(Options)
        if option.name not in LYRICS_OPTIONS or engine_languages(settings.lyrics)
    ]


def _describe_option(option: Field[Any], settings: ApiSettings) -> OptionView:
    schema = SCHEMAS[option.name]
    values = option.metadata.get("values", {})
    if option.name == "model":
        values = {model: values[model] for model in settings.models}
    if option.name == "language":
        known = engine_languages(settings.lyrics)
        values = {code: name for code, name in values.items() if code in known}
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
