"""Estimates of the time and the cost of a separation, from measurements of 180 s of audio."""

from stemdrop.models import Model
from stemdrop.options import Quality
from stemdrop_api.schemas import EstimateView

MEASURED_S = 180
# Processor time of `stemdrop separate` for a generated mp3 of 180 s with wav stems, less start-up.
# Models with trivial networks took 2.4 s for 2 stems, 3.2 s for 4 and 3.9 s for 5. The network of
# 2stems took 4.7 s more, which is 2.35 s for each of its instruments. All instruments have the
# same network, and its time is proportional to its bins: 1.5 and 2 times 1,024 bins took 6.5 and
# 8.9 s. For 2stems, this gives the 7.2 s of docs/operations/cost.md within 0.1 s.
SONG_S = 1.6
STEM_S = 0.45
INSTRUMENT_S = 2.35
INSTRUMENT_BINS = 1024
# Both passes of the higher quality, whatever the model: see docs/guide/quality.md.
HIGH_QUALITY_BINS = 2048
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
    vcpus = memory_mb / MB_PER_VCPU
    wall_s = processor_s_per_audio_s(model, quality) / vcpus
    return EstimateView(
        model=model,
        quality=quality,
        seconds_per_audio_minute=round(60 * wall_s, 3),
        usd_per_audio_minute=round(60 * wall_s * memory_mb / 1024 * usd_per_gb_second, 6),
    )


def processor_s_per_audio_s(model: Model, quality: Quality) -> float:
    """Return the processor time for a second of audio, with all stems of a model."""
    bins = HIGH_QUALITY_BINS if quality is Quality.HIGH else model.spec.bins
    network_s = INSTRUMENT_S * bins / INSTRUMENT_BINS
    return (SONG_S + len(model.instruments) * (STEM_S + network_s)) / MEASURED_S
