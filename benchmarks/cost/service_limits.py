"""AWS service limits, and the demand at peak."""

from benchmarks.cost.bill import MONTH_S
from benchmarks.cost.figures import CostFigures
from benchmarks.cost.traffic import RequestKind
from stemdrop.codecs import Codec
from stemdrop_api.errors import POLL_S
from stemdrop_separate.job.run_job import RESERVED_S

# Sources: "Lambda quotas", "Configuring scaling behavior for SQS event source mappings" (both AWS
# Lambda developer guide), "Amazon API Gateway quotas", "Best practices design patterns: optimizing
# Amazon S3 performance".
CONCURRENCY, NEW_CONCURRENCY = 1_000, 10
FIRST_INVOCATIONS, MORE_PER_MINUTE = 5, 300
API_CALLS_PER_S = 10_000
S3_WRITES_PER_S, S3_READS_PER_S = 3_500, 5_500
# An assumption: load of the busiest hour relative to the monthly average.
PEAK = 10
LIMIT_ROWS = (
    (
        "The queue's event source runs {few} separations at a time. An account runs {all:,} "
        "functions at a time, and many new accounts only {new}. AWS raises this on request.",
        "{few} at a time separate {few_per_hour:,.0f} songs per hour, and {all:,} separate "
        "{all_per_hour:,.0f}. Further songs wait in the queue. The API shares the account's limit"
        " and returns 503 beyond it.",
        "`SeparateConcurrency` leaves the rest to the API and caps the hourly cost: {few} at a "
        "time cost at most {few_usd:,.2f} USD per hour, {all:,} at most {all_usd:,.2f} USD",
    ),
    (
        "The queue keeps a message for {age_days:.0f} days",
        "{few} at a time separate {few_in_time:,.0f} songs in that time, and {all:,} separate "
        "{all_in_time:,.0f}. SQS deletes older messages, and their songs aren't separated. An "
        "alarm warns long before that (`AlarmAddress`).",
        "`SeparateConcurrency`, `SeparateMemoryMb`",
    ),
    (
        "The event source starts with {first} separations at a time and adds up to {more} per "
        "minute. Each execution environment loads the image.",
        "A cold start takes {longer_s:.1f} s longer here. On AWS, add the time to fetch the used "
        "parts of the image, which wasn't measured. Cold starts right after a deployment take "
        "longest.",
        "`Models` and `Backend` change the size of the image",
    ),
    (
        "The API accepts {rate:,} requests per second, and an account {api_rate:,}",
        "A waiting client polls every {poll_s} s, so {waiting:,} clients can wait at the same "
        "time. Further requests get 429 and are retried.",
        "`ApiRateLimit`, `ApiBurstLimit`",
    ),
    (
        "S3 accepts {put_rate:,} writes and {get_rate:,} reads per second for each prefix",
        "A song with wav stems takes {writes} writes, which allows {songs_per_s:,.0f} songs per "
        "second. S3 splits a prefix that stays busy, and returns 503 until then. These requests "
        "are retried.",
        "`codec`: lossy stems aren't uploaded in parts. Other folders under `drop/` are other "
        "prefixes.",
    ),
    (
        "A separation ends after {timeout_s} s",
        "At {memory_mb:,} MB, that is enough for {longest_min:,.0f} minutes of audio. stemdrop "
        "accepts {max_min:,.0f} minutes.",
        "`SeparateTimeoutS`, `SeparateMemoryMb`, `MaxDurationS`",
    ),
    (
        "A function has {scratch_mb:,} MB of disk",
        "The song, the stems and the archive must fit. Otherwise the job fails with `no_room`.",
        "`SeparateStorageMb`, `MaxUploadMb`, `MaxDurationS`",
    ),
)


def peak_demand_table(figures: CostFigures, songs: tuple[int, ...]) -> str:
    """Return a table of the peak demand for numbers of songs per month."""
    song = figures.song(Codec.WAV)
    limits = (
        ("concurrent separations", song.separation.warm_s, figures.template.concurrency),
        ("API requests per second", float(song.calls), figures.template.rate_limit),
        ("S3 writes per second", float(song.writes), S3_WRITES_PER_S),
        ("S3 reads per second", float(song.reads), S3_READS_PER_S),
    )
    heads = [f"{count:,} songs" for count in songs]
    rows = [
        _row("At peak", *heads, "Limit"),
        _row("---", *("---:" for _ in heads), "---:"),
    ]
    for name, each, limit in limits:
        asked = (PEAK * count / MONTH_S * each for count in songs)
        rows.append(_row(name, *(_against(value, limit) for value in asked), f"{limit:,}"))
    return "\n".join(rows)


def _against(value: float, limit: float) -> str:
    text = f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
    return f"**{text}**" if value > limit else text


def limits_table(figures: CostFigures) -> str:
    """Return a table of the limits, their effects and the related settings."""
    values = {**_about_lambda(figures), **_about_others(figures)}
    head = (_row("Limit", "Effect", "Settings"), _row("---", "---", "---"))
    rows = (_row(*(cell.format(**values) for cell in row)) for row in LIMIT_ROWS)
    return "\n".join((*head, *rows))


def _about_lambda(figures: CostFigures) -> dict[str, float]:
    song, template = figures.song(Codec.WAV), figures.template
    warm_s, usd_per_hour = song.separation.warm_s, figures.usd(template.memory_mb, 3600)
    few = template.concurrency
    return {
        "all": CONCURRENCY,
        "few": few,
        "new": NEW_CONCURRENCY,
        "all_per_hour": _about(CONCURRENCY * 3600 / warm_s),
        "few_per_hour": _about(few * 3600 / warm_s),
        "all_usd": CONCURRENCY * usd_per_hour,
        "few_usd": few * usd_per_hour,
        "age_days": template.message_age_s / 86_400,
        "all_in_time": _about(CONCURRENCY * template.message_age_s / warm_s),
        "few_in_time": _about(few * template.message_age_s / warm_s),
        "first": FIRST_INVOCATIONS,
        "more": MORE_PER_MINUTE,
        "longer_s": song.separation.cold_s - warm_s,
        "timeout_s": template.timeout_s,
        "memory_mb": template.memory_mb,
        "longest_min": _longest_s(figures) / 60,
        "max_min": template.max_duration_s / 60,
        "scratch_mb": template.deployment.scratch_mb,
    }


def _about_others(figures: CostFigures) -> dict[str, float]:
    rate, writes = figures.template.rate_limit, figures.traffic[Codec.WAV].count(RequestKind.WRITE)
    return {
        "rate": rate,
        "api_rate": API_CALLS_PER_S,
        "poll_s": POLL_S,
        "waiting": rate * POLL_S,
        "put_rate": S3_WRITES_PER_S,
        "get_rate": S3_READS_PER_S,
        "writes": writes,
        "songs_per_s": _about(S3_WRITES_PER_S / writes),
    }


def _about(value: float) -> float:
    """Round an estimate to two digits."""
    return float(f"{value:.2g}")


def _longest_s(figures: CostFigures) -> float:
    """Return the longest song within the timeout, if the duration grows linearly."""
    song = figures.song(Codec.WAV)
    left_s = (
        figures.template.timeout_s - RESERVED_S - (song.separation.cold_s - song.separation.warm_s)
    )
    return left_s / song.separation.warm_s * figures.song_s


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
