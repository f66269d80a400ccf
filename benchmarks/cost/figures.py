"""Measured values for the cost page, and values derived from them."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from benchmarks.cost import prices
from benchmarks.cost.bill import BilledDeployment, Runs, SongUsage
from benchmarks.cost.durations import InvocationDurations
from benchmarks.cost.speedup import Speedup, fit, processors
from benchmarks.cost.traffic import RequestKind, Traffic
from stemdrop.codecs import Codec


@dataclass(frozen=True, slots=True)
class Estimate:
    """Durations of invocations, either measured or estimated by the model."""

    cold_s: float
    warm_s: float
    is_measured: bool


def medians(rounds: Sequence[InvocationDurations]) -> InvocationDurations:
    """Return the median durations of cold and warm invocations."""
    return InvocationDurations(
        statistics.median(times.cold_s for times in rounds),
        statistics.median(times.warm_s for times in rounds),
    )


@dataclass(frozen=True, slots=True)
class MeasuredSystem:
    """Measured runs of one system.

    Attributes
    ----------
    times : Memory size in MB to the durations of each round that wasn't killed.
    cores : Number of processors of the measuring machine, the limit of any function.
    killed : Memory sizes at which it ran out of memory at least once.
    shares : Number of processors to the durations with enough memory, for the model only.
    """

    times: Mapping[int, Sequence[InvocationDurations]]
    cores: int
    killed: frozenset[int] = frozenset()
    shares: Mapping[float, Sequence[InvocationDurations]] = field(default_factory=dict)

    def medians(self, memory_mb: int) -> InvocationDurations:
        """Return the median durations at a memory size."""
        return medians(self.times[memory_mb])

    def estimate(self, memory_mb: int) -> Estimate | None:
        """Return the durations at a memory size; None if it is too small or unmeasured."""
        completed = self._completed_sizes
        if not completed or memory_mb <= max(self.killed, default=0):
            return None
        if memory_mb in completed and processors(memory_mb) <= self.cores:
            times = self.medians(memory_mb)
            return Estimate(times.cold_s, times.warm_s, is_measured=True)
        share = processors(memory_mb)
        cold, warm = self.models
        return Estimate(cold.seconds(share), warm.seconds(share), is_measured=False)

    @property
    def _completed_sizes(self) -> list[int]:
        """Return the memory sizes without failures. Runs that are short of memory are slow."""
        return [size for size, rounds in self.times.items() if rounds and size not in self.killed]

    @property
    def models(self) -> tuple[Speedup, Speedup]:
        """Return the models of cold and warm invocations."""
        found = {share: medians(rounds) for share, rounds in self.shares.items()}
        for size in self._completed_sizes:
            found[min(processors(size), self.cores)] = self.medians(size)
        return (
            fit({share: times.cold_s for share, times in found.items()}),
            fit({share: times.warm_s for share, times in found.items()}),
        )


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes of the images in bytes. `kept` is the compressed size of stemdrop's image."""

    ours: int
    spleeter: int
    kept: int


@dataclass(frozen=True, slots=True)
class Template:
    """Defaults of template.yaml.

    Attributes
    ----------
    route_metrics : Number of per-route metrics of the API.
    alarm_metrics, dashboards : Numbers of alarms' metrics and of dashboards with `AlarmAddress`.
    rate_limit : API requests per second.
    concurrency : Concurrent separations.
    message_age_s : Retention of the song queue.
    """

    deployment: BilledDeployment
    route_metrics: int
    alarm_metrics: int
    dashboards: int
    memory_mb: int
    api_memory_mb: int
    timeout_s: int
    max_duration_s: int
    rate_limit: int
    concurrency: int
    message_age_s: int

    def with_counts(self, metrics: int, image_bytes: int) -> "Template":
        """Return a copy with the functions' metrics and the image size."""
        deployment = replace(
            self.deployment,
            metrics=self.deployment.metrics + metrics,
            image_bytes=image_bytes,
        )
        return replace(self, deployment=deployment)


@dataclass(frozen=True, slots=True)
class CostFigures:
    """All values of the page.

    Attributes
    ----------
    song_s : Duration of the song.
    rounds : Number of rounds.
    high : Durations with quality=high at the default memory.
    traffic : Traffic of one song by codec.
    api_cpu_s : Processor time to load the API's handler, and to process a request.
    """

    song_s: int
    rounds: int
    ours: MeasuredSystem
    spleeter: MeasuredSystem
    high: InvocationDurations
    traffic: Mapping[Codec, Traffic]
    api_cpu_s: tuple[float, float]
    sizes: Sizes
    template: Template

    def ratios(self) -> dict[int, InvocationDurations]:
        """Return how many times as long Spleeter takes, at each size that is enough for both.

        Ratios are medians of the ratios per round.
        """
        return {
            size: medians(
                [
                    InvocationDurations(other.cold_s / ours.cold_s, other.warm_s / ours.warm_s)
                    for ours, other in zip(self.ours.times[size], others, strict=True)
                ]
            )
            for size, others in self.spleeter.times.items()
            if size in self.ours.times and size not in self.ours.killed | self.spleeter.killed
        }

    def usd(self, memory_mb: int, seconds: float) -> float:
        """Return the cost of Lambda compute for a duration."""
        price = prices.compute(self.template.deployment.architecture)
        return price.first_usd * memory_mb / 1024 * seconds

    def song(self, codec: Codec) -> SongUsage:
        """Return the usage of the song at the default memory."""
        template, traffic = self.template, self.traffic[codec]
        taken = self.ours.estimate(template.memory_mb)
        if taken is None:
            raise ValueError("The default memory wasn't measured.")
        share = processors(template.api_memory_mb)
        cold_s, warm_s = (cpu_s / share + S3_LATENCY_S for cpu_s in self.api_cpu_s)
        return SongUsage(
            separation=Runs(template.memory_mb, taken.cold_s, taken.warm_s),
            api=Runs(template.api_memory_mb, cold_s + warm_s, warm_s),
            writes=traffic.count(RequestKind.WRITE),
            reads=traffic.count(RequestKind.READ),
            calls=traffic.count(RequestKind.CALL),
            answers_bytes=traffic.answers_bytes,
            uploaded_bytes=traffic.uploaded_bytes,
            stems_bytes=traffic.stems_bytes,
            messages=traffic.count(RequestKind.MESSAGE),
            queue_requests=traffic.queue_requests,
            logs_bytes=traffic.logs_bytes,
        )


# An assumption, because the local S3 has no latency.
S3_LATENCY_S = 0.03
