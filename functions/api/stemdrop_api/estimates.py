"""Estimates of the time and the cost of separations and lyrics, measured with 180 s of audio."""

from stemdrop.lyrics import LyricsEngine, engine_name
from stemdrop.models import Model
from stemdrop.options import Quality
from stemdrop.pricing import USD_PER_TRANSCRIBED_MINUTE
from stemdrop_api.lyrics_schemas import LyricsEstimateView
from stemdrop_api.schemas import EstimateView

MEASURED_S = 180
# Processor time of `stemdrop separate` for a generated mp3 of 180 s with wav stems, less start-up,
# on a processor with AVX2, as on Lambda. Models with trivial networks took 3.4 s for 2 stems, 4.7 s
# for 4 and 6.1 s for 5. The network of 2stems took 6.3 s more, which is 3.1 s for each of its
# instruments. All instruments have the same network, and its time is proportional to its bins. For
# 2stems, this gives 9.6 s. With S3, it is the 9.9 s of docs/operations/cost.md.
SONG_S = 1.6
STEM_S = 0.9
INSTRUMENT_S = 3.1
INSTRUMENT_BINS = 1024
# Both passes of the higher quality, whatever the model: see docs/guide/quality.md.
HIGH_QUALITY_BINS = 2048
# Processor time of Whisper models for the separated vocals of a real song of 11 s, over and over.
WHISPER_S = {"tiny.en": 5.9}
# Source: "Configure Lambda function memory" in the AWS Lambda developer guide.
MB_PER_VCPU = 1769


def estimate(
    model: Model, quality: Quality, memory_mb: int, usd_per_gb_second: float
) -> EstimateView:
    """Estimate the separation of a minute of audio by Lambda.

    The estimate assumes processors as fast as those of the benchmarks, all of them busy. It
    excludes cold starts, the queue, requests, storage and transfer.

    Parameters
    ----------
    memory_mb : Memory of the separator function.
    usd_per_gb_second : Price of its processor architecture.
    """
    seconds, usd = _on_lambda(processor_s_per_audio_s(model, quality), memory_mb, usd_per_gb_second)
    return EstimateView(
        model=model, quality=quality, seconds_per_audio_minute=seconds, usd_per_audio_minute=usd
    )


def estimate_lyrics(
    lyrics: str, memory_mb: int, usd_per_gb_second: float
) -> LyricsEstimateView | None:
    """Estimate the lyrics of a minute of audio, in addition to the separation.

    Parameters
    ----------
    lyrics : Engine for lyrics: none, transcribe, or the name of a Whisper model.
    memory_mb, usd_per_gb_second : As for `estimate`.
    """
    seconds: float | None = None
    usd: float | None = None
    match LyricsEngine.of(lyrics):
        case LyricsEngine.NONE:
            return None
        case LyricsEngine.TRANSCRIBE:
            usd = USD_PER_TRANSCRIBED_MINUTE
        case LyricsEngine.WHISPER if lyrics in WHISPER_S:
            processor_s = WHISPER_S[lyrics] / MEASURED_S
            seconds, usd = _on_lambda(processor_s, memory_mb, usd_per_gb_second)
    return LyricsEstimateView(
        engine=engine_name(lyrics), seconds_per_audio_minute=seconds, usd_per_audio_minute=usd
    )


def _on_lambda(processor_s: float, memory_mb: int, usd_per_gb_second: float) -> tuple[float, float]:
    """Return seconds and USD for a minute of audio, from processor time for a second of it."""
    wall_s = 60 * processor_s / (memory_mb / MB_PER_VCPU)
    return round(wall_s, 3), round(wall_s * memory_mb / 1024 * usd_per_gb_second, 6)


def processor_s_per_audio_s(model: Model, quality: Quality) -> float:
    """Return the processor time for a second of audio, with all stems of a model."""
    bins = HIGH_QUALITY_BINS if quality is Quality.HIGH else model.spec.bins
    network_s = INSTRUMENT_S * bins / INSTRUMENT_BINS
    return (SONG_S + len(model.instruments) * (STEM_S + network_s)) / MEASURED_S
