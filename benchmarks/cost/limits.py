"""What limits an application, and how far away the limits are."""

from benchmarks.cost.bill import MONTH_S
from benchmarks.cost.figures import CostFigures
from benchmarks.cost.traffic import RequestKind
from stemdrop.options import Codec
from stemdrop_api.errors import POLL_S
from stemdrop_separate.job.run_job import GUARD_S

# Sources: "Lambda quotas", "Configuring scaling behavior for SQS event source mappings" (both AWS
# Lambda developer guide), "Amazon API Gateway quotas", "Best practices design patterns: optimizing
# Amazon S3 performance".
CONCURRENCY, NEW_CONCURRENCY = 1_000, 10
FIRST_INVOCATIONS, MORE_PER_MINUTE = 5, 300
API_CALLS_PER_S = 10_000
S3_WRITES_PER_S, S3_READS_PER_S = 3_500, 5_500
# An assumption: how much busier the busiest hour is than the month is on average.
PEAK = 10
TURNS = (
    (
        "The queue's event source runs {few} separations at the same time; an account runs {all:,} "
        "functions, in many new accounts {new}, and AWS raises that on request",
        "{few} at once separate {few_per_hour:,.0f} songs an hour, and {all:,} separate "
        "{all_per_hour:,.0f}. Further songs wait in the queue. The API shares the account's limit, "
        "and answers 503 beyond it",
        "`SeparateConcurrency` leaves the rest to the API and caps the hourly cost: {few} at once "
        "take at most {few_usd:,.2f} USD an hour, {all:,} at most {all_usd:,.2f} USD",
    ),
    (
        "A message waits for {age_days:.0f} days",
        "{few} at once separate {few_in_time:,.0f} songs in that time, {all:,} separate "
        "{all_in_time:,.0f}. SQS deletes messages that wait longer, and their songs aren't "
        "separated; an alarm says so long before (`AlarmAddress`)",
        "`SeparateConcurrency`, `SeparateMemoryMb`",
    ),
    (
        "The event source starts with {first} separations at the same time and adds up to {more} a "
        "minute, and each environment loads the image",
        "A first song takes {longer_s:.1f} s longer here, and on AWS the time to fetch what it "
        "reads of the image, which isn't measured; those right after a deployment wait longest",
        "`Models` and `Backend` make the image larger or smaller",
    ),
    (
        "The API takes {rate:,} calls a second, an account {api_rate:,}",
        "A waiting client polls every {poll_s} s, so {waiting:,} can wait at the same time. Others "
        "get a 429, and retry",
        "`ApiRateLimit`, `ApiBurstLimit`",
    ),
    (
        "S3 takes {put_rate:,} writes and {get_rate:,} reads a second for each prefix",
        "A song with wav stems has {writes} writes: {songs_per_s:,.0f} songs a second. S3 divides "
        "a prefix that stays busy, and answers 503 until it has, which is tried again",
        "`codec`: lossy stems need no parts; other folders under `drop/`",
    ),
    (
        "A separation ends after {timeout_s} s",
        "With {memory_mb:,} MB that is {longest_min:,.0f} minutes of song; {max_min:,.0f} are "
        "taken",
        "`SeparateTimeoutS`, `SeparateMemoryMb`, `MaxDurationS`",
    ),
    (
        "A function has {scratch_mb:,} MB of disk",
        "Song, stems and zip have to fit; a larger song is rejected",
        "`SeparateStorageMb`, `MaxUploadMb`, `MaxDurationS`",
    ),
)


def demand(figures: CostFigures, songs: tuple[int, ...]) -> str:
    """Return a table of what months with so many songs ask for at their busiest."""
    song = figures.song(Codec.WAV)
    limits = (
        ("separations at the same time", song.separation.warm_s, figures.template.concurrency),
        ("calls of the API per second", float(song.calls), figures.template.rate_limit),
        ("writes to S3 per second", float(song.writes), S3_WRITES_PER_S),
        ("reads from S3 per second", float(song.reads), S3_READS_PER_S),
    )
    heads = [f"{count:,} songs" for count in songs]
    rows = [
        _row("at the busiest time", *heads, "limit"),
        _row("---", *("---:" for _ in heads), "---:"),
    ]
    for name, each, limit in limits:
        asked = (PEAK * count / MONTH_S * each for count in songs)
        rows.append(_row(name, *(_against(value, limit) for value in asked), f"{limit:,}"))
    return "\n".join(rows)


def _against(value: float, limit: float) -> str:
    text = f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
    return f"**{text}**" if value > limit else text


def turns(figures: CostFigures) -> str:
    """Return a table of the limits, of what happens there, and of what to turn."""
    values = {**_about_lambda(figures), **_about_others(figures)}
    head = (_row("limit", "what happens", "what to turn"), _row("---", "---", "---"))
    rows = (_row(*(cell.format(**values) for cell in row)) for row in TURNS)
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
    """Round to as many digits as an estimate has."""
    return float(f"{value:.2g}")


def _longest_s(figures: CostFigures) -> float:
    """Return the longest song that can be done in time, if time grows as the song does."""
    song = figures.song(Codec.WAV)
    left_s = (
        figures.template.timeout_s - GUARD_S - (song.separation.cold_s - song.separation.warm_s)
    )
    return left_s / song.separation.warm_s * figures.song_s


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
